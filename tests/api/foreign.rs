//! Tokens of other issuers: a service that trusts one takes its tokens for people, there and nowhere else.

mod decisions;
mod hostile;
mod managed;
mod remote;
mod told;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pkcs8::PrivateKeyInfoRef;
use serde_json::{Value, json};
use time::Duration;

use crate::support::{Caller, Response, Server};

/// Whose tokens they are.
pub const ISSUER: &str = "https://login.example.com";

/// What both have.
pub const SECRET: &str = "0b3f6a5f0f4e8f5b7c1d2e3f40516263";

/// The services of [`world`], and the role in the first one.
pub const SHOP: i32 = 1;
pub const BANK: i32 = 2;
pub const EDITOR: i32 = 1;

/// Somebody who signs tokens.
pub struct Signer {
    pub key: EncodingKey,
    pub header: Header,
    /// The public part; null of a secret.
    pub public: Value,
}

impl Signer {
    pub fn secret(secret: &str) -> Self {
        let header = Header::new(Algorithm::HS256);
        Self { key: EncodingKey::from_secret(secret.as_bytes()).expect("a secret"), header, public: Value::Null }
    }

    pub fn new(algorithm: Algorithm, kid: &str) -> Self {
        let key = match algorithm {
            Algorithm::ES256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
                EncodingKey::from_ec_der(pair.to_pkcs8v1().expect("DER").as_ref())
            }
            Algorithm::EdDSA => {
                let pair = Ed25519KeyPair::generate().expect("a key");
                EncodingKey::from_ed_der(pair.to_pkcs8v1().expect("DER").as_ref())
            }
            _ => {
                let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).expect("a key");
                let der: Pkcs8V1Der<'_> = pair.as_der().expect("DER");
                let inside = PrivateKeyInfoRef::try_from(der.as_ref()).expect("a key");
                EncodingKey::from_rsa_der(inside.private_key.as_bytes())
            }
        };
        let mut jwk = Jwk::from_encoding_key(&key, algorithm).expect("a JWK");
        jwk.common.key_id = Some(kid.to_owned());
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) };
        Self { key, header, public: json!(jwk) }
    }

    /// A token of this hour with these claims, besides `iss`, `sub` and `exp` in an hour; null is none.
    pub fn token(&self, server: &Server, more: impl Into<Value>) -> String {
        let more = more.into();
        let mut claims = json!({"iss": ISSUER, "sub": "juan", "exp": now(server) + 3600});
        for (name, value) in more.as_object().expect("claims") {
            claims[name] = value.clone();
        }
        claims.as_object_mut().expect("claims").retain(|_, value| !value.is_null());
        self.sign(&claims)
    }

    pub fn sign(&self, claims: &Value) -> String {
        jsonwebtoken::encode(&self.header, claims, &self.key).expect("a JWT")
    }
}

pub fn now(server: &Server) -> i64 {
    server.app.clock.now().unix_timestamp()
}

/// Services Shop and Bank, and juan, who may `read` in the first. Answers the administrator and him.
pub async fn world(server: &Server) -> (Caller, Caller) {
    let root = server.administrator().await;
    for name in ["Shop", "Bank"] {
        root.post("/services", json!({"name": name})).await.ok();
    }
    root.post("/roles", json!({"name": "Editor"})).await.ok();
    root.post("/permissions", json!({"name": "read"})).await.ok();
    root.post("/role-permissions", json!({"role_id": EDITOR, "permission_id": 1})).await.ok();
    for service in [SHOP, BANK] {
        root.post("/service-roles", json!({"service_id": service, "role_id": EDITOR})).await.ok();
    }
    let juan = server.person_with("juan", &[(SHOP, EDITOR)]).await;
    (root, juan)
}

/// Makes Shop trust an issuer.
pub async fn trust(root: &Caller, more: Value) -> Response {
    let mut new = json!({"issuer": ISSUER, "person_by": "username"});
    for (name, value) in more.as_object().expect("fields") {
        new[name] = value.clone();
    }
    root.post(&format!("/services/{SHOP}/issuers"), new).await
}

/// What a check says of a token in Shop.
pub async fn check(server: &Server, token: &str) -> Response {
    check_in(server, token, json!(SHOP)).await
}

pub async fn check_in(server: &Server, token: &str, service: Value) -> Response {
    server
        .anonymous()
        .with_token(token)
        .post("/check-token", json!({"service_id": service, "permission": "read"}))
        .await
}

