//! How clients prove who they are.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::http::request::Builder;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use portero::platform::http::client_ip::Peer;
use serde_json::{Value, json};
use time::Duration;

use crate::support::oauth::{Client, NewClient, basic, post_form};
use crate::support::{Caller, Response, Server};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

async fn anonymous(caller: &Caller, form: &[(&str, &str)]) -> Response {
    post_form(caller, "/oauth/token", form, |request| request).await
}

#[tokio::test]
async fn a_secret_is_taken_in_either_place_and_only_once() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient { client_id: "my app: ü+1", ..NewClient::default() }).await;
    let secret = client.secret.clone().expect("a secret");
    assert_eq!(client.token(&[GRANT]).await.status, 200, "basic, with what must be encoded");
    let posted = [GRANT, ("client_id", client.client_id.as_str()), ("client_secret", secret.as_str())];
    assert_eq!(anonymous(&client.caller, &posted).await.status, 200);
    assert_eq!(client.token(&posted).await.refusal(), (400, "invalid_request"), "both");
    assert_eq!(client.token(&[GRANT, ("client_id", "another")]).await.refusal(), (400, "invalid_request"));
}

#[tokio::test]
async fn unknown_wrong_and_removed_hear_the_same() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let other = server.client(NewClient { client_id: "other", ..NewClient::default() }).await;
    let removed = server.client(NewClient { client_id: "removed", ..NewClient::default() }).await;
    server.execute("update auth.clients set removed_at = now() where client_id = 'removed'").await;
    let secret = client.secret.as_deref().expect("a secret");
    let mut answers = Vec::new();
    for (id, secret) in [
        ("nobody", secret),
        ("app", "wrong"),
        ("app", other.secret.as_deref().expect("a secret")),
        ("app", &secret.replace("pcs_", "pat_")),
        ("app", ""),
        ("removed", removed.secret.as_deref().expect("a secret")),
        ("", secret),
    ] {
        let answer = client.post_as(&basic(id, secret), "/oauth/token", &[GRANT]).await;
        assert_eq!(answer.refusal(), (401, "invalid_client"), "{id}");
        assert!(answer.header("www-authenticate").starts_with("Basic realm="), "{answer:?}");
        answers.push(answer.text);
    }
    answers.push(anonymous(&client.caller, &[GRANT, ("client_id", "app")]).await.text);
    answers.push(anonymous(&client.caller, &[GRANT]).await.text);
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
}

#[tokio::test]
async fn two_secrets_are_good_at_once_and_each_to_its_end() {
    let server = Server::on_the_demo_data().await;
    let client = server.client(NewClient::default()).await;
    let end = server.app.clock.now() + Duration::minutes(5);
    let second = Client { secret: Some(server.secret_of(client.id, Some(end)).await), ..client.clone() };
    assert_eq!((client.token(&[GRANT]).await.status, second.token(&[GRANT]).await.status), (200, 200));
    assert_eq!(server.number("select count(last_used_at) from auth.client_secrets").await, 2, "and their use is noted");
    server.app.clock.turn(Duration::minutes(5));
    assert_eq!((client.token(&[GRANT]).await.status, second.token(&[GRANT]).await.status), (200, 401));
}

#[tokio::test]
async fn a_public_client_has_nothing_to_prove_and_must_not_try() {
    let server = Server::on_the_demo_data().await;
    let public = server.client(NewClient::public()).await;
    let confidential = server.client(NewClient { client_id: "confidential", ..NewClient::default() }).await;
    let code = [("grant_type", "authorization_code"), ("code", "none")];
    assert_eq!(public.token(&code).await.refusal(), (400, "invalid_grant"), "it is known");
    let secret = confidential.secret.as_deref().expect("a secret");
    assert_eq!(public.post_as(&basic("app", secret), "/oauth/token", &code).await.refusal(), (401, "invalid_client"));
    assert_eq!(public.token(&[GRANT]).await.refusal(), (400, "unauthorized_client"));
}

