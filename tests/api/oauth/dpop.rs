//! DPoP (RFC 9449): tokens that are good only together with a key.

use axum::http::Method;
use axum::http::request::Builder;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use portero::oauth::clients::GrantType;
use serde_json::{Value, json};
use time::Duration;

use crate::support::dpop::{ProofKey, claims as proof_claims};
use crate::support::oauth::{CHALLENGE, Client, NewAuthorization, NewClient, basic, claims, code_form, post_form};
use crate::support::{Caller, Response, Server};

const TOKEN: &str = "/oauth/token";
const USERINFO: &str = "/oauth/userinfo";
const ITSELF: [(&str, &str); 1] = [("grant_type", "client_credentials")];
const JUAN: i32 = 7;

/// Asks for tokens with a proof.
async fn ask(client: &Client, form: &[(&str, &str)], proof: &str) -> Response {
    ask_with(client, form, |request| request.header("dpop", proof)).await
}

async fn ask_with(client: &Client, form: &[(&str, &str)], proofs: impl FnOnce(Builder) -> Builder) -> Response {
    if let Some(secret) = &client.secret {
        let authorization = basic(&client.client_id, secret);
        let headers = |request: Builder| proofs(request.header("authorization", authorization));
        return post_form(&client.caller, TOKEN, form, headers).await;
    }
    let form: Vec<_> = form.iter().copied().chain([("client_id", client.client_id.as_str())]).collect();
    post_form(&client.caller, TOKEN, &form, proofs).await
}

async fn ask_by(server: &Server, client: &Client, form: &[(&str, &str)], key: &ProofKey) -> Response {
    ask(client, form, &key.proof(server, "POST", TOKEN, None).await).await
}

async fn see(caller: &Caller, scheme: &str, token: &str, proof: Option<&str>) -> Response {
    let headers = |request: Builder| {
        let request = request.header("authorization", format!("{scheme} {token}"));
        match proof {
            Some(proof) => request.header("dpop", proof),
            None => request,
        }
    };
    caller.send_with(Method::GET, USERINFO, "", headers).await
}

fn text(answer: &Response, field: &str) -> String {
    answer.body[field].as_str().unwrap_or_else(|| panic!("{field} in {answer:?}")).to_owned()
}

async fn bind(server: &Server, jkt: &str) {
    sqlx::query("update auth.authorizations set jkt = $1")
        .bind(jkt)
        .execute(server.app.db.pool())
        .await
        .expect("bound");
}

#[tokio::test]
async fn a_token_is_bound_to_the_key_of_the_proof_and_says_so_everywhere() {
    let server = Server::on_the_demo_data().await;
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256] {
        let key = ProofKey::of(algorithm);
        let client_id = format!("app-{algorithm:?}");
        let client = server.client(NewClient { client_id: &client_id, ..NewClient::for_all() }).await;
        let cnf = json!({"jkt": key.thumbprint()});
        let own = ask_by(&server, &client, &ITSELF, &key).await.ok();
        let code = server.authorize(&client, JUAN, NewAuthorization::default()).await;
        let redeemed = ask_by(&server, &client, &code_form(&code), &key).await.ok();
        let refresh = text(&redeemed, "refresh_token");
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
        let refreshed = ask_by(&server, &client, &form, &key).await.ok();
        for answer in [own, redeemed, refreshed] {
            assert_eq!(answer.body["token_type"], "DPoP", "{answer:?}");
            let token = text(&answer, "access_token");
            assert_eq!(claims(&token)["cnf"], cnf);
            let said = client.introspect(&token).await;
            assert_eq!((&said["token_type"], &said["cnf"]), (&json!("DPoP"), &cnf));
            let checked = server.anonymous().post("/check-token", json!({"token": token})).await.ok();
            assert_eq!(checked.body["cnf"], cnf, "{checked:?}");
            let listed = server.backend(4).await.post("/check-tokens", json!({"tokens": [token]})).await.ok();
            assert_eq!(listed.body[0]["cnf"], cnf, "{listed:?}");
        }
    }
    let client = server.client(NewClient { client_id: "plain", ..NewClient::default() }).await;
    let token = client.of_itself().await;
    assert_eq!(claims(&token).get("cnf"), None);
    let said = client.introspect(&token).await;
    assert_eq!((&said["token_type"], said.get("cnf")), (&json!("Bearer"), None));
    let checked = server.anonymous().post("/check-token", json!({"token": token})).await.ok();
    assert_eq!(checked.body.get("cnf"), None, "the contract is as it was");
}