#[tokio::test]
async fn the_predecessors_tokens_are_taken_for_the_person_whose_id_they_have() {
    let server = Server::on_a_fresh_database().await;
    let (root, juan) = world(&server).await;
    // No `iss`, no `aud`, a number, whether they are an administrator there, and two weeks.
    let new = json!({"secret": SECRET, "person_claim": "user_id", "person_by": "id"});
    let made = root.post(&format!("/services/{SHOP}/issuers"), new).await.ok();
    assert_eq!(made.status, 201);
    assert_eq!((&made.body["issuer"], &made.body["has_secret"]), (&Value::Null, &json!(true)));
    assert!(made.body["remarks"][0].as_str().is_some_and(|remark| remark.contains("audiences")), "{made:?}");
    let exp = now(&server) + 14 * 24 * 3600;
    let claims = json!({"user_id": juan.id, "is_admin": true, "exp": exp});
    let token = Signer::secret(SECRET).sign(&claims);
    let checked = check(&server, &token).await.ok();
    let payload = json!({"user_id": juan.id, "username": "juan", "name": "juan by name"});
    assert_eq!((&checked.body["valid"], &checked.body["payload"]), (&json!(true), &payload));
    assert_eq!((&checked.body["roles"], &checked.body["permissions"]), (&json!(["Editor"]), &json!(["read"])));
    assert_eq!((&checked.body["expires_at"], &checked.body["renewed"]), (&json!(exp), &json!(false)));
    assert_eq!(checked.body["allowed"], true);
    // By name of the service, in the body, in the query, in a list.
    assert_eq!(check_in(&server, &token, json!("Shop")).await.body, checked.body);
    let asked = json!({"service_id": SHOP, "permission": "read", "token": token});
    assert_eq!(server.anonymous().post("/check-token", asked).await.body, checked.body);
    let gateway = server.anonymous().with_token(&token).get("/check-token?service=Shop&permission=read").await.ok();
    assert_eq!(gateway.header("x-person-id"), juan.id.to_string());
    let backend = server.backend(SHOP).await;
    let listed = backend.post("/check-tokens", json!({"tokens": [token, juan.token(), "nonsense"]})).await.ok();
    assert_eq!(listed.column("valid"), [json!(true), json!(true), json!(false)]);
    assert_eq!((&listed.body[0]["roles"], &listed.body[0]["expires_at"]), (&json!(["Editor"]), &json!(exp)));
    assert_eq!(listed.body[0]["payload"], payload);
}

#[tokio::test]
async fn keys_that_were_given_verify_what_each_of_them_signs() {
    let server = Server::on_a_fresh_database().await;
    let (root, _) = world(&server).await;
    let algorithms = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
    let signers: Vec<Signer> =
        algorithms.into_iter().enumerate().map(|(n, alg)| Signer::new(alg, &format!("key {n}"))).collect();
    let keys: Vec<&Value> = signers.iter().map(|signer| &signer.public).collect();
    trust(&root, json!({"jwks": {"keys": keys}, "audiences": ["shop", "other"]})).await.ok();
    for signer in &signers {
        let token = signer.token(&server, json!({"aud": ["shop"]}));
        assert_eq!(check(&server, &token).await.ok().body["permissions"], json!(["read"]), "{:?}", signer.header.alg);
    }
    // An RSA key that does not say by which signs by each of its kind.
    let pss = Signer {
        header: Header { alg: Algorithm::PS256, ..signers[0].header.clone() },
        ..Signer::new(Algorithm::ES256, "x")
    };
    let pss = Signer { key: signers[0].key.clone(), ..pss };
    let says_which = signers[0].public.get("alg").is_some();
    assert_eq!(check(&server, &pss.token(&server, json!({"aud": "shop"}))).await.status == 200, !says_which);
}

