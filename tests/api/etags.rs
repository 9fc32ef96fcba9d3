//! `PATCH`, `ETag` and `If-Match`: nobody overwrites what they have not seen.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Caller, Response, Server};
use crate::users::{ada, with};

async fn if_match(caller: &Caller, method: Method, path: &str, tag: &str, body: &Value) -> Response {
    caller.send_with(method, path, &body.to_string(), |request| request.header("if-match", tag)).await
}

/// One resource of each kind, and a change of it.
async fn resources(root: &Caller) -> [(String, Value); 4] {
    let ada = root.post("/users", ada()).await.ok().id();
    let name = || json!({"name": "First"});
    let role = root.post("/roles", name()).await.ok().id();
    let permission = root.post("/permissions", name()).await.ok().id();
    let service = root.post("/services", name()).await.ok().id();
    [
        (format!("/users/{ada}"), json!({"name": "Second"})),
        (format!("/roles/{role}"), json!({"name": "Second"})),
        (format!("/permissions/{permission}"), json!({"name": "Second"})),
        (format!("/services/{service}"), json!({"name": "Second"})),
    ]
}

#[tokio::test]
async fn a_patch_answers_what_it_made_of_the_resource() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for (path, change) in resources(&root).await {
        let patched = root.patch(&path, change).await.ok();
        assert_eq!(patched.body["name"], "Second", "{path}");
        let seen = root.get(&path).await;
        assert_eq!(patched.header("etag"), seen.header("etag"), "{path}");
        for (field, value) in patched.body.as_object().expect("a resource") {
            assert_eq!(&seen.body[field], value, "{field} of {path}");
        }
        assert_eq!(root.patch(&path, json!({})).await.refusal(), (400, "invalid_request_body"), "{path}");
    }
}

#[tokio::test]
async fn a_change_of_another_state_than_the_one_seen_is_refused() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for (path, change) in resources(&root).await {
        let seen = root.get(&path).await.ok();
        let tag = seen.header("etag");
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 20, "{tag}");
        let other = format!("\"x\", {tag}");
        let changed = if_match(&root, Method::PATCH, &path, &other, &change).await.ok();
        assert_ne!(changed.header("etag"), tag);
        let third = json!({"name": "Third"});
        for method in [Method::PUT, Method::PATCH, Method::DELETE] {
            let late = if_match(&root, method.clone(), &path, tag, &third).await;
            assert_eq!(late.refusal(), (412, "precondition_failed"), "{method} {path}");
            let weak = format!("W/{}", changed.header("etag"));
            let weak = if_match(&root, method.clone(), &path, &weak, &third).await;
            assert_eq!(weak.refusal(), (412, "precondition_failed"), "{method} {path}");
            let malformed = if_match(&root, method.clone(), &path, "abc", &third).await;
            assert_eq!(malformed.refusal(), (400, "invalid_header"), "{method} {path}");
        }
        assert_eq!(root.get(&path).await.body["name"], "Second", "{path}");
        if_match(&root, Method::PUT, &path, changed.header("etag"), &third).await.ok();
        if_match(&root, Method::DELETE, &path, "*", &Value::Null).await.ok();
        let gone = if_match(&root, Method::DELETE, &path, "*", &Value::Null).await;
        assert_eq!(gone.status, 404, "what would be refused anyway is refused for that (RFC 9110 section 13.2.1)");
    }
}

#[tokio::test]
async fn of_two_updates_of_one_state_exactly_one_wins() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "12")]).await;
    let root = server.administrator().await;
    for (path, _) in resources(&root).await {
        let tag = root.get(&path).await.header("etag").to_owned();
        let updates = (0..10).map(|n| {
            let (root, path, tag) = (root.clone(), path.clone(), tag.clone());
            async move {
                let method = if n % 2 == 0 { Method::PUT } else { Method::PATCH };
                if_match(&root, method, &path, &tag, &json!({"name": format!("Name {n}")})).await
            }
        });
        let answers = Caller::together(updates).await;
        let won = answers.iter().filter(|answer| answer.status == 200).count();
        let lost = answers.iter().filter(|answer| answer.refusal() == (412, "precondition_failed")).count();
        assert_eq!((won, lost), (1, 9), "{path}: {answers:?}");
    }
}

#[tokio::test]
async fn what_is_not_shown_of_a_person_is_part_of_their_state_but_logins_are_not() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let ada = root.post("/users", ada()).await.ok().id();
    let path = format!("/users/{ada}");
    let tag = async || root.get(&path).await.header("etag").to_owned();
    let first = tag().await;
    server.anonymous().log_in("ada", "a passphrase of hers").await.ok();
    assert_eq!(tag().await, first);
    let mut tags = vec![first];
    for change in [
        json!({"document_number": "1"}),
        json!({"person_type": "J"}),
        json!({"password": "another passphrase"}),
        json!({"name": "Ada Q."}),
    ] {
        root.put(&path, change).await.ok();
        let new = tag().await;
        assert!(!tags.contains(&new), "{tags:?}");
        tags.push(new);
    }
}

#[tokio::test]
async fn a_tag_tells_no_more_than_the_resource() {
    let server = Server::on_a_fresh_database().await;
    let (root, nobody) = (server.administrator().await, server.powerless().await);
    let id = root.post("/users", with(ada(), "username", "eva")).await.ok().id();
    let refused = if_match(&nobody, Method::PATCH, &format!("/users/{id}"), "\"x\"", &json!({"name": "Eva"})).await;
    assert_eq!(refused.refusal(), (403, "insufficient_permissions"));
    let chief = server.person_with("chief", &[(0, 0)]).await;
    let writer = server.person_with("writer", &[(0, -1)]).await;
    let path = format!("/users/{}", chief.id);
    let refused = if_match(&writer, Method::PATCH, &path, "\"x\"", &json!({"name": "Mine"})).await;
    assert_eq!(refused.refusal(), (403, "insufficient_permissions"), "before its state is compared");
}