#[tokio::test]
async fn a_proof_without_a_nonce_of_ours_is_told_which_and_every_instance_takes_it() {
    let server = Server::on_the_demo_data().await;
    let (elsewhere, client, key) =
        (server.another_instance().await, server.client(NewClient::default()).await, ProofKey::new());
    let mut said = proof_claims(&server, "POST", TOKEN, None).await;
    for nonce in [Value::Null, json!(""), json!("made up"), json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")] {
        said["nonce"] = nonce;
        let refused = ask(&client, &ITSELF, &key.sign(&key.header(), &said)).await;
        assert_eq!(refused.refusal(), (400, "use_dpop_nonce"), "{said}");
        assert!(!refused.header("dpop-nonce").is_empty(), "{refused:?}");
        assert!(refused.header("access-control-expose-headers").contains("dpop-nonce"), "{refused:?}");
    }
    // The same proof with the nonce: it was not spent.
    let refused = ask(&client, &ITSELF, &key.sign(&key.header(), &said)).await;
    said["nonce"] = refused.header("dpop-nonce").into();
    let answer = ask(&client.at(&elsewhere), &ITSELF, &key.sign(&key.header(), &said)).await.ok();
    let next = answer.header("dpop-nonce").to_owned();
    assert!(!next.is_empty(), "each answer to a proof has the next: {answer:?}");
    // And it gets old.
    server.app.clock.turn(Duration::seconds(150));
    let mut later = proof_claims(&server, "POST", TOKEN, None).await;
    assert_ne!(later["nonce"], next.as_str());
    later["nonce"] = next.as_str().into();
    ask(&client, &ITSELF, &key.sign(&key.header(), &later)).await.ok();
    server.app.clock.turn(Duration::seconds(211));
    let mut too_late = proof_claims(&server, "POST", TOKEN, None).await;
    too_late["nonce"] = next.into();
    let refused = ask(&client, &ITSELF, &key.sign(&key.header(), &too_late)).await;
    assert_eq!(refused.refusal(), (400, "use_dpop_nonce"));
}

#[tokio::test]
async fn a_proof_is_good_once_also_at_once_and_elsewhere() {
    let server = Server::on_the_demo_data().await;
    let (elsewhere, client, key) =
        (server.another_instance().await, server.client(NewClient::default()).await, ProofKey::new());
    let proof = key.proof(&server, "POST", TOKEN, None).await;
    let requests = (0..20).map(|n| {
        let (client, proof) = (if n % 2 == 0 { client.clone() } else { client.at(&elsewhere) }, proof.clone());
        async move { ask(&client, &ITSELF, &proof).await }
    });
    let answers = Caller::together(requests).await;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(good, 1, "{answers:?}");
    assert!(answers.iter().all(|answer| answer.status == 200 || answer.refusal() == (400, "invalid_dpop_proof")));
    assert_eq!(server.number("select count(*) from auth.spent_assertions").await, 1);
    // Longer than it could be good anywhere, by any clock.
    server.app.clock.turn(Duration::minutes(16));
    portero::oauth::tokens::purge(&server.app).await.expect("purged");
    assert_eq!(server.number("select count(*) from auth.spent_assertions").await, 0, "what is too old is forgotten");
}

