//! What a token is good for now, and who may ask.

use serde_json::{Value, json};
use time::Duration;

use crate::support::oauth::{NewAuthorization, NewClient, basic, post_form};
use crate::support::{Caller, Response, Server};

const JUAN: i32 = 7;
const INACTIVE: fn() -> Value = || json!({"active": false});

async fn by_key(backend: &Caller, token: &str) -> Response {
    post_form(backend, "/oauth/introspect", &[("token", token)], |request| request).await
}

#[tokio::test]
async fn an_active_token_is_told_whole() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let scopes: &[&str] = &["openid", "UI Store:read"];
    let code = server.authorize(&client, JUAN, NewAuthorization { scopes, ..NewAuthorization::default() }).await;
    let answer = client.redeem(&code).await.ok();
    let token = answer.body["access_token"].as_str().expect("a token");
    let now = server.app.clock.now().unix_timestamp();
    let said = client.introspect(token).await;
    let (exp, iat) = (said["exp"].as_i64().expect("a number"), said["iat"].as_i64().expect("a number"));
    assert!((now - 5..=now).contains(&iat) && exp - iat == 300, "{said}");
    let expected = json!({
        "active": true, "scope": "openid UI%20Store:read", "client_id": "app", "username": "juan", "token_type": "Bearer",
        "exp": exp, "iat": iat, "auth_time": said["auth_time"], "acr": "1", "sub": "7", "aud": "UI Store", "iss": server.app.issuer.as_str(),
    });
    assert_eq!(said, expected);
    let hint = client.post("/oauth/introspect", &[("token", token), ("token_type_hint", "refresh_token")]).await.ok();
    assert_eq!(hint.body, expected, "a hint is a hint");
    assert_eq!(by_key(&server.backend(4).await, token).await.ok().body, expected);
}

#[tokio::test]
async fn a_lost_role_is_lost_in_the_very_next_answer() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient { audience: &[1, 4], ..NewClient::default() }).await;
    let backend = server.backend(4).await;
    let scopes: &[&str] = &["openid", "UI Store:read"];
    let new = NewAuthorization { scopes, services: &[1, 4], ..NewAuthorization::default() };
    let code = server.authorize(&client, JUAN, new).await;
    let answer = client.redeem(&code).await.ok();
    let token = answer.body["access_token"].as_str().expect("a token");
    assert_eq!(client.introspect(token).await["scope"], "openid UI%20Store:read");
    assert_eq!(client.introspect(token).await["aud"], json!(["Service A", "UI Store"]));
    server.take(JUAN, 4).await;
    assert_eq!(client.introspect(token).await["scope"], "openid");
    assert_eq!(by_key(&backend, token).await.ok().body["scope"], "openid");
    server.give(JUAN, 4, 4).await;
    assert_eq!(by_key(&backend, token).await.ok().body["scope"], "openid UI%20Store:read");
    assert_eq!(by_key(&server.backend(1).await, token).await.ok().body["scope"], "openid", "each its own service");
}

#[tokio::test]
async fn only_those_hear_whose_token_or_service_it_is() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let same_service = server.client(NewClient { client_id: "same-service", ..NewClient::default() }).await;
    let elsewhere = server.client(NewClient { client_id: "elsewhere", service: 1, ..NewClient::default() }).await;
    let public = server.client(NewClient { client_id: "public", ..NewClient::public() }).await;
    let token = client.of_itself().await;
    assert_eq!(client.introspect(&token).await["active"], true);
    assert_eq!(same_service.introspect(&token).await["active"], true);
    server
        .execute("update auth.clients set registration_access_token = sha256('x') where client_id = 'same-service'")
        .await;
    assert_eq!(same_service.introspect(&token).await, INACTIVE(), "whoever registered itself hears of its own alone");
    assert_eq!(elsewhere.introspect(&token).await, INACTIVE());
    assert_eq!(by_key(&server.backend(1).await, &token).await.ok().body, INACTIVE());
    let refusal = public.post("/oauth/introspect", &[("token", &token)]).await;
    assert_eq!(refusal.refusal(), (401, "invalid_client"), "anybody can be a public client");
    for caller in [server.anonymous(), server.demo("juan").await, server.anonymous().with_token(&token)] {
        assert_eq!(by_key(&caller, &token).await.refusal(), (401, "invalid_client"));
    }
    let both = [("token", token.as_str()), ("client_id", "app")];
    let answer = post_form(&server.backend(4).await, "/oauth/introspect", &both, |request| request).await;
    assert_eq!(answer.refusal(), (400, "invalid_request"));
    let dead = server.backend(4).await;
    server.execute("delete from auth.service_keys").await;
    assert_eq!(by_key(&dead, &token).await.refusal(), (401, "invalid_client"));
    assert_eq!(client.post("/oauth/introspect", &[]).await.refusal(), (400, "invalid_request"));
}

