//! Whoever would be somebody by a token that nobody has issued for them.

use base64ct::{Base64UrlUnpadded, Encoding};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use time::Duration;

use super::{BANK, ISSUER, SECRET, SHOP, Signer, check, check_in, now, trust, world};
use crate::support::Server;

fn part(value: &Value) -> String {
    Base64UrlUnpadded::encode_string(value.to_string().as_bytes())
}

/// A token whose header is this, signed by HS256 with these bytes.
fn forged(header: &Value, claims: &Value, key: &[u8]) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key);
    let signature = aws_lc_rs::hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", Base64UrlUnpadded::encode_string(signature.as_ref()))
}

#[tokio::test]
async fn a_key_says_its_algorithm_and_the_token_does_not() {
    let server = Server::on_a_fresh_database().await;
    let (root, _) = world(&server).await;
    let rsa = Signer::new(Algorithm::RS256, "one");
    trust(&root, json!({"jwks": {"keys": [rsa.public]}})).await.ok();
    assert_eq!(check(&server, &rsa.token(&server, json!({}))).await.status, 200);
    let claims = json!({"iss": ISSUER, "sub": "juan", "exp": now(&server) + 3600});
    let public = [
        rsa.public.to_string(),
        rsa.public["n"].as_str().expect("a modulus").to_owned(),
        rsa.public["e"].as_str().expect("an exponent").to_owned(),
        String::new(),
    ];
    for key in public {
        for alg in ["HS256", "HS384", "RS256", "none", "None", "ES256", ""] {
            let token = forged(&json!({"alg": alg, "kid": "one"}), &claims, key.as_bytes());
            assert_eq!(check(&server, &token).await.refusal(), (401, "invalid_token"), "{alg} {key:.10}");
        }
    }
    let modulus = Base64UrlUnpadded::decode_vec(rsa.public["n"].as_str().expect("a modulus")).expect("base64url");
    let token = forged(&json!({"alg": "HS256", "kid": "one"}), &claims, &modulus);
    assert_eq!(check(&server, &token).await.status, 401);
    // Keys that come along, in the header or at an address in it.
    let stranger = Signer::new(Algorithm::ES256, "one");
    let jwk = serde_json::from_value(stranger.public.clone()).expect("a JWK");
    for header in [
        Header { jwk: Some(jwk), ..stranger.header.clone() },
        Header { jku: Some("https://evil.example/keys".to_owned()), ..stranger.header.clone() },
        Header { kid: None, ..stranger.header.clone() },
        Header { kid: Some("two".to_owned()), ..rsa.header.clone() },
    ] {
        let key = if header.alg == Algorithm::RS256 { rsa.key.clone() } else { stranger.key.clone() };
        let token = Signer { key, header, public: Value::Null }.token(&server, json!({}));
        assert_eq!(check(&server, &token).await.refusal(), (401, "invalid_token"));
    }
}

#[tokio::test]
async fn a_shared_secret_verifies_hs256_and_nothing_else() {
    let server = Server::on_a_fresh_database().await;
    let (root, _) = world(&server).await;
    trust(&root, json!({"secret": SECRET})).await.ok();
    let claims = json!({"iss": ISSUER, "sub": "juan", "exp": now(&server) + 3600});
    assert_eq!(check(&server, &forged(&json!({"alg": "HS256"}), &claims, SECRET.as_bytes())).await.status, 200);
    for alg in [Algorithm::HS384, Algorithm::HS512] {
        let key = EncodingKey::from_secret(SECRET.as_bytes()).expect("a secret");
        let token = jsonwebtoken::encode(&Header::new(alg), &claims, &key).expect("a JWT");
        assert_eq!(check(&server, &token).await.refusal(), (401, "invalid_token"), "{alg:?}");
    }
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "HS256", "crit": ["exp"], "exp": 1}),
        json!({"alg": "HS256", "crit": ["b64"], "b64": true}),
        json!({"alg": "HS256", "crit": []}),
        json!({"alg": "HS256", "typ": "logout+jwt"}),
        json!({"alg": "HS256", "typ": "secevent+jwt"}),
        json!({"alg": ["HS256"]}),
        json!({}),
    ] {
        let token = forged(&header, &claims, SECRET.as_bytes());
        assert_eq!(check(&server, &token).await.refusal(), (401, "invalid_token"), "{header}");
    }
    let good = forged(&json!({"alg": "HS256"}), &claims, SECRET.as_bytes());
    let (message, signature) = good.rsplit_once('.').expect("a signature");
    let other = format!(
        "{}.{}",
        good.split('.').next().expect("a header"),
        part(&json!({"iss": ISSUER, "sub": "root", "exp": now(&server) + 3600}))
    );
    for bad in [
        format!("{message}."),
        message.to_owned(),
        format!("{message}.{}", &signature[1..]),
        format!("{other}.{signature}"),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!("{good}="),
        forged(&json!({"alg": "HS256"}), &claims, b"another secret of 32 bytes......"),
    ] {
        assert_eq!(check(&server, &bad).await.refusal(), (401, "invalid_token"), "{bad}");
    }
}

