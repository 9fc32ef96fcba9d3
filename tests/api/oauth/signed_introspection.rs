//! Introspection as a signed JWT (RFC 9701).

use axum::http::Method;
use axum::http::request::Builder;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::support::oauth::{Client, NewClient, basic, post_form};
use crate::support::{Caller, Response, Server};

const MEDIA: &str = "application/token-introspection+jwt";

async fn asked(client: &Client, token: &str, accept: &str) -> Response {
    let authorization = basic(&client.client_id, client.secret.as_deref().expect("a secret"));
    let headers = |request: Builder| request.header("authorization", authorization).header("accept", accept);
    post_form(&client.caller, "/oauth/introspect", &[("token", token)], headers).await
}

/// What a JWT says, by a key that is published.
async fn verified(caller: &Caller, answer: &Response) -> Value {
    assert_eq!(answer.header("content-type"), MEDIA, "{answer:?}");
    let jwks: JwkSet = serde_json::from_str(&caller.get("/.well-known/jwks.json").await.ok().text).expect("keys");
    let header = decode_header(&answer.text).expect("a header");
    assert_eq!(header.typ.as_deref(), Some("token-introspection+jwt"));
    let key = jwks.find(&header.kid.expect("a kid")).expect("a key that is published").clone();
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    validation.validate_aud = false;
    decode(&answer.text, &DecodingKey::from_jwk(&key).expect("a key"), &validation).expect("signed").claims
}

#[tokio::test]
async fn whoever_asks_for_a_jwt_gets_the_same_signed_for_them() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient { signing_alg: "EdDSA", ..NewClient::default() }).await;
    let token = client.of_itself().await;
    let plain = asked(&client, &token, "application/json").await.ok();
    assert_eq!(plain.header("content-type"), "application/json");
    let said = verified(&client.caller, &asked(&client, &token, MEDIA).await.ok()).await;
    assert_eq!(said["token_introspection"], plain.body);
    assert_eq!((&said["iss"], &said["aud"]), (&json!(server.app.issuer.as_str()), &json!("app")));
    assert!(said["iat"].is_i64() && said.get("sub").is_none() && said.get("exp").is_none(), "{said}");

    // Of what is not for them nothing is said, but that is signed, too.
    let said = verified(&client.caller, &asked(&client, "unknown", MEDIA).await.ok()).await;
    assert_eq!(said["token_introspection"], json!({"active": false}));

    // A backend is called by its service's name.
    let key = server.backend(4).await;
    let headers =
        |request: Builder| request.header("accept", MEDIA).header("content-type", "application/x-www-form-urlencoded");
    let answer = key.send_with(Method::POST, "/oauth/introspect", &format!("token={token}"), headers).await.ok();
    let said = verified(&client.caller, &answer).await;
    assert_eq!((&said["aud"], &said["token_introspection"]["active"]), (&json!("UI Store"), &json!(true)));
}

#[tokio::test]
async fn nobody_takes_it_for_a_token_and_strangers_hear_nothing() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let token = client.of_itself().await;
    let signed = asked(&client, &token, MEDIA).await.ok().text;
    assert_eq!(client.introspect(&signed).await, json!({"active": false}));
    assert_eq!(client.caller.with_token(&signed).check().await.refusal(), (401, "invalid_token"));
    let stranger =
        Client { secret: Some(server.secret_of(client.id, Some(server.app.clock.now())).await), ..client.clone() };
    let refused = asked(&stranger, &token, MEDIA).await;
    assert_eq!(refused.refusal(), (401, "invalid_client"));
    assert_eq!(refused.header("content-type"), "application/json");
}