#[tokio::test]
async fn people_are_named_by_id_username_or_an_address_that_both_have_verified() {
    let server = Server::on_a_fresh_database().await;
    let (root, juan) = world(&server).await;
    let signer = Signer::secret(SECRET);
    trust(&root, json!({"secret": SECRET})).await.ok();
    let path = format!("/services/{SHOP}/issuers/1");
    assert_eq!(check(&server, &signer.token(&server, json!({}))).await.status, 200);
    for other in ["Juan", "juan ", "nobody", "client:app"] {
        let refused = check(&server, &signer.token(&server, json!({"sub": other}))).await;
        assert_eq!(refused.refusal(), (401, "invalid_token"), "{other}");
        assert_eq!(refused.body["valid"], false);
    }
    root.patch(&path, json!({"person_by": "email", "person_claim": "email"})).await.ok();
    let by_email = signer.token(&server, json!({"email": "Juan@example.com", "email_verified": true}));
    root.patch(&format!("/users/{}", juan.id), json!({"email": "juan@example.com"})).await.ok();
    assert_eq!(check(&server, &by_email).await.status, 401, "not verified here");
    server.execute("update auth.person set email_verified_at = now() where username = 'juan'").await;
    assert_eq!(check(&server, &by_email).await.status, 200);
    let unverified = signer.token(&server, json!({"email": "juan@example.com"}));
    assert_eq!(check(&server, &unverified).await.status, 401, "not verified there");
    root.patch(&path, json!({"person_by": "id", "person_claim": "sub"})).await.ok();
    assert_eq!(check(&server, &signer.token(&server, json!({"sub": juan.id.to_string()}))).await.status, 200);
    assert_eq!(check(&server, &by_email).await.status, 401);
}

#[tokio::test]
async fn what_somebody_holds_is_what_portero_says_at_that_moment() {
    let server = Server::on_a_fresh_database().await;
    let (root, juan) = world(&server).await;
    trust(&root, json!({"secret": SECRET})).await.ok();
    let token = Signer::secret(SECRET).token(&server, json!({"roles": ["Administrator"], "permissions": ["delete"]}));
    assert_eq!(check(&server, &token).await.ok().body["roles"], json!(["Editor"]), "no role of the token's");
    let grant = json!({"person_id": juan.id, "service_id": SHOP, "role_id": EDITOR});
    root.delete_with("/person-service-roles", grant.clone()).await.ok();
    let checked = check(&server, &token).await.ok();
    assert_eq!((&checked.body["roles"], &checked.body["allowed"]), (&json!([]), &json!(false)));
    root.post("/person-service-roles", grant).await.ok();
    root.patch(&format!("/services/{SHOP}"), json!({"claims": ["department"]})).await.ok();
    root.patch(&format!("/users/{}", juan.id), json!({"attributes": {"department": "sales", "level": 3}})).await.ok();
    let checked = check(&server, &token).await.ok();
    assert_eq!(checked.body["claims"], json!({"department": "sales"}));
    // It expires by itself, and nothing renews it.
    server.app.clock.turn(Duration::minutes(59));
    assert_eq!(check(&server, &token).await.ok().body["renewed"], false);
    server.app.clock.turn(Duration::minutes(1));
    let expired = check(&server, &token).await;
    assert_eq!(expired.refusal(), (401, "expired_token"));
    let listed = server.backend(SHOP).await.post("/check-tokens", json!({"tokens": [token]})).await;
    assert_eq!(listed.body[0], json!({"valid": false, "error": "expired_token"}));
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_key_is_for_whoever_checks_the_proof() {
    let server = Server::on_a_fresh_database().await;
    let (root, _) = world(&server).await;
    trust(&root, json!({"secret": SECRET})).await.ok();
    let signer = Signer::secret(SECRET);
    let bound = signer.token(&server, json!({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}));
    let told = check(&server, &bound).await.ok();
    assert_eq!(told.body["cnf"]["jkt"], "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    let gateway = server.anonymous().with_token(&bound).get("/check-token?service=Shop").await;
    assert_eq!(gateway.refusal(), (401, "invalid_token"));
    let by_certificate = signer.token(&server, json!({"cnf": {"x5t#S256": "abc"}}));
    assert_eq!(check(&server, &by_certificate).await.refusal(), (401, "invalid_token"));
}

#[tokio::test]
async fn a_list_of_tokens_of_many_issuers_is_answered_one_by_one() {
    let server = Server::on_a_fresh_database().await;
    let (root, juan) = world(&server).await;
    let signer = Signer::secret(SECRET);
    trust(&root, json!({"secret": SECRET})).await.ok();
    trust(&root, json!({"secret": SECRET, "issuer": "https://b.example"})).await.ok();
    let of = |issuer: &str| signer.token(&server, json!({"iss": issuer}));
    let mut tokens: Vec<String> = (0..396).map(|n| of(&format!("https://made-up-{n}.example"))).collect();
    tokens.extend([of(ISSUER), juan.token().to_owned(), of("https://b.example"), of("https://c.example")]);
    let backend = server.backend(SHOP).await;
    let listed = backend.post("/check-tokens", json!({"tokens": tokens})).await.ok();
    let valid = listed.column("valid");
    assert_eq!(valid.iter().filter(|valid| **valid == true).count(), 3);
    assert_eq!(valid[396..], [json!(true), json!(true), json!(true), json!(false)]);
}