#[tokio::test]
async fn claims_that_say_another_thing_are_refused() {
    let server = Server::on_a_fresh_database().await;
    let (root, _) = world(&server).await;
    trust(&root, json!({"secret": SECRET, "audiences": ["shop"], "leeway_seconds": 10})).await.ok();
    let signer = Signer::secret(SECRET);
    let with = |more: Value| {
        let mut claims = json!({"aud": "shop"});
        for (name, value) in more.as_object().expect("claims") {
            claims[name] = value.clone();
        }
        signer.token(&server, claims)
    };
    let at = now(&server);
    for good in [json!({}), json!({"nbf": at + 10, "iat": at + 10}), json!({"aud": ["x", "shop"]})] {
        assert_eq!(check(&server, &with(good.clone())).await.status, 200, "{good}");
    }
    for bad in [
        json!({"iss": "https://other.example"}),
        json!({"iss": format!("{ISSUER}/")}),
        json!({"iss": ISSUER.to_uppercase()}),
        json!({"iss": null}),
        json!({"iss": ""}),
        json!({"iss": [ISSUER]}),
        json!({"iss": server.app.issuer.as_str()}),
        json!({"aud": null}),
        json!({"aud": "bank"}),
        json!({"aud": []}),
        json!({"exp": null}),
        json!({"exp": "soon"}),
        json!({"exp": 1e40}),
        json!({"nbf": at + 30}),
        json!({"iat": at + 30}),
        json!({"sub": null}),
        json!({"sub": 7}),
        json!({"sub": ""}),
        json!({"sub": "'; drop table auth.person; --"}),
    ] {
        let refused = check(&server, &with(bad.clone())).await;
        assert_eq!(refused.refusal(), (401, "invalid_token"), "{bad}");
        assert_eq!(refused.body["valid"], false, "{bad}");
    }
    assert_eq!(check(&server, &with(json!({"exp": at}))).await.refusal(), (401, "expired_token"));
}

#[tokio::test]
async fn it_counts_in_the_service_that_trusts_its_issuer_and_nowhere_else() {
    let server = Server::on_a_fresh_database().await;
    let (root, juan) = world(&server).await;
    root.post("/administrators", json!({"user_id": juan.id})).await;
    let issuer = trust(&root, json!({"secret": SECRET})).await.ok().id();
    let token = Signer::secret(SECRET).token(&server, json!({}));
    assert_eq!(check(&server, &token).await.status, 200);
    let shown = server.anonymous().with_token(&token);
    for elsewhere in [
        json!({"service_id": BANK}),
        json!({"service_id": "Bank"}),
        json!({"service_id": 0}),
        json!({"service_id": 99}),
        json!({}),
    ] {
        let refused = shown.post("/check-token", elsewhere.clone()).await;
        assert_eq!(refused.refusal(), (401, "invalid_token"), "{elsewhere}");
    }
    let listed = server.backend(BANK).await.post("/check-tokens", json!({"tokens": [token]})).await;
    assert_eq!(listed.body[0], json!({"valid": false, "error": "invalid_token"}));
    // It opens none of Portero's own doors.
    for path in ["/auth/profile", "/auth/me", "/users", "/services", "/auth/sessions", "/changes"] {
        assert_eq!(shown.get(path).await.status, 401, "{path}");
    }
    assert_eq!(shown.post("/auth/logout", json!({})).await.status, 401);
    assert_eq!(shown.delete(&format!("/services/{SHOP}/issuers/{issuer}")).await.status, 401);
    assert_eq!(shown.post("/access/v1/evaluation", json!({})).await.status, 401);
    assert_eq!(check(&server, &token).await.status, 200, "nothing has ended it");
}