#[tokio::test]
async fn of_what_is_no_token_nothing_is_said_but_that() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let other = server.client(NewClient { client_id: "other", ..NewClient::default() }).await;
    let code = server.authorize(&client, JUAN, NewAuthorization::default()).await;
    let session = server.demo("juan").await;
    let unknown = format!("eyJ{}.e30.c2ln", "a".repeat(40));
    for nothing in [&code, session.token(), "nonsense", "pat_nonsense", &unknown] {
        assert_eq!(client.introspect(nothing).await, INACTIVE(), "{nothing}");
    }
    let answer = client.redeem(&code).await.ok();
    let (access, refresh) = (answer.body["access_token"].as_str(), answer.body["refresh_token"].as_str());
    let (access, refresh) = (access.expect("a token"), refresh.expect("a token"));
    let said = client.introspect(refresh).await;
    assert_eq!((&said["active"], &said["sub"], &said["client_id"]), (&json!(true), &json!("7"), &json!("app")));
    assert!(said.get("token_type").is_none(), "{said}");
    assert_eq!(other.introspect(refresh).await, INACTIVE(), "a refresh token is for its own client alone");
    assert_eq!(by_key(&server.backend(4).await, refresh).await.ok().body, INACTIVE());
    client.refresh(refresh).await.ok();
    assert_eq!(client.introspect(refresh).await, INACTIVE(), "it was exchanged");
    let id_token = answer.body["id_token"].as_str().expect("an ID token");
    assert_eq!(client.introspect(id_token).await, INACTIVE(), "an ID token opens nothing");
    server.app.clock.turn(Duration::seconds(300));
    assert_eq!(client.introspect(access).await, INACTIVE(), "it has expired");
}

#[tokio::test]
async fn many_at_once_are_each_answered_their_own() {
    let server = Server::on_the_demo_data().await;
    let roles: &[(i32, i32)] = &[(4, 4)];
    let mut clients = Vec::new();
    for n in 0..6 {
        let client_id = format!("client-{n}");
        let token_format = if n % 2 == 0 { "jwt" } else { "opaque" };
        let new = NewClient { client_id: &client_id, token_format, roles, ..NewClient::default() };
        let client = server.client(new).await;
        let token = client.of_itself().await;
        clients.push((client, token));
    }
    let backend = server.backend(4).await;
    let requests = (0..60).map(|n| {
        let ((client, _), (of, token)) = (clients[n % 6].clone(), clients[n % 5].clone());
        let (backend, wrong) = (backend.clone(), n % 7 == 0);
        async move {
            let answer = if n % 2 == 0 {
                by_key(&backend, &token).await
            } else if wrong {
                client.post_as(&basic(&client.client_id, "pcs_wrong"), "/oauth/introspect", &[("token", &token)]).await
            } else {
                client.post("/oauth/introspect", &[("token", &token)]).await
            };
            (n % 2 == 1 && wrong, of.client_id, answer)
        }
    });
    for (wrong, client_id, answer) in Caller::together(requests).await {
        if wrong {
            assert_eq!(answer.refusal(), (401, "invalid_client"));
        } else {
            assert_eq!((&answer.body["sub"], &answer.body["active"]), (&json!(client_id), &json!(true)), "{answer:?}");
            assert_eq!(answer.body["scope"], "roles permissions UI%20Store:read");
        }
    }
}

#[tokio::test]
async fn whoever_says_by_two_headers_who_they_are_may_be_neither() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let backend = server.backend(4).await;
    let token = client.of_itself().await;
    let right = basic("app", client.secret.as_deref().expect("a secret"));
    for authorization in [right.as_str(), "Basic !", "Digest a=b", "x"] {
        let form = [("token", token.as_str())];
        let answer =
            post_form(&backend, "/oauth/introspect", &form, |request| request.header("authorization", authorization));
        let answer = answer.await;
        assert_eq!((answer.status, &answer.body["error"]), (401, &json!("invalid_client")), "{authorization}");
    }
}
