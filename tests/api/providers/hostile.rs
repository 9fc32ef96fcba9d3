//! Providers, networks and people who mean harm.

use std::time::{Duration as Wait, Instant};

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use time::Duration;

use super::{CLIENT, Idp, Sent, depart, linked, log_in, world};
use crate::authorize::browser::Browser;
use crate::foreign::{Signer, now};
use crate::support::{Response, Said, Server};

/// A server with somebody who is linked.
async fn linked_world() -> (Idp, Server) {
    let (idp, server, _) = world(json!({})).await;
    linked(&server.person_with("ada", &[]).await, "ada-there").await;
    (idp, server)
}

#[track_caller]
fn is_refused(answer: &Response, status: u16, browser: &Browser) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(!browser.cookies.contains_key("portero"), "nobody is in: {answer:?}");
}

#[tokio::test]
async fn an_id_token_that_is_not_as_it_must_be_opens_nothing() {
    let (idp, server) = linked_world().await;
    let at = now(&server);
    for (n, wrong) in [
        json!({"iss": "https://other.example"}),
        json!({"iss": format!("{}/", idp.place.url)}),
        json!({"iss": null}),
        json!({"aud": "somebody-else"}),
        json!({"aud": ["somebody-else"]}),
        json!({"aud": [CLIENT, "somebody-else"]}),
        json!({"azp": "somebody-else"}),
        json!({"nonce": "another"}),
        json!({"nonce": null}),
        json!({"exp": at - 61}),
        json!({"exp": null}),
        json!({"iat": at - 3600}),
        json!({"iat": at + 3600}),
        json!({"iat": null}),
        json!({"sub": null}),
        json!({"sub": ["ada-there"]}),
        json!({"sub": ""}),
    ]
    .into_iter()
    .enumerate()
    {
        let mut browser = Browser::new(&server);
        let answer = log_in(&idp, &server, &mut browser, wrong.clone()).await;
        is_refused(&answer, 502, &browser);
        assert!(!answer.text.contains(&idp.place.url), "{n} {wrong}: {answer:?}");
    }
    log_in(&idp, &server, &mut Browser::new(&server), json!({"aud": [CLIENT, "x"], "azp": CLIENT})).await.ok();
}

#[tokio::test]
async fn a_token_that_the_provider_has_not_signed_opens_nothing() {
    let (idp, server) = linked_world().await;
    let mut browser = Browser::new(&server);
    let sent = depart(&mut browser).await;
    let claims = idp.claims(&server, &sent, json!({}));
    let part = |value: &Value| {
        use base64ct::{Base64UrlUnpadded, Encoding};
        Base64UrlUnpadded::encode_string(value.to_string().as_bytes())
    };
    let unsigned = |header: Value| format!("{}.{}.", part(&header), part(&claims));
    // The key that everybody has is no secret to sign with.
    let public = idp.signer.public.to_string();
    let mut by_public_key = Signer::secret(&public);
    by_public_key.header.kid = Some("one".to_owned());
    let mut by_coordinate = Signer::secret(idp.signer.public["x"].as_str().expect("a coordinate"));
    by_coordinate.header.kid = Some("one".to_owned());
    let (stranger, unknown) = (Signer::new(Algorithm::ES256, "one"), Signer::new(Algorithm::EdDSA, "two"));
    let mut of_another_kind = Signer::new(Algorithm::ES256, "one");
    of_another_kind.key = idp.signer.key.clone();
    of_another_kind.header.typ = Some("at+jwt".to_owned());
    let good = idp.signer.sign(&claims);
    for bad in [
        unsigned(json!({"alg": "none"})),
        unsigned(json!({"alg": "none", "kid": "one", "typ": "JWT"})),
        unsigned(json!({"alg": "NONE", "kid": "one"})),
        unsigned(json!({"alg": "ES256", "kid": "one"})),
        by_public_key.sign(&claims),
        by_coordinate.sign(&claims),
        stranger.sign(&claims),
        unknown.sign(&claims),
        of_another_kind.sign(&claims),
        good[..good.len() - 4].to_owned(),
        String::new(),
        "a.b.c".to_owned(),
    ] {
        let mut browser = Browser::new(&server);
        let sent = depart(&mut browser).await;
        idp.gives(&bad);
        is_refused(&browser.get(&idp.back(&sent)).await, 502, &browser);
    }
    idp.gives(&good);
    let home = browser.get(&idp.back(&sent)).await;
    assert!(home.text.contains("signed in as"), "the same, as it must be, does: {home:?}");
}