#[tokio::test]
async fn whoever_is_disabled_or_removed_is_nobody_at_once_and_so_is_a_client() {
    let server = Server::on_a_fresh_database().await;
    let (root, juan) = world(&server).await;
    let issuer = trust(&root, json!({"secret": SECRET})).await.ok().id();
    let other = server.another_instance().await;
    let signer = Signer::secret(SECRET);
    let token = signer.token(&server, json!({}));
    for at in [&server, &other] {
        assert_eq!(check(at, &token).await.status, 200);
    }
    root.post(&format!("/users/{}/disable", juan.id), json!({})).await.ok();
    for at in [&server, &other] {
        assert_eq!(check(at, &token).await.refusal(), (401, "invalid_token"), "disabled");
    }
    root.post(&format!("/users/{}/enable", juan.id), json!({})).await.ok();
    assert_eq!(check(&other, &token).await.status, 200);
    // Another secret, on another instance than the one that has the old one in memory.
    let path = format!("/services/{SHOP}/issuers/{issuer}");
    let new = "another secret, of thirty-two bytes";
    root.patch(&path, json!({"secret": new})).await.ok();
    for at in [&other, &server] {
        assert_eq!(check(at, &token).await.status, 401);
        assert_eq!(check(at, &Signer::secret(new).token(&server, json!({}))).await.status, 200);
    }
    root.delete(&path).await.ok();
    for at in [&other, &server] {
        assert_eq!(check(at, &Signer::secret(new).token(&server, json!({}))).await.refusal(), (401, "invalid_token"));
    }
    trust(&root, json!({"secret": SECRET})).await.ok();
    assert_eq!(check(&other, &token).await.status, 200);
    root.delete(&format!("/users/{}", juan.id)).await.ok();
    assert_eq!(check(&other, &token).await.status, 401);
    let id = trust(&root, json!({"secret": SECRET, "issuer": "https://b.example"})).await.ok().id();
    assert!(id > 0);
    root.delete(&format!("/services/{SHOP}")).await.ok();
    assert_eq!(server.number("select count(*) from auth.trusted_issuers").await, 0);
}

#[tokio::test]
async fn what_is_larger_than_a_token_may_be_or_of_nobody_costs_nothing() {
    let server = Server::on_a_fresh_database().await;
    let (root, _) = world(&server).await;
    let signer = Signer::secret(SECRET);
    let token = signer.token(&server, json!({}));
    let nowhere = server.anonymous().with_token(&token).post("/check-token", json!({})).await;
    trust(&root, json!({"secret": SECRET, "issuer": "https://b.example"})).await.ok();
    let wrong = Signer::secret("another secret of 32 bytes......").token(&server, json!({"iss": "https://b.example"}));
    let gateway = server.anonymous().with_token(&token).get("/check-token?service=Shop").await;
    // Whom a service trusts is not told either.
    for refused in [nowhere, check(&server, &token).await, check(&server, &wrong).await, gateway] {
        assert_eq!(refused.refusal(), (401, "invalid_token"));
        assert!(refused.detail().starts_with("a JWT of another issuer counts only with a `service_id`"), "{refused:?}");
    }
    let nothing = server.anonymous().with_token("a.b.c").post("/check-token", json!({})).await;
    assert!(nothing.detail().contains("log in again"), "{nothing:?}");
    trust(&root, json!({"secret": SECRET})).await.ok();
    let huge = signer.token(&server, json!({"filling": "a".repeat(9000)}));
    let refused = server.anonymous().post("/check-token", json!({"service_id": SHOP, "token": huge})).await;
    assert_eq!(refused.refusal(), (401, "invalid_token"));
    let deep = format!("{}{}", "[".repeat(3000), "]".repeat(3000));
    let header = Base64UrlUnpadded::encode_string(br#"{"alg":"HS256"}"#);
    let deep = format!("{header}.{}.AAAA", Base64UrlUnpadded::encode_string(deep.as_bytes()));
    assert_eq!(check(&server, &deep).await.refusal(), (401, "invalid_token"));
    assert_eq!(check_in(&server, &token, json!("Shop")).await.status, 200);
    server.app.clock.turn(Duration::hours(2));
    assert_eq!(check(&server, &token).await.refusal(), (401, "expired_token"));
}