#[tokio::test]
async fn a_client_of_this_machine_is_good_from_there_only() {
    let server = Server::configured(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let client =
        server.client(NewClient { loopback_only: true, service: 0, audience: &[], ..NewClient::default() }).await;
    let authorization = basic("app", client.secret.as_deref().expect("a secret"));
    for (peer, status) in [("127.0.0.1", 200), ("[::1]", 200), ("203.0.113.7", 401), ("10.0.0.1", 401)] {
        let peer = Peer(format!("{peer}:50123").parse().expect("an address"));
        let from = |request: Builder| request.header("authorization", &authorization).extension(peer);
        assert_eq!(post_form(&client.caller, "/oauth/token", &[GRANT], from).await.status, status, "{peer:?}");
        // What a proxy passes on comes from elsewhere, whatever it says, and whether it is trusted or not.
        for header in ["x-forwarded-for", "x-real-ip", "forwarded", "via", "x-forwarded-host"] {
            let passed_on = |request: Builder| from(request).header(header, "127.0.0.1");
            assert_eq!(post_form(&client.caller, "/oauth/token", &[GRANT], passed_on).await.status, 401, "{header}");
        }
    }
}

/// A client that signs.
struct Signer {
    client: Client,
    key: EncodingKey,
    now: i64,
    issuer: String,
}

impl Signer {
    async fn new(server: &Server) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().expect("DER").as_ref());
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).expect("a JWK");
        jwk.common.key_id = Some("one".to_owned());
        let jwks = Some(json!({"keys": [jwk]}));
        let client = server.client(NewClient { auth_method: "private_key_jwt", jwks, ..NewClient::default() }).await;
        let issuer = server.app.issuer.as_str().to_owned();
        Self { client, key, now: server.app.clock.now().unix_timestamp(), issuer }
    }

    fn claims(&self, jti: &str) -> Value {
        json!({"iss": "app", "sub": "app", "aud": self.issuer, "exp": self.now + 60, "iat": self.now, "jti": jti})
    }

    fn header() -> Header {
        Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::ES256) }
    }

    fn sign(&self, claims: &Value) -> String {
        jsonwebtoken::encode(&Self::header(), claims, &self.key).expect("a JWT")
    }

    async fn send(&self, assertion: &str) -> Response {
        let form = [GRANT, ("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)];
        anonymous(&self.client.caller, &form).await
    }
}

#[tokio::test]
async fn a_signed_assertion_is_good_once() {
    let server = Server::on_the_demo_data().await;
    let signer = Signer::new(&server).await;
    let assertion = signer.sign(&signer.claims("a"));
    assert_eq!(signer.send(&assertion).await.status, 200);
    assert_eq!(signer.send(&assertion).await.refusal(), (401, "invalid_client"), "again");
    let again = signer.sign(&signer.claims("a"));
    assert_eq!(signer.send(&again).await.refusal(), (401, "invalid_client"), "signed anew, the same jti");
    for audience in [
        json!(server.app.issuer.at("/oauth/token")),
        json!(server.app.issuer.at("/oauth/par")),
        json!([signer.issuer, server.app.issuer.at("/oauth/token")]),
        json!([signer.issuer, server.app.issuer.at("/oauth/introspect"), server.app.issuer.at("/oauth/revoke")]),
    ] {
        let mut claims = signer.claims(&audience.to_string());
        claims["aud"] = audience;
        assert_eq!(signer.send(&signer.sign(&claims)).await.status, 200);
    }
    let raced = signer.sign(&signer.claims("raced"));
    let form = [GRANT, ("client_assertion_type", ASSERTION_TYPE), ("client_assertion", raced.as_str())];
    let form: Vec<(&'static str, String)> = form.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
    let requests = (0..20).map(|_| {
        let (caller, form) = (signer.client.caller.clone(), form.clone());
        async move {
            let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            anonymous(&caller, &form).await.status
        }
    });
    let answers = Caller::together(requests).await;
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
}

#[tokio::test]
async fn an_assertion_that_lacks_something_proves_nothing() {
    let server = Server::on_the_demo_data().await;
    let signer = Signer::new(&server).await;
    let now = signer.now;
    for (name, value) in [
        ("exp", json!(now)),
        ("exp", json!(now + 3600)),
        ("exp", json!("soon")),
        ("exp", Value::Null),
        ("nbf", json!(now + 3600)),
        ("aud", json!("https://elsewhere.example.com")),
        ("aud", json!(["https://elsewhere.example.com", signer.issuer])),
        ("aud", json!([])),
        ("aud", json!(format!("{}.example.com", signer.issuer))),
        ("aud", json!(format!("{}.example.com/oauth/token", signer.issuer))),
        ("aud", Value::Null),
        ("iss", json!("other")),
        ("sub", json!("other")),
        ("jti", Value::Null),
        ("jti", json!("")),
        ("jti", json!("x".repeat(256))),
    ] {
        let mut claims = signer.claims("bad");
        claims[name] = value.clone();
        let answer = signer.send(&signer.sign(&claims)).await;
        assert_eq!(answer.refusal(), (401, "invalid_client"), "{name}: {value}");
    }
    assert_eq!(signer.send(&signer.sign(&signer.claims("bad"))).await.status, 200, "none of them was spent");
    let form = [GRANT, ("client_assertion_type", "other"), ("client_assertion", "x.y.z")];
    assert_eq!(anonymous(&signer.client.caller, &form).await.refusal(), (400, "invalid_request"));
}

#[tokio::test]
async fn an_assertion_that_somebody_else_signed_proves_nothing_whatever_its_head_says() {
    let server = Server::on_the_demo_data().await;
    let signer = Signer::new(&server).await;
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let theirs = EncodingKey::from_ec_der(pair.to_pkcs8v1().expect("DER").as_ref());
    let jwk = Jwk::from_encoding_key(&theirs, Algorithm::ES256).expect("a JWK");
    let heads = [
        Signer::header(),
        Header { kid: None, ..Signer::header() },
        Header { jwk: Some(jwk), ..Signer::header() },
        Header { jku: Some("https://evil.example.com/jwks.json".to_owned()), ..Signer::header() },
        Header { x5u: Some("https://evil.example.com/x5u".to_owned()), ..Signer::header() },
    ];
    for head in heads {
        let assertion = jsonwebtoken::encode(&head, &signer.claims("x"), &theirs).expect("a JWT");
        assert_eq!(signer.send(&assertion).await.refusal(), (401, "invalid_client"), "{head:?}");
    }
    // The public key as if it were a secret that both know.
    let secret = EncodingKey::from_secret(b"{\"kty\":\"EC\"}").expect("a secret");
    let head = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::HS256) };
    let assertion = jsonwebtoken::encode(&head, &signer.claims("x"), &secret).expect("a JWT");
    assert_eq!(signer.send(&assertion).await.refusal(), (401, "invalid_client"));
    let good = signer.sign(&signer.claims("x"));
    let (_, rest) = good.split_once('.').expect("parts");
    let none = "eyJhbGciOiJub25lIiwia2lkIjoib25lIn0";
    for forged in [format!("{none}.{rest}"), format!("{none}.{}.", rest.split('.').next().unwrap_or_default())] {
        assert_eq!(signer.send(&forged).await.refusal(), (401, "invalid_client"), "alg none");
    }
    let secret = server.secret_of(signer.client.id, None).await;
    let answer = signer.client.post_as(&basic("app", &secret), "/oauth/token", &[GRANT]).await;
    assert_eq!(answer.refusal(), (401, "invalid_client"), "not in the way that it was registered with");
}
