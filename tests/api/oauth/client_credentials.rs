//! A client acts for itself.

use serde_json::json;

use crate::support::oauth::{NewClient, claims, jwt_part};
use crate::support::{Response, Server};

/// Viewer in UI Store.
const VIEWER: &[(i32, i32)] = &[(4, 4)];

fn token(answer: &Response) -> &str {
    answer.body["access_token"].as_str().unwrap_or_else(|| panic!("a token in {answer:?}"))
}

#[tokio::test]
async fn a_client_gets_a_token_of_its_own_for_what_it_holds() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient { roles: VIEWER, ..NewClient::default() }).await;
    let answer = client.token(&[("grant_type", "client_credentials")]).await.ok();
    assert_eq!((&answer.body["token_type"], &answer.body["expires_in"]), (&json!("Bearer"), &json!(300)));
    assert_eq!(answer.body["scope"], "roles permissions UI%20Store:read", "nothing that is about a login");
    assert!(answer.body.get("refresh_token").is_none() && answer.body.get("id_token").is_none());
    assert_eq!(answer.header("cache-control"), "no-store");

    let head = jwt_part(token(&answer), 0);
    assert_eq!((&head["alg"], &head["typ"]), (&json!("ES256"), &json!("at+jwt")));
    let said = claims(token(&answer));
    let issuer = server.app.issuer.as_str();
    assert_eq!((&said["iss"], &said["sub"], &said["client_id"]), (&json!(issuer), &json!("app"), &json!("app")));
    assert_eq!((&said["aud"], &said["scope"]), (&json!("UI Store"), &answer.body["scope"]));
    let (exp, iat) = (said["exp"].as_i64().expect("a number"), said["iat"].as_i64().expect("a number"));
    assert!(exp - iat == 300 && said["jti"].as_str().is_some_and(|jti| jti.len() >= 22), "{said}");
    assert_eq!(said["permissions"], json!({"UI Store": ["read"]}));
    assert!(said.get("roles").is_none(), "a part of what is held is no role");
    for of_a_login in ["auth_time", "acr", "amr", "nonce"] {
        assert!(said.get(of_a_login).is_none(), "{of_a_login}");
    }

    let check = server.backend(4).await.post("/check-token", json!({"token": token(&answer), "service_id": 4})).await;
    assert_eq!(check.ok().body["permissions"], json!(["read"]));
}

#[tokio::test]
async fn what_it_does_not_hold_is_left_out_and_what_it_was_not_registered_for_is_refused() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient { roles: &[], ..NewClient::default() }).await;
    let form = |scope| [("grant_type", "client_credentials"), ("scope", scope)];
    let answer = client.token(&form("UI%20Store:read permissions")).await.ok();
    assert_eq!(answer.body["scope"], "permissions");
    let said = claims(token(&answer));
    assert!(said.get("permissions").is_none(), "nothing is said where nothing is held");
    assert_eq!(said["aud"], server.app.issuer.as_str(), "and nothing is allowed there");
    for other in ["UI%20Store:write", "Other:read", "superuser", "openid UI%20Store:delete"] {
        assert_eq!(client.token(&form(other)).await.refusal(), (400, "invalid_scope"), "{other}");
    }
    let audience = |resource| [("grant_type", "client_credentials"), ("resource", resource)];
    assert_eq!(client.token(&audience("urn:portero:service:UI Store")).await.status, 200);
    assert_eq!(client.token(&audience("urn:portero:service:Service A")).await.refusal(), (400, "invalid_target"));
}

#[tokio::test]
async fn roles_are_told_where_nothing_narrows_them_and_a_token_never_grows_beyond_4_kib() {
    let server = Server::on_the_demo_data().await;
    let scopes: &[&str] = &["roles", "permissions"];
    let client = server.client(NewClient { roles: VIEWER, scopes, ..NewClient::default() }).await;
    let said = claims(&client.of_itself().await);
    assert_eq!(said["roles"], json!({"UI Store": ["Viewer"]}));
    server
        .execute(
            "with new as (insert into auth.permission (name) select 'permission-number-' || n from generate_series(1, 200) n
                          returning id)
             insert into auth.role_permission (role_id, permission_id) select 4, id from new",
        )
        .await;
    let token = client.of_itself().await;
    assert!(token.len() <= 4096, "{}", token.len());
    let said = claims(&token);
    assert!(said.get("roles").is_none() && said.get("permissions").is_none(), "{said}");
    assert_eq!(said["scope"], "roles permissions");
}

#[tokio::test]
async fn an_opaque_token_is_as_good_as_a_signed_one() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient { roles: VIEWER, token_format: "opaque", ..NewClient::default() }).await;
    let token = client.of_itself().await;
    assert!(token.starts_with("pat_"), "{token}");
    let check = server.backend(4).await.post("/check-token", json!({"token": token, "service_id": 4})).await.ok();
    assert_eq!(check.body["permissions"], json!(["read"]));
    assert_eq!(client.introspect(&token).await["scope"], "roles permissions UI%20Store:read");
}

#[tokio::test]
async fn every_algorithm_signs() {
    let server = Server::on_the_demo_data().await;
    for signing_alg in ["ES256", "EdDSA", "RS256"] {
        let client = server.client(NewClient { client_id: signing_alg, signing_alg, ..NewClient::default() }).await;
        assert_eq!(jwt_part(&client.of_itself().await, 0)["alg"], signing_alg);
    }
}

#[tokio::test]
async fn a_client_that_is_nobody_gets_nothing() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let form = [("grant_type", "client_credentials")];
    server.execute("update auth.person set disabled_at = now() where client_id is not null").await;
    assert_eq!(client.token(&form).await.refusal(), (400, "unauthorized_client"));
    let without: &[&str] = &["authorization_code"];
    let other = server.client(NewClient { client_id: "other", grant_types: without, ..NewClient::default() }).await;
    assert_eq!(other.token(&form).await.refusal(), (400, "unauthorized_client"));
}

#[tokio::test]
async fn what_is_no_grant_is_refused_by_the_standards_code() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    assert_eq!(client.token(&[]).await.refusal(), (400, "invalid_request"));
    for grant in ["implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "nonsense"] {
        assert_eq!(client.token(&[("grant_type", grant)]).await.refusal(), (400, "unsupported_grant_type"), "{grant}");
    }
    let twice = [("grant_type", "client_credentials"), ("grant_type", "client_credentials")];
    assert_eq!(client.token(&twice).await.refusal(), (400, "invalid_request"));
    let unknown = [("grant_type", "client_credentials"), ("utm_source", "x"), ("scope", "")];
    assert_eq!(client.token(&unknown).await.status, 200, "unknown parameters are ignored, empty ones left out");
}