#[tokio::test]
async fn what_is_not_a_proof_of_this_request_proves_nothing() {
    let server = Server::on_the_demo_data().await;
    let (client, key) = (server.client(NewClient::default()).await, ProofKey::new());
    let now = server.app.clock.now().unix_timestamp();
    let elsewhere = server.app.issuer.at(USERINFO);
    for (name, value) in [
        ("htm", json!("GET")),
        ("htm", json!("post")),
        ("htm", Value::Null),
        ("htu", json!(elsewhere)),
        ("htu", json!("https://evil.example.com/oauth/token")),
        ("htu", json!("/oauth/token")),
        ("htu", Value::Null),
        ("iat", json!(now - 300)),
        ("iat", json!(now + 120)),
        ("iat", json!("now")),
        ("iat", Value::Null),
        ("jti", json!("")),
        ("jti", json!("x".repeat(256))),
        ("jti", Value::Null),
        ("ath", json!("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo")),
    ] {
        let mut said = proof_claims(&server, "POST", TOKEN, None).await;
        said[name] = value;
        let refused = ask(&client, &ITSELF, &key.sign(&key.header(), &said)).await;
        assert_eq!(refused.refusal(), (400, "invalid_dpop_proof"), "{said}");
    }
    let mut said = proof_claims(&server, "POST", TOKEN, None).await;
    said["htu"] = format!("{}?a=b#c", server.app.issuer.at(TOKEN)).into();
    ask(&client, &ITSELF, &key.sign(&key.header(), &said)).await.ok();
    let (one, other) = (key.proof(&server, "POST", TOKEN, None).await, key.proof(&server, "POST", TOKEN, None).await);
    let twice = ask_with(&client, &ITSELF, |request| request.header("dpop", &one).header("dpop", &other)).await;
    assert_eq!(twice.refusal(), (400, "invalid_dpop_proof"));
    ask(&client, &ITSELF, &one).await.ok();
    assert_eq!(server.number("select count(*) from auth.access_tokens").await, 2, "no other was issued");
}