#[tokio::test]
async fn an_answer_of_another_issuer_is_sent_nowhere() {
    let (idp, server) = linked_world().await;
    for iss in ["https://evil.example", ""] {
        let mut browser = Browser::new(&server);
        let sent = depart(&mut browser).await;
        idp.tells(&server, &sent, json!({}));
        is_refused(&browser.get(&idp.back_with(&sent, &[("iss", iss)])).await, 502, &browser);
        assert_eq!(idp.redeemed(), 0, "the code was for somebody else: {iss:?}");
        // It was the only try.
        is_refused(&browser.get(&idp.back(&sent)).await, 400, &browser);
    }
}

#[tokio::test]
async fn an_answer_of_one_provider_at_the_address_of_another_is_sent_nowhere() {
    let (idp, server, root) = world(json!({})).await;
    let other = Idp::open().await;
    super::add(&root, &other, json!({"name": "evil", "display_name": "Evil"})).await.ok();
    let mut browser = Browser::new(&server);
    let sent = depart(&mut browser).await;
    idp.tells(&server, &sent, json!({}));
    let mixed_up = idp.back_with(&sent, &[("iss", "")]).replace("/acme", "/evil");
    is_refused(&browser.get(&mixed_up).await, 400, &browser);
    assert_eq!((idp.redeemed(), other.redeemed()), (0, 0));
}

#[tokio::test]
async fn a_state_is_good_once_for_five_minutes_in_the_browser_that_was_sent() {
    let (idp, server) = linked_world().await;
    let (mut browser, mut other) = (Browser::new(&server), Browser::new(&server));
    other.get("/login").await;
    let sent = depart(&mut browser).await;
    idp.tells(&server, &sent, json!({}));
    is_refused(&other.get(&idp.back(&sent)).await, 400, &other);
    is_refused(&Browser::new(&server).get(&idp.back(&sent)).await, 400, &other);
    for bad in ["", "x", "pst_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000"] {
        is_refused(&browser.get(&idp.back_with(&sent, &[("state", bad)])).await, 400, &browser);
    }
    let twice = format!("{}&state={}", idp.back(&sent), sent.of("state"));
    is_refused(&browser.get(&twice).await, 400, &browser);
    assert_eq!(idp.redeemed(), 0, "nothing of that was for the provider to hear");
    assert!(browser.get(&idp.back(&sent)).await.text.contains("signed in as"));
    let mut again = browser.clone();
    again.cookies.remove("portero");
    is_refused(&again.get(&idp.back(&sent)).await, 400, &again);
    assert_eq!(idp.redeemed(), 1);
    let mut late = Browser::new(&server);
    let sent = depart(&mut late).await;
    idp.tells(&server, &sent, json!({}));
    server.app.clock.turn(Duration::minutes(5));
    is_refused(&late.get(&idp.back(&sent)).await, 400, &late);
}

#[tokio::test]
async fn a_state_that_comes_twice_at_once_opens_one_session() {
    let (idp, server) = linked_world().await;
    let mut browser = Browser::new(&server);
    let sent = depart(&mut browser).await;
    idp.tells(&server, &sent, json!({}));
    let path = idp.back(&sent);
    let answers = futures_util::future::join_all((0..6).map(|_| {
        let (mut browser, path) = (browser.clone(), path.clone());
        async move { browser.get(&path).await.text.contains("signed in as") }
    }));
    assert_eq!(answers.await.into_iter().filter(|is_in| *is_in).count(), 1);
    assert_eq!(idp.redeemed(), 1);
}

#[tokio::test]
async fn a_code_of_somebody_else_brings_their_nonce_and_opens_nothing() {
    let (idp, server) = linked_world().await;
    let (mut thief, mut victim) = (Browser::new(&server), Browser::new(&server));
    let (stolen_from, sent) = (depart(&mut victim).await, depart(&mut thief).await);
    // The provider answers the victim's code with the victim's ID token.
    idp.tells(&server, &stolen_from, json!({}));
    is_refused(&thief.get(&idp.back(&sent)).await, 502, &thief);
}

#[tokio::test]
async fn another_subject_is_another_account_whatever_its_address() {
    let (idp, server) = linked_world().await;
    let mut browser = Browser::new(&server);
    let answer = log_in(&idp, &server, &mut browser, json!({"sub": "mallory-there"})).await;
    is_refused(&answer, 403, &browser);
    assert!(answer.text.contains("Nobody here is linked"), "{answer:?}");
}

