//! What is wrong with a question, or with who asks.

use axum::http::Method;
use serde_json::{Value, json};

use super::{decision, question};
use crate::policies::{EDITOR, SHOP, world};
use crate::support::{Caller, Response};

const EVALUATION: &str = "/access/v1/evaluation";
const ENDPOINTS: [&str; 6] = [
    EVALUATION,
    "/access/v1/evaluations",
    "/access/v1/search/subject",
    "/access/v1/search/resource",
    "/access/v1/search/action",
    "/access/v1/filter",
];

async fn send(by: &Caller, path: &str, media: &str, body: &str) -> Response {
    let send = by.send_with(Method::POST, path, body, |request| {
        if media.is_empty() { request } else { request.header("content-type", media) }
    });
    send.await
}

#[tokio::test]
async fn what_cannot_be_read_is_400() {
    let (server, _root) = world().await;
    let shop = server.backend(SHOP).await;
    let whole = question("ada", "read", json!({}));
    let refused = (400, "invalid_request_body");
    for path in ENDPOINTS {
        for body in ["", "{", "[]", "5", "null", "\"x\"", "{} {}", r#"{"subject": []}"#] {
            assert_eq!(send(&shop, path, "application/json", body).await.refusal(), refused, "{path} {body}");
        }
        for media in ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
            assert_eq!(send(&shop, path, media, &whole.to_string()).await.refusal(), refused, "{path} {media}");
        }
    }
    for media in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        assert_eq!(send(&shop, EVALUATION, media, &whole.to_string()).await.status, 200, "{media}");
    }
    for (entity, member) in
        [("subject", "type"), ("subject", "id"), ("action", "name"), ("resource", "type"), ("resource", "id")]
    {
        let mut without = whole.clone();
        without[entity].as_object_mut().expect("an entity").remove(member);
        let mut of_another_type = whole.clone();
        of_another_type[entity][member] = json!(123);
        let mut gone = whole.clone();
        gone.as_object_mut().expect("a question").remove(entity);
        for bad in [without, of_another_type, gone] {
            let answer = send(&shop, EVALUATION, "application/json", &bad.to_string()).await;
            assert_eq!(answer.refusal(), refused, "{bad}");
            assert!(answer.detail().contains(entity), "{answer:?}");
        }
    }
    for (field, bad) in
        [("context", json!([])), ("context", json!({"a": "x".repeat(17_000)})), ("subject", json!("ada"))]
    {
        let mut asked = whole.clone();
        asked[field] = bad;
        assert_eq!(shop.post(EVALUATION, asked).await.refusal(), refused, "{field}");
    }
    let mut large = whole.clone();
    large["resource"]["properties"] = json!({"a": "x".repeat(100_000)});
    assert_eq!(shop.post(EVALUATION, large).await.refusal(), (413, "request_body_too_large"));
}

#[tokio::test]
async fn in_the_place_of_one_of_several_words_all_are_named() {
    let (server, _root) = world().await;
    let shop = server.backend(SHOP).await;
    let mut asked = question("ada", "read", json!({}));
    for (path, field, bad, words) in [
        ("/access/v1/filter", "dialect", json!(5), "`dialect`: must be one of `postgres`, `mysql`, `sqlite`"),
        (
            "/access/v1/evaluations",
            "options",
            json!({"evaluations_semantic": 5}),
            "`options.evaluations_semantic`: must be one of `execute_all`, `deny_on_first_deny`",
        ),
    ] {
        asked[field] = bad;
        let refused = shop.post(path, asked.clone()).await;
        assert!(refused.status == 400 && refused.detail().contains(words), "{refused:?}");
    }
    let odd = r#"{"subject": {"type": "user", "id": "\ud83e"}}"#;
    let refused = send(&shop, EVALUATION, "application/json", odd).await;
    assert!(refused.status == 400 && refused.detail().contains("`subject.id`: has one half"), "{refused:?}");
}

#[tokio::test]
async fn what_nobody_knows_of_is_ignored() {
    let (server, _root) = world().await;
    server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let shop = server.backend(SHOP).await;
    let mut asked = question("ada", "read", json!({}));
    asked["foo"] = json!("bar");
    asked["subject"]["more"] = json!({"nested": [1]});
    asked["context"] = Value::Null;
    assert_eq!(decision(&shop.post(EVALUATION, asked).await), Some(true));
}

#[tokio::test]
async fn who_asks_is_refused_before_what_they_ask() {
    let (server, root) = world().await;
    let shop = server.backend(SHOP).await;
    let path = format!("/services/1/keys/{}", shop.id);
    root.delete(&path).await.ok();
    let anonymous = server.anonymous();
    for path in ENDPOINTS {
        for body in ["", "{}", "[]"] {
            let answer = send(&shop, path, "application/json", body).await;
            assert_eq!(answer.refusal(), (401, "invalid_token"), "{path} {body}");
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer:?}");
            let answer = send(&anonymous, path, "application/json", body).await;
            assert_eq!(answer.refusal(), (401, "missing_token_header"), "{path} {body}");
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer:?}");
        }
        assert_eq!(anonymous.send(Method::GET, path, "").await.status, 405, "{path}");
        assert_eq!(anonymous.send(Method::PUT, path, "{}").await.status, 405, "{path}");
    }
}

#[tokio::test]
async fn a_request_keeps_the_id_that_its_asker_gives_it() {
    let (server, _root) = world().await;
    let shop = server.backend(SHOP).await;
    let asked = question("ada", "read", json!({})).to_string();
    let under = |id: String, body: String| {
        let shop = shop.clone();
        async move {
            let send = shop.send_with(Method::POST, EVALUATION, &body, |request| {
                request.header("content-type", "application/json").header("x-request-id", id)
            });
            send.await
        }
    };
    let id = "conformance-bfe9eb29-ab87-4ca3-be83-a1d5d8305716";
    for body in [asked.as_str(), "{"] {
        let answer = under(id.to_owned(), body.to_owned()).await;
        assert_eq!(answer.header("x-request-id"), id);
        assert!(answer.status == 200 || answer.body["request_id"] == id, "{answer:?}");
    }
    for odd in ["x".repeat(129), "a b".to_owned(), String::new()] {
        let answer = under(odd.clone(), asked.clone()).await;
        assert!(answer.status == 200 && answer.header("x-request-id").len() == 32, "{odd}: {answer:?}");
    }
    let elsewhere = shop
        .send_with(Method::POST, "/check-tokens", r#"{"tokens": ["x"]}"#, |request| request.header("x-request-id", id));
    assert_ne!(elsewhere.await.header("x-request-id"), id, "only where the standard asks for it");
}
