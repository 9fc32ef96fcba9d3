//! Access tokens where backends hand them over, and where they are not taken.

use axum::http::Method;
use axum::http::request::Builder;
use serde_json::json;
use time::Duration;

use crate::support::document::operations;
use crate::support::oauth::{Client, NewAuthorization, NewClient};
use crate::support::{Caller, Server, schema};

/// Admin in UI Store: read, write, update, delete.
const ADM2: i32 = 8;

async fn token_of(server: &Server, client: &Client, scopes: &[&str], services: &[i32]) -> Caller {
    let new = NewAuthorization { scopes, services, ..NewAuthorization::default() };
    let code = server.authorize(client, ADM2, new).await;
    let token = client.redeem(&code).await.ok().body["access_token"].as_str().expect("a token").to_owned();
    server.anonymous().with_token(&token)
}

#[tokio::test]
async fn a_backend_hears_of_an_access_token_what_it_hears_of_a_session() {
    let server = Server::on_the_demo_data().await;
    for token_format in ["jwt", "opaque"] {
        let client = server.client(NewClient { client_id: token_format, token_format, ..NewClient::for_all() }).await;
        let access = token_of(&server, &client, &["openid"], &[4]).await;
        let session = server.demo("adm2").await;
        let question = json!({"service_id": 4, "permission": ["read", "delete"], "user_id": ADM2});
        let (mut by_access, mut by_session) = (
            access.post("/check-token", question.clone()).await.ok().body,
            session.post("/check-token", question).await.ok().body,
        );
        assert_ne!(by_access["session_id"].take(), by_session["session_id"].take());
        by_access["expires_at"] = by_session["expires_at"].clone();
        assert_eq!(by_access, by_session);
        let bearer = format!("Bearer {}", access.token());
        let header = |request: Builder| request.header("authorization", &bearer);
        let by_header = server.anonymous().send_with(Method::POST, "/check-token", "", header).await;
        assert_eq!(by_header.ok().body["valid"], true);

        let gateway = access.get("/check-token?service=4&permission=read").await.ok();
        assert_eq!(gateway.header("x-person-username"), "adm2");
        let backend = server.backend(4).await;
        let both = backend.post("/check-tokens", json!({"tokens": [access.token(), session.token(), "x"]})).await.ok();
        assert_eq!(both.column("valid"), [true, true, false]);
        assert_eq!(both.body[0]["roles"], both.body[1]["roles"]);
        assert_eq!(both.body[0]["session_id"], access.check().await.body["session_id"]);
        let by_path = access.get("/people/adm2/services/4").await.ok();
        assert_eq!(by_path.body["roles"], json!(["Admin"]));
        let other = access.get("/people/juan/services/4").await;
        assert_eq!(other.refusal(), (403, "forbidden_person_lookup"));
    }
}

#[tokio::test]
async fn its_scopes_narrow_what_is_held() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let access = token_of(&server, &client, &["UI Store:read", "UI Store:share"], &[4]).await;
    let question = json!({"service_id": "UI Store", "permission": "read"});
    let answer = access.post("/check-token", question.clone()).await.ok();
    assert_eq!((&answer.body["roles"], &answer.body["permissions"]), (&json!([]), &json!(["read"])));
    assert_eq!(answer.body["allowed"], true);
    let write = access.get("/check-token?service=4&permission=write").await;
    assert_eq!(write.refusal(), (403, "insufficient_permissions"), "held, but not granted to this client");
    let list = server.backend(4).await.post("/check-tokens", json!({"tokens": [access.token()]})).await.ok();
    assert_eq!((&list.body[0]["roles"], &list.body[0]["permissions"]), (&json!([]), &json!(["read"])));
    server.take(ADM2, 4).await;
    let answer = access.post("/check-token", question).await.ok();
    assert_eq!(
        (&answer.body["permissions"], &answer.body["allowed"]),
        (&json!([]), &json!(false)),
        "a lost role is lost"
    );
}

#[tokio::test]
async fn it_is_for_its_audience_and_nobody_else() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient { audience: &[4, 1], ..NewClient::default() }).await;
    let access = token_of(&server, &client, &["openid"], &[4]).await;
    for service in [1, 5, 0] {
        let answer = access.post("/check-token", json!({"service_id": service})).await;
        assert_eq!((answer.refusal(), &answer.body["valid"]), ((401, "invalid_token"), &json!(false)), "{service}");
        assert_eq!(access.get(&format!("/check-token?service={service}")).await.status, 401);
        assert_eq!(access.get(&format!("/people/adm2/services/{service}")).await.status, 401);
    }
    assert_eq!(access.post("/check-token", json!({"service_id": 99})).await.refusal(), (404, "service_not_found"));
    let list = server.backend(1).await.post("/check-tokens", json!({"tokens": [access.token()]})).await.ok();
    assert_eq!(list.body[0], json!({"valid": false, "error": "invalid_token"}));
    assert_eq!(access.check().await.status, 200, "without a question about a service it is somebody's");
}

#[tokio::test]
async fn nothing_renews_it() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let access = token_of(&server, &client, &["openid"], &[4]).await;
    let backend = server.backend(4).await;
    server.app.clock.turn(Duration::seconds(295));
    assert_eq!(access.check().await.ok().body["renewed"], false);
    server.app.clock.turn(Duration::seconds(5));
    let expired = access.check().await;
    assert_eq!((expired.refusal(), &expired.body["valid"]), ((401, "expired_token"), &json!(false)));
    let list = backend.post("/check-tokens", json!({"tokens": [access.token()]})).await.ok();
    assert_eq!(list.body[0], json!({"valid": false, "error": "expired_token"}));
}