#[tokio::test]
async fn slow_endless_and_redirecting_answers_are_none() {
    let (idp, server) = linked_world().await;
    let endless = Said { body: vec![b' '; 70_000].into(), ..Said::status(200) };
    let sent = Sent::read(&Browser::new(&server).get("/login/providers/acme").await);
    let good = Said::json(
        &json!({"id_token": idp.signer.sign(&idp.claims(&server, &sent, json!({}))), "token_type": "Bearer"}),
    );
    idp.place.says("/elsewhere", good.clone());
    for said in [
        endless,
        Said::status(302).with("location", &idp.place.at("/elsewhere")),
        Said::status(400),
        Said::status(500),
        Said::json(&json!([])),
        Said::json(&json!({"error": "invalid_grant"})),
        Said { status: 400, ..good },
    ] {
        let mut browser = Browser::new(&server);
        let sent = depart(&mut browser).await;
        idp.place.says("/token", said);
        is_refused(&browser.get(&idp.back(&sent)).await, 502, &browser);
    }
    let mut browser = Browser::new(&server);
    let sent = depart(&mut browser).await;
    idp.place.says("/token", Said::status(200).after(Wait::from_mins(10)));
    let began = Instant::now();
    let answer = browser.get(&idp.back(&sent)).await;
    assert!([502, 503].contains(&answer.status), "{answer:?}");
    assert!(began.elapsed() < Wait::from_mins(1) && !browser.cookies.contains_key("portero"));
}

#[tokio::test]
async fn a_discovery_document_that_is_another_issuers_or_leads_astray_is_not_used() {
    let (idp, server) = linked_world().await;
    for (n, wrong) in [
        json!({"issuer": "https://other.example"}),
        json!({"token_endpoint": idp.place.at("/token").replace("https", "http")}),
        json!({"jwks_uri": "file:///etc/passwd"}),
        json!({"authorization_endpoint": "javascript:alert(1)"}),
        json!({"token_endpoint": null}),
    ]
    .into_iter()
    .enumerate()
    {
        idp.describes(wrong);
        let mut browser = Browser::new(&server);
        is_refused(&browser.get("/login/providers/acme").await, 502, &browser);
        assert_eq!(idp.place.asked().len(), n + 1, "it is not asked at once again");
        is_refused(&browser.get("/login/providers/acme").await, 502, &browser);
        assert_eq!(idp.place.asked().len(), n + 1);
        server.app.clock.turn(Duration::seconds(10));
    }
    idp.describes(json!({}));
    depart(&mut Browser::new(&server)).await;
}

#[tokio::test]
async fn a_provider_inside_is_not_called_unless_that_is_allowed() {
    let idp = Idp::open().await;
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let refused = super::add(&root, &idp, json!({})).await;
    assert!(refused.status == 400 && refused.detail().contains("`issuer`"), "it says so itself: {refused:?}");
    super::add(&root, &idp, json!({"issuer": "https://id.acme.example"})).await.ok();
    sqlx::query("update auth.providers set issuer = $1")
        .bind(&idp.place.url)
        .execute(server.app.db.pool())
        .await
        .expect("an issuer");
    let mut browser = Browser::new(&server);
    let answer = browser.get("/login/providers/acme").await;
    is_refused(&answer, 502, &browser);
    assert!(idp.place.asked().is_empty() && !answer.text.contains("127.0.0.1"), "{answer:?}");
    assert!(server.log.text().contains("OUTBOUND_ALLOW_INTERNAL"), "but the operator hears of it");
}

#[tokio::test]
async fn userinfo_of_somebody_else_is_not_taken() {
    let (idp, server) = linked_world().await;
    idp.describes(json!({"userinfo_endpoint": idp.place.at("/userinfo")}));
    let without = json!({"email": null, "email_verified": null});
    for (said, status) in
        [(json!({"sub": "mallory-there", "email": "a@b.example"}), 502), (json!({"sub": "ada-there"}), 200)]
    {
        idp.place.says("/userinfo", Said::json(&said));
        let mut browser = Browser::new(&server);
        assert_eq!(log_in(&idp, &server, &mut browser, without.clone()).await.status, status, "{said}");
    }
    let asked = idp.place.asked();
    let asked = asked.iter().find(|asked| asked.path == "/userinfo").expect("a question");
    assert_eq!(asked.headers["authorization"], "Bearer at");
}

#[tokio::test]
async fn requests_that_are_none_are_told_so() {
    let (_, server) = linked_world().await;
    let mut browser = Browser::new(&server);
    for path in ["/login/providers/acme?request=a%00b", "/login/providers/acme?request=client_id%3Dnobody"] {
        is_refused(&browser.get(path).await, 400, &browser);
    }
    for path in ["/login/providers/Acme", "/login/providers/..%2fx", "/login/providers/%00", "/login/callback/%ff"] {
        let answer = browser.get(path).await;
        assert!([400, 404].contains(&answer.status), "{path}: {answer:?}");
    }
}
