//! Who has logged in.

use axum::http::Method;
use serde_json::json;
use time::Duration;

use crate::support::oauth::{Client, NewAuthorization, NewClient, post_form};
use crate::support::{Caller, Response, Server};

async fn get(caller: &Caller, token: &str) -> Response {
    caller.send_with(Method::GET, "/oauth/userinfo", "", |r| r.header("authorization", format!("Bearer {token}"))).await
}

async fn token_of(server: &Server, client: &Client, new: NewAuthorization<'_>) -> String {
    let code = server.authorize(client, 7, new).await;
    client.redeem(&code).await.ok().body["access_token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn it_tells_by_scope_in_each_of_three_ways() {
    let server = Server::on_the_demo_data().await;
    server.execute("update auth.person set email = 'juan@example.com', email_verified_at = now() where id = 7").await;
    let client = server.client(NewClient::default()).await;
    let caller = server.anonymous();
    let email = json!({"email": "juan@example.com", "email_verified": true});
    for (scopes, expected) in [
        (&["openid"][..], json!({})),
        (&["openid", "email"], email.clone()),
        (&["openid", "profile"], json!({"name": "Juan Demo", "preferred_username": "juan"})),
    ] {
        let token = token_of(&server, &client, NewAuthorization { scopes, ..NewAuthorization::default() }).await;
        let bearer = format!("Bearer {token}");
        let by_post =
            post_form(&caller, "/oauth/userinfo", &[], |request| request.header("authorization", &bearer)).await;
        let by_body = post_form(&caller, "/oauth/userinfo", &[("access_token", &token)], |request| request).await;
        for answer in [get(&caller, &token).await, by_post, by_body] {
            let mut said = answer.ok().body;
            assert_eq!(said["sub"].take(), "7");
            let members = said.as_object_mut().expect("an object");
            let updated_at = members.remove("updated_at");
            assert_eq!(updated_at.is_some_and(|seconds| seconds.is_i64()), scopes.contains(&"profile"));
            members.remove("sub");
            assert_eq!(said, expected, "{scopes:?}");
        }
    }
    let claims = Some(json!({"userinfo": {"email": {"essential": true}, "phone_number": null}}));
    let scopes: &[&str] = &["openid"];
    let token = token_of(&server, &client, NewAuthorization { scopes, claims, ..NewAuthorization::default() }).await;
    assert_eq!(get(&caller, &token).await.ok().body, json!({"sub": "7", "email": "juan@example.com"}));
}

#[tokio::test]
async fn whoever_brings_no_good_token_hears_why_as_rfc_6750_has_it() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let caller = server.anonymous();
    let token = token_of(&server, &client, NewAuthorization::default()).await;
    let none = caller.get("/oauth/userinfo").await;
    assert_eq!((none.status, none.header("www-authenticate")), (401, r#"Bearer realm="portero""#));
    let session = server.demo("juan").await;
    for bad in ["nonsense", session.token(), &token[..token.len() - 1]] {
        let answer = get(&caller, bad).await;
        assert_eq!(answer.refusal(), (401, "invalid_token"), "{bad}");
    }
    let bearer = format!("Bearer {token}");
    let header = |request: axum::http::request::Builder| request.header("authorization", &bearer);
    let twice = post_form(&caller, "/oauth/userinfo", &[("access_token", token.as_str())], header).await;
    assert_eq!(twice.refusal(), (400, "invalid_request"));
    let in_query = caller.get(&format!("/oauth/userinfo?access_token={token}")).await;
    assert_eq!(in_query.status, 401, "never in a URL");

    let without: &[&str] = &["profile"];
    let without = token_of(&server, &client, NewAuthorization { scopes: without, ..NewAuthorization::default() }).await;
    for token in [without, client.of_itself().await] {
        let answer = get(&caller, &token).await;
        assert_eq!(answer.refusal(), (403, "insufficient_scope"));
        assert!(answer.header("www-authenticate").contains(r#"scope="openid""#), "{answer:?}");
    }
    server.app.clock.turn(Duration::seconds(300));
    assert_eq!(get(&caller, &token).await.refusal(), (401, "invalid_token"));
}

#[tokio::test]
async fn a_disabled_person_is_nobody() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let token = token_of(&server, &client, NewAuthorization::default()).await;
    server.demo("adm1").await.post("/users/7/disable", json!({})).await.ok();
    assert_eq!(get(&server.anonymous(), &token).await.refusal(), (401, "invalid_token"));
}