/// Operations that backends hand tokens to.
const TAKES_BOTH: &[&str] = &[
    "check_token",
    "check_token_by_delete",
    "check_token_by_get",
    "check_token_by_patch",
    "check_token_by_put",
    "get_person_in_service",
];

#[tokio::test]
async fn everything_else_that_takes_a_session_refuses_it_and_says_what_to_do() {
    let server = Server::on_the_demo_data().await;
    // Somebody who may do everything.
    let client = server.client(NewClient::default()).await;
    let code = server.authorize(&client, 1, NewAuthorization::default()).await;
    let token = client.redeem(&code).await.ok().body["access_token"].as_str().expect("a token").to_owned();
    let access = server.anonymous().with_token(&token);
    for operation in operations().iter().filter(|operation| !operation.is_public()) {
        if TAKES_BOTH.contains(&operation.id()) {
            continue;
        }
        let body =
            operation.request_schema().and_then(schema::example).map(|body| body.to_string()).unwrap_or_default();
        let answer = access.send(operation.method.clone(), &operation.example_path(), &body).await;
        assert_eq!(answer.refusal(), (401, "invalid_token"), "{operation}");
        assert!(answer.detail().contains("POST /auth/login"), "{operation}: {answer:?}");
    }
    let once = access.post_once("/services", "a-key-of-mine-1234", json!({"name": "New"})).await;
    assert_eq!(once.refusal(), (401, "invalid_token"));
}

#[tokio::test]
async fn a_damaged_token_is_none_and_a_signature_makes_none_valid() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let access = token_of(&server, &client, &["openid"], &[4]).await;
    let token = access.token().to_owned();
    let parts: Vec<&str> = token.split('.').collect();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0";
    let mut damaged = vec![
        format!("{}.{}.", parts[0], parts[1]),
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{token}.{}", parts[2]),
        format!("{}={}.{}.{}", parts[0], "", parts[1], parts[2]),
        token.to_uppercase(),
        token.to_lowercase(),
        format!("{token}A"),
        format!("A{token}"),
        "eyJ".to_owned(),
        format!("eyJ{}.e30.c2ln", "a".repeat(9000)),
    ];
    for cut in [1, 10, token.len() / 2, token.len() - 1] {
        damaged.push(token[..cut].to_owned());
        damaged.push(token[cut..].to_owned());
    }
    for text in damaged {
        let answer = access.with_token(&text).check().await;
        assert_eq!(answer.refusal(), (401, "invalid_token"), "{text}");
        let answer = server.anonymous().post("/check-token", json!({"token": text})).await;
        assert_eq!(answer.refusal(), (401, "invalid_token"), "{text}");
    }
    for spaced in [format!(" {token}"), format!("{token} ")] {
        assert_eq!(server.anonymous().post("/check-token", json!({"token": spaced})).await.status, 401);
    }
    let other = |request: Builder| request.header("authorization", "Bearer eyJhbGciOiJub25lIn0.e30.c2ln");
    let differing = access.send_with(Method::POST, "/check-token", "", other).await;
    assert_eq!(differing.refusal(), (401, "invalid_token"), "two that differ");
    let twice = |request: Builder| request.header("token", &token).header("token", &token);
    let doubled = server.anonymous().send_with(Method::POST, "/check-token", "", twice).await;
    assert_eq!(doubled.refusal(), (401, "invalid_token"));
    server.execute("delete from auth.access_tokens").await;
    assert_eq!(access.check().await.refusal(), (401, "invalid_token"), "well signed, and revoked");
}

#[tokio::test]
async fn backends_hear_when_it_ends() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let access = token_of(&server, &client, &["openid"], &[4]).await;
    let id = access.check().await.ok().body["session_id"].as_str().expect("an id").to_owned();
    client.post("/oauth/revoke", &[("token", access.token())]).await.ok();
    let told: i64 =
        sqlx::query_scalar("select count(*) from auth.changes where kind = 'session-revoked' and session_id = $1")
            .bind(&id)
            .fetch_one(server.app.db.pool())
            .await
            .expect("a number");
    assert_eq!(told, 1);
}

#[tokio::test]
async fn what_was_for_all_of_a_service_is_for_nothing_there_once_the_client_is_for_some_permissions() {
    let server = Server::on_the_demo_data().await;
    let root = server.demo("adm1").await;
    for token_format in ["jwt", "opaque"] {
        let new = NewClient {
            client_id: token_format,
            token_format,
            scopes: &["openid", "offline_access"],
            ..NewClient::default()
        };
        let client = server.client(new).await;
        let all =
            NewAuthorization { scopes: &["openid", "offline_access"], services: &[4], ..NewAuthorization::default() };
        let answer = client.redeem(&server.authorize(&client, ADM2, all).await).await.ok().body;
        let text = |name: &str| answer[name].as_str().expect("a text").to_owned();
        let may_delete = async |token: &str| {
            let question = json!({"service_id": 4, "permission": "delete"});
            server.anonymous().with_token(token).post("/check-token", question).await.body["allowed"] == true
        };
        assert!(may_delete(&text("access_token")).await);
        root.patch(&format!("/clients/{token_format}"), json!({"scope": "openid offline_access UI%20Store:read"}))
            .await
            .ok();
        assert!(!may_delete(&text("access_token")).await, "{token_format}");
        let refreshed = client.refresh(&text("refresh_token")).await.ok().body;
        let token = refreshed["access_token"].as_str().expect("a token");
        assert!(!may_delete(token).await, "{token_format}");
        assert!(!refreshed["scope"].as_str().expect("scopes").contains("UI"), "{refreshed}");
    }
}
