//! Clients whose keys are at an address of their own (`jwks_uri`).

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use time::Duration;

use crate::support::oauth::{Client, NewClient, post_form};
use crate::support::{Caller, Place, Response, Said, Server};

/// A key and its public part.
struct Pair {
    key: EncodingKey,
    public: Value,
    kid: &'static str,
}

impl Pair {
    fn new(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().expect("DER").as_ref());
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).expect("a JWK");
        jwk.common.key_id = Some(kid.to_owned());
        Self { key, public: json!(jwk), kid }
    }
}

fn set(pairs: &[&Pair]) -> Said {
    Said::json(&json!({"keys": pairs.iter().map(|pair| &pair.public).collect::<Vec<_>>()}))
}

/// A server, and a client of it that has its keys at the place.
async fn world(place: &Place) -> (Server, Client) {
    let server = Server::configured(&place.settings()).await;
    let jwks = Some(json!({"keys": []}));
    let new = NewClient {
        auth_method: "private_key_jwt",
        jwks,
        service: 0,
        audience: &[],
        scopes: &["openid"],
        ..NewClient::default()
    };
    let client = server.client(new).await;
    sqlx::query("update auth.clients set jwks = null, jwks_uri = $1 where client_id = 'app'")
        .bind(place.at("/keys"))
        .execute(server.app.db.pool())
        .await
        .expect("a client");
    (server, client)
}

async fn token(server: &Server, caller: &Caller, pair: &Pair, jti: &str) -> Response {
    let now = server.app.clock.now().unix_timestamp();
    let claims = json!({
        "iss": "app", "sub": "app", "aud": server.app.issuer.as_str(), "exp": now + 60, "iat": now, "jti": jti,
    });
    let head = Header { kid: Some(pair.kid.to_owned()), ..Header::new(Algorithm::ES256) };
    let assertion = jsonwebtoken::encode(&head, &claims, &pair.key).expect("a JWT");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion.as_str()),
    ];
    post_form(caller, "/oauth/token", &form, |request| request).await
}

#[tokio::test]
async fn keys_are_read_when_they_are_needed_and_kept() {
    let place = Place::open().await;
    let (server, client) = world(&place).await;
    let (one, two) = (Pair::new("one"), Pair::new("two"));
    place.says("/keys", set(&[&one]));
    for jti in ["a", "b"] {
        assert_eq!(token(&server, &client.caller, &one, jti).await.status, 200, "{jti}");
    }
    assert_eq!(place.asked().len(), 1, "once for both");
    // The client has changed its key, and published the new one first.
    place.says("/keys", set(&[&one, &two]));
    assert_eq!(token(&server, &client.caller, &two, "c").await.refusal(), (401, "invalid_client"), "within a minute");
    assert_eq!(place.asked().len(), 1, "whoever makes up ids of keys makes us ask no more often");
    server.app.clock.turn(Duration::minutes(1));
    assert_eq!(token(&server, &client.caller, &two, "d").await.status, 200);
    assert_eq!(place.asked().len(), 2);
    // It has taken the old one away.
    place.says("/keys", set(&[&two]));
    server.app.clock.turn(Duration::hours(1));
    assert_eq!(token(&server, &client.caller, &two, "e").await.status, 200);
    assert_eq!(token(&server, &client.caller, &one, "f").await.refusal(), (401, "invalid_client"));
}

#[tokio::test]
async fn a_place_that_does_not_answer_ends_nothing_at_once() {
    let place = Place::open().await;
    let (server, client) = world(&place).await;
    let one = Pair::new("one");
    let refused = token(&server, &client.caller, &one, "a").await;
    assert_eq!(refused.refusal(), (401, "invalid_client"), "404");
    assert!(refused.text.contains("jwks_uri"), "{refused:?}");
    place.says("/keys", set(&[&one]));
    assert_eq!(token(&server, &client.caller, &one, "b").await.status, 401, "asked a moment ago");
    server.app.clock.turn(Duration::minutes(1));
    assert_eq!(token(&server, &client.caller, &one, "c").await.status, 200);
    place.says("/keys", Said::status(500));
    server.app.clock.turn(Duration::hours(23));
    assert_eq!(token(&server, &client.caller, &one, "d").await.status, 200, "what was read is good for a day");
    server.app.clock.turn(Duration::hours(2));
    assert_eq!(token(&server, &client.caller, &one, "e").await.refusal(), (401, "invalid_client"));
}

#[tokio::test]
async fn what_is_no_set_of_public_keys_is_not_taken() {
    let place = Place::open().await;
    let (server, client) = world(&place).await;
    let one = Pair::new("one");
    let mut private = one.public.clone();
    private["d"] = json!("AAAA");
    let secret = json!({"kty": "oct", "kid": "one", "k": "c2VjcmV0"});
    for (n, said) in [
        Said::json(&json!({"keys": []})),
        Said::json(&json!({"keys": [private]})),
        Said::json(&json!({"keys": [secret]})),
        Said::json(&json!([])),
        Said::status(302).with("location", &place.at("/elsewhere")),
        Said { body: vec![b' '; 70_000].into(), ..set(&[&one]) },
    ]
    .into_iter()
    .enumerate()
    {
        place.says("/keys", said);
        place.says("/elsewhere", set(&[&one]));
        let refused = token(&server, &client.caller, &one, &n.to_string()).await;
        assert_eq!(refused.refusal(), (401, "invalid_client"), "{n}");
        assert_eq!(place.asked().len(), n + 1, "and no redirect is followed");
        server.app.clock.turn(Duration::minutes(1));
    }
}

#[tokio::test]
async fn many_who_need_the_same_keys_make_one_call() {
    let place = Place::open().await;
    let (server, client) = world(&place).await;
    let one = Pair::new("one");
    place.says("/keys", set(&[&one]));
    let answers = futures_util::future::join_all((0..12).map(|n| {
        let (server, caller, one) = (&server, &client.caller, &one);
        async move { token(server, caller, one, &n.to_string()).await.status }
    }));
    assert_eq!(answers.await, [200; 12]);
    assert_eq!(place.asked().len(), 1);
}

#[tokio::test]
async fn an_address_inside_is_not_called_unless_that_is_allowed() {
    let place = Place::open().await;
    let server = Server::on_a_fresh_database().await;
    let jwks = Some(json!({"keys": []}));
    let new = NewClient { auth_method: "private_key_jwt", jwks, service: 0, audience: &[], ..NewClient::default() };
    let client = server.client(new).await;
    sqlx::query("update auth.clients set jwks = null, jwks_uri = $1 where client_id = 'app'")
        .bind(place.at("/keys"))
        .execute(server.app.db.pool())
        .await
        .expect("a client");
    let refused = token(&server, &client.caller, &Pair::new("one"), "a").await;
    assert_eq!(refused.refusal(), (401, "invalid_client"));
    assert!(!refused.text.contains("127.0.0.1"), "nobody learns what is inside: {refused:?}");
    assert_eq!(place.asked().len(), 0);
    assert!(server.log.text().contains("OUTBOUND_ALLOW_INTERNAL"), "but the operator");
}