#[tokio::test]
async fn a_proof_is_signed_by_the_public_key_that_it_has_in_its_header() {
    let server = Server::on_the_demo_data().await;
    let (client, key, other) = (server.client(NewClient::default()).await, ProofKey::new(), ProofKey::new());
    let said = proof_claims(&server, "POST", TOKEN, None).await;
    let good = key.sign(&key.header(), &said);
    let (head, rest) = good.split_once('.').expect("parts");
    let with_head = |change: &dyn Fn(&mut Value)| {
        use base64ct::{Base64UrlUnpadded, Encoding};
        let mut head: Value =
            serde_json::from_slice(&Base64UrlUnpadded::decode_vec(head).expect("base64url")).expect("JSON");
        change(&mut head);
        format!("{}.{rest}", Base64UrlUnpadded::encode_string(head.to_string().as_bytes()))
    };
    let forged = [
        key.sign(&other.header(), &said),
        key.sign(&Header { jwk: None, ..key.header() }, &said),
        key.sign(&Header { typ: Some("JWT".to_owned()), ..key.header() }, &said),
        key.sign(&Header { typ: None, ..key.header() }, &said),
        jsonwebtoken::encode(
            &Header { alg: Algorithm::HS256, ..key.header() },
            &said,
            &EncodingKey::from_secret(b"a secret of somebody's").expect("a key"),
        )
        .expect("a JWT"),
        with_head(&|head| head["alg"] = "none".into()),
        with_head(&|head| head["alg"] = "ES384".into()),
        with_head(&|head| head["jwk"]["d"] = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI".into()),
        with_head(&|head| head["jwk"] = json!({"kty": "oct", "k": "c2VjcmV0"})),
        with_head(&|head| head["crit"] = json!(["exp"])),
        with_head(&|head| head["b64"] = false.into()),
        with_head(&|head| head["jwk"]["x"] = "\",\"y\":\"".into()),
        format!("{}.", good.rsplit_once('.').expect("parts").0),
        format!("{good}.x"),
        "x.y.z".to_owned(),
        String::new(),
        "x".repeat(9000),
    ];
    for proof in forged {
        let refused = ask(&client, &ITSELF, &proof).await;
        assert_eq!(refused.refusal(), (400, "invalid_dpop_proof"), "{proof}");
    }
    ask(&client, &ITSELF, &good).await.ok();
}

#[tokio::test]
async fn a_client_that_is_registered_so_gets_no_token_without_a_proof() {
    let server = Server::on_the_demo_data().await;
    let (client, key) = (server.client(NewClient::default()).await, ProofKey::new());
    server.execute("update auth.clients set requires_dpop = true").await;
    let code = server.authorize(&client, JUAN, NewAuthorization::default()).await;
    for form in [&ITSELF[..], &code_form(&code)] {
        assert_eq!(client.token(form).await.refusal(), (400, "invalid_request"));
    }
    let grants = GrantType::ALL.iter().map(|grant| grant.as_str()).collect::<Vec<_>>();
    let all = server.client(NewClient { client_id: "all", grant_types: &grants, ..NewClient::default() }).await;
    server.execute("update auth.clients set requires_dpop = true").await;
    for grant in grants {
        let answer = all.token(&[("grant_type", grant)]).await;
        assert_eq!(answer.refusal(), (400, "invalid_request"), "{grant}");
        assert!(answer.text.contains("DPoP"), "{grant}: {answer:?}");
    }
    ask_by(&server, &client, &ITSELF, &key).await.ok();
    let given = ask_by(&server, &client, &code_form(&code), &key).await.ok();
    let refresh = text(&given, "refresh_token");
    assert_eq!(client.refresh(&refresh).await.refusal(), (400, "invalid_request"));
    let another = ProofKey::new();
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let given = ask_by(&server, &client, &form, &another).await.ok();
    let jkt = &claims(&text(&given, "access_token"))["cnf"]["jkt"];
    assert_eq!(*jkt, another.thumbprint(), "who keeps a secret may change the key");
}

#[tokio::test]
async fn a_code_that_was_asked_for_with_a_key_is_for_who_has_the_key() {
    let server = Server::on_the_demo_data().await;
    let (client, key, other) = (server.client(NewClient::public()).await, ProofKey::new(), ProofKey::new());
    let code = server.authorize(&client, JUAN, NewAuthorization::default()).await;
    bind(&server, &key.thumbprint()).await;
    assert_eq!(client.redeem(&code).await.refusal(), (400, "invalid_grant"));
    assert_eq!(ask_by(&server, &client, &code_form(&code), &other).await.refusal(), (400, "invalid_grant"));
    let given = ask_by(&server, &client, &code_form(&code), &key).await.ok();
    assert_eq!(given.body["token_type"], "DPoP", "whoever tried before has not spent it");
}

#[tokio::test]
async fn refresh_tokens_of_a_public_client_are_bound_to_its_key() {
    let server = Server::on_the_demo_data().await;
    let (client, key, other) = (server.client(NewClient::public()).await, ProofKey::new(), ProofKey::new());
    let code = server.authorize(&client, JUAN, NewAuthorization::default()).await;
    let given = ask_by(&server, &client, &code_form(&code), &key).await.ok();
    let refresh = text(&given, "refresh_token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    assert_eq!(client.refresh(&refresh).await.refusal(), (400, "invalid_grant"), "stolen, it is worth nothing");
    assert_eq!(ask_by(&server, &client, &form, &other).await.refusal(), (400, "invalid_grant"));
    let given = ask_by(&server, &client, &form, &key).await.ok();
    let next = text(&given, "refresh_token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", next.as_str())];
    ask_by(&server, &client, &form, &key).await.ok();
    // One that began without a key goes on without one.
    let new = NewAuthorization { challenge: Some(CHALLENGE), ..NewAuthorization::default() };
    let code = server.authorize(&client, JUAN, new).await;
    let plain = text(&client.redeem(&code).await.ok(), "refresh_token");
    assert_eq!(client.refresh(&plain).await.ok().body["token_type"], "Bearer");
}

#[tokio::test]
async fn who_has_logged_in_is_told_to_who_has_the_key_of_the_token() {
    let server = Server::on_the_demo_data().await;
    let (client, key, other) = (server.client(NewClient::default()).await, ProofKey::new(), ProofKey::new());
    let caller = server.anonymous();
    let code = server.authorize(&client, JUAN, NewAuthorization::default()).await;
    let bound = text(&ask_by(&server, &client, &code_form(&code), &key).await.ok(), "access_token");
    let code = server.authorize(&client, JUAN, NewAuthorization::default()).await;
    let plain = text(&client.redeem(&code).await.ok(), "access_token");

    let proof = key.proof(&server, "GET", USERINFO, Some(&bound)).await;
    let told = see(&caller, "DPoP", &bound, Some(&proof)).await.ok();
    assert_eq!(told.body["sub"], "7");
    assert!(!told.header("dpop-nonce").is_empty(), "{told:?}");
    assert_eq!(see(&caller, "DPoP", &bound, Some(&proof)).await.refusal(), (401, "invalid_dpop_proof"), "again");
    let fresh = key.proof(&server, "GET", USERINFO, Some(&bound)).await;
    assert_eq!(see(&caller, "Bearer", &bound, None).await.refusal(), (401, "invalid_token"));
    assert_eq!(see(&caller, "Bearer", &bound, Some(&fresh)).await.refusal(), (401, "invalid_token"));
    let in_body = post_form(&caller, USERINFO, &[("access_token", &bound)], |request| request).await;
    assert_eq!(in_body.refusal(), (401, "invalid_token"));
    assert_eq!(caller.with_token(&bound).get(USERINFO).await.refusal(), (401, "invalid_token"));
    assert_eq!(see(&caller, "DPoP", &bound, None).await.refusal(), (401, "invalid_dpop_proof"));
    let theirs = other.proof(&server, "GET", USERINFO, Some(&bound)).await;
    assert_eq!(see(&caller, "DPoP", &bound, Some(&theirs)).await.refusal(), (401, "invalid_token"));
    for (method, path, token) in [
        ("POST", USERINFO, Some(bound.as_str())),
        ("GET", TOKEN, Some(&bound)),
        ("GET", USERINFO, None),
        ("GET", USERINFO, Some(&plain)),
    ] {
        let proof = key.proof(&server, method, path, token).await;
        assert_eq!(see(&caller, "DPoP", &bound, Some(&proof)).await.refusal(), (401, "invalid_dpop_proof"), "{method}");
    }
    let mut said = proof_claims(&server, "GET", USERINFO, Some(&bound)).await;
    said["nonce"] = Value::Null;
    let refused = see(&caller, "DPoP", &bound, Some(&key.sign(&key.header(), &said))).await;
    assert_eq!(refused.refusal(), (401, "use_dpop_nonce"));
    assert!(refused.header("www-authenticate").starts_with("DPoP ") && !refused.header("dpop-nonce").is_empty());
    said["nonce"] = refused.header("dpop-nonce").into();
    see(&caller, "DPoP", &bound, Some(&key.sign(&key.header(), &said))).await.ok();
    // One that is not bound has no key, whatever comes with it.
    see(&caller, "Bearer", &plain, None).await.ok();
    let proof = key.proof(&server, "GET", USERINFO, Some(&plain)).await;
    assert_eq!(see(&caller, "DPoP", &plain, Some(&proof)).await.refusal(), (401, "invalid_token"));
}

#[tokio::test]
async fn where_nobody_would_look_at_the_proof_a_bound_token_is_refused() {
    let server = Server::on_the_demo_data().await;
    let (client, key) = (server.client(NewClient::default()).await, ProofKey::new());
    let code = server.authorize(&client, 8, NewAuthorization::default()).await;
    let bound = text(&ask_by(&server, &client, &code_form(&code), &key).await.ok(), "access_token");
    for scheme in ["Bearer", "DPoP", "dpop"] {
        let shown = async |method: Method, path: &str| {
            let headers = |request: Builder| request.header("authorization", format!("{scheme} {bound}"));
            server.anonymous().send_with(method, path, "", headers).await
        };
        for path in ["/check-token?service=4", "/check-token", "/people/adm2/services/4"] {
            assert_eq!(shown(Method::GET, path).await.refusal(), (401, "invalid_token"), "{scheme} {path}");
        }
        assert_eq!(shown(Method::POST, "/check-token?service=4").await.refusal(), (401, "invalid_token"));
        // A backend is told of the key.
        let told = shown(Method::POST, "/check-token").await.ok();
        assert_eq!(told.body["cnf"]["jkt"], key.thumbprint(), "{scheme}");
    }
    let session = server.demo("juan").await;
    let headers = |request: Builder| request.header("authorization", format!("DPoP {}", session.token()));
    let refused = server.anonymous().send_with(Method::POST, "/check-token", "", headers).await;
    assert_eq!(refused.refusal(), (401, "invalid_token"), "a session has no key");
    let headers = |request: Builder| request.header("authorization", format!("DPoP {bound}"));
    let both = session.send_with(Method::POST, "/check-token", "", headers).await;
    assert_eq!(both.refusal(), (401, "invalid_token"), "two tokens are none");
}
