//! Requests that clients push beforehand (RFC 9126).

use axum::http::request::Builder;
use portero::oauth::clients::A_MINUTE;
use serde_json::json;
use time::Duration;

use super::browser::{Browser, Form, digest};
use super::{CALLBACK, CHALLENGE, asking, carried, clerk, code, error, shop};
use crate::support::dpop::ProofKey;
use crate::support::oauth::{VERIFIER, basic, post_form};
use crate::support::{Caller, Response, Server};

const PAR: &str = "/oauth/par";

/// What the client pushes, with these in the place of its own, or without those that are empty.
fn pushing<'a>(parameters: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![
        ("client_id", "web-shop"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid Store:read"),
        ("state", "xyz"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in parameters {
        all.retain(|(own, _)| own != name);
        all.push((name, value));
    }
    all.retain(|(_, value)| !value.is_empty());
    all
}

async fn push(server: &Server, parameters: &[(&str, &str)]) -> Response {
    post_form(&server.anonymous(), PAR, &pushing(parameters), |request| request).await
}

/// Where the browser is sent with what was pushed.
async fn pushed(server: &Server, parameters: &[(&str, &str)]) -> String {
    let answer = push(server, parameters).await;
    assert_eq!((answer.status, &answer.body["expires_in"]), (201, &json!(60)), "{answer:?}");
    let uri = answer.body["request_uri"].as_str().expect("a request_uri");
    assert!(uri.starts_with("urn:ietf:params:oauth:request_uri:par_"), "{uri}");
    authorize("web-shop", uri)
}

fn authorize(client_id: &str, uri: &str) -> String {
    format!("/oauth/authorize?client_id={client_id}&request_uri={uri}")
}

fn is_unknown(page: &Response) -> bool {
    page.status == 400 && page.text.contains("This request is over, or was used already.")
}

async fn redeem(caller: &Caller, code: &str, headers: impl FnOnce(Builder) -> Builder) -> Response {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("client_id", "web-shop"),
    ];
    post_form(caller, "/oauth/token", &form, headers).await
}

#[tokio::test]
async fn what_was_pushed_leads_to_one_code_and_nothing_of_it_is_in_the_browser() {
    let server = shop().await;
    let (_ada, mut browser) = clerk(&server).await;
    let first = pushed(&server, &[("login_hint", "ada"), ("prompt", "login consent")]).await;
    let login = browser.get(&first).await;
    assert!(login.text.contains(r#"value="ada""#), "{login:?}");
    for hidden in ["shop.example.com/callback", CHALLENGE, "xyz", "Store:read", "Store%3Aread"] {
        assert!(!login.text.contains(hidden), "{hidden} in {login:?}");
    }
    let consent = browser.log_in(&login, "ada").await;
    assert!(consent.text.contains("Web Shop") && consent.text.contains("read"), "{consent:?}");
    let answer = browser.submit(&consent, &[("answer", "allow")]).await;
    redeem(&server.anonymous(), &code(&answer), |request| request).await.ok();
    assert_eq!(server.number("select count(*) from auth.pushed_requests").await, 0);
    let again = browser.submit(&consent, &[("answer", "allow")]).await;
    assert!(is_unknown(&again), "{again:?}");
}

#[tokio::test]
async fn a_reference_is_opened_once_within_a_minute_and_for_its_client() {
    let server = shop().await;
    let (_ada, mut browser) = clerk(&server).await;
    let path = pushed(&server, &[]).await;
    let other = path.replace("client_id=web-shop", "client_id=other");
    let without = path.replace("client_id=web-shop&", "");
    for wrong in [
        other.as_str(),
        &without,
        &path[..path.len() - 1],
        &format!("{path}0"),
        &authorize("web-shop", "urn:ietf:params:oauth:request_uri:"),
    ] {
        assert!(is_unknown(&browser.get(wrong).await), "{wrong}");
    }
    let answers = Caller::together((0..10).map(|_| {
        let (mut browser, path) = (browser.clone(), path.clone());
        async move { browser.get(&path).await }
    }));
    let answers = answers.await;
    assert_eq!(answers.iter().filter(|page| page.status == 200).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|page| page.status == 200 || is_unknown(page)), "{answers:?}");

    let late = pushed(&server, &[]).await;
    server.app.clock.turn(Duration::seconds(60));
    assert!(is_unknown(&browser.get(&late).await));
    // Whoever opened one in time may take their time, but not for ever.
    let path = pushed(&server, &[]).await;
    let login = browser.get(&path).await;
    server.app.clock.turn(Duration::minutes(59));
    let consent = browser.log_in(&login, "ada").await;
    server.app.clock.turn(Duration::minutes(2));
    assert!(is_unknown(&browser.submit(&consent, &[("answer", "allow")]).await));
    portero::oauth::tokens::purge(&server.app).await.expect("purged");
    assert_eq!(server.number("select count(*) from auth.pushed_requests").await, 0);
}

#[tokio::test]
async fn nobody_changes_what_was_pushed_on_its_way() {
    let server = shop().await;
    let (_ada, mut browser) = clerk(&server).await;
    let path = pushed(&server, &[("max_age", "0"), ("prompt", "consent")]).await;
    let tampered = format!("{path}&scope=openid%20Store:write&redirect_uri=https://evil.example&state=abc&prompt=none");
    let login = browser.get(&tampered).await;
    assert_eq!(login.status, 200, "{login:?}");
    let consent = browser.log_in(&login, "ada").await;
    assert!(!consent.text.contains("write"), "{consent:?}");
    // Somebody else logs in for the same request, who is not the one who was hinted at.
    let link = consent.text.split("href=\"").find(|link| link.contains("prompt=login")).expect("a link");
    let link = link.split('"').next().unwrap_or_default().replace("&#38;", "&");
    let login = browser.get(&link).await;
    let consent = browser.log_in(&login, "ada").await;
    let answer = browser.submit(&consent, &[("answer", "allow")]).await;
    let (address, fields) = carried(&answer);
    assert_eq!((address.as_str(), fields["state"].as_str()), (CALLBACK, "xyz"), "{answer:?}");
    let given = redeem(&server.anonymous(), &fields["code"], |request| request).await.ok();
    assert_eq!(given.body["scope"], "Store:read openid");
}

#[tokio::test]
async fn what_could_not_be_answered_is_refused_when_it_is_pushed() {
    let server = shop().await;
    let jwt = "eyJhbGciOiJub25lIn0.e30.";
    let claims = json!({"id_token": {"acr": {"essential": true, "value": "9"}}}).to_string();
    let long = "x".repeat(8000);
    for (parameters, expected) in [
        (&[("redirect_uri", "https://evil.example/callback")][..], "invalid_request"),
        (&[("redirect_uri", "")], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_type", "")], "invalid_request"),
        (&[("scope", "openid superuser")], "invalid_scope"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("resource", "urn:portero:service:Other")], "invalid_target"),
        (&[("request", jwt)], "request_not_supported"),
        (&[("request_uri", "https://shop.example.com/request")], "invalid_request"),
        (&[("request_uri", "urn:ietf:params:oauth:request_uri:x")], "invalid_request"),
        (&[("response_mode", "web_message")], "invalid_request"),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("max_age", "soon")], "invalid_request"),
        (&[("claims", &claims)], "unmet_authentication_requirements"),
        (&[("dpop_jkt", "short")], "invalid_request"),
        (&[("state", &long), ("nonce", &long)], "invalid_request"),
    ] {
        assert_eq!(push(&server, parameters).await.refusal(), (400, expected), "{parameters:?}");
    }
    assert_eq!(push(&server, &[("client_id", "other")]).await.refusal(), (401, "invalid_client"));
    assert_eq!(push(&server, &[("client_id", "")]).await.refusal(), (401, "invalid_client"));
    let twice: Vec<_> = pushing(&[]).into_iter().chain([("state", "abc")]).collect();
    let twice = post_form(&server.anonymous(), PAR, &twice, |request| request).await;
    assert_eq!(twice.refusal(), (400, "invalid_request"));
    assert_eq!(server.number("select count(*) from auth.pushed_requests").await, 0);
}

#[tokio::test]
async fn a_confidential_client_proves_who_it_is_and_no_proof_is_stored() {
    let server = shop().await;
    server.execute("update auth.clients set auth_method = 'client_secret_post' where client_id = 'web-shop'").await;
    let secret = server.secret_of(1000, None).await;
    assert_eq!(push(&server, &[]).await.refusal(), (401, "invalid_client"));
    assert_eq!(push(&server, &[("client_secret", "wrong")]).await.refusal(), (401, "invalid_client"));
    assert_eq!(push(&server, &[("client_secret", &secret)]).await.status, 201);
    let authorization = basic("web-shop", &secret);
    let form = pushing(&[("client_id", "")]);
    let by_header = |request: Builder| request.header("authorization", &authorization);
    let answer = post_form(&server.anonymous(), PAR, &form, by_header).await.ok();
    let stored: Vec<String> = sqlx::query_scalar("select parameters from auth.pushed_requests")
        .fetch_all(server.app.db.pool())
        .await
        .expect("rows");
    assert!(stored.len() == 2 && stored.iter().all(|stored| !stored.contains(&secret[4..20])), "{stored:?}");
    let (_ada, mut browser) = clerk(&server).await;
    let login = browser.get(&authorize("web-shop", answer.body["request_uri"].as_str().expect("a request_uri"))).await;
    assert_eq!(login.status, 200, "{login:?}");
}

#[tokio::test]
async fn a_client_that_must_push_is_answered_nothing_else() {
    let server = shop().await;
    let (_ada, mut browser) = clerk(&server).await;
    let root = server.administrator().await;
    let must = json!({"require_pushed_authorization_requests": true});
    let changed = root.patch("/clients/web-shop", must).await.ok();
    assert_eq!(changed.body["require_pushed_authorization_requests"], true);
    assert_eq!(error(&browser.get(&asking(&[])).await), "invalid_request");
    let path = pushed(&server, &[("prompt", "none")]).await;
    assert_eq!(error(&browser.get(&path).await), "login_required");
    // Another place is never read.
    let elsewhere = asking(&[("request_uri", "https://shop.example.com/request")]);
    assert_eq!(error(&browser.get(&elsewhere).await), "invalid_request");
    root.patch("/clients/web-shop", json!({"require_pushed_authorization_requests": false})).await.ok();
    assert_eq!(error(&browser.get(&elsewhere).await), "request_uri_not_supported");
}

#[tokio::test]
async fn whoever_is_logged_in_goes_straight_through_and_whoever_logs_out_midway_begins_again() {
    let server = shop().await;
    let (_ada, _) = clerk(&server).await;
    server.execute("update auth.clients set consent = 'none'").await;
    let mut browser = Browser::of(&server, "ada").await;
    let answer = browser.get(&pushed(&server, &[("prompt", "none"), ("response_mode", "fragment")]).await).await;
    assert!(answer.header("location").starts_with(&format!("{CALLBACK}#code=")), "{answer:?}");
    server.execute("update auth.clients set consent = 'ask'").await;
    let consent = browser.get(&pushed(&server, &[]).await).await;
    server.execute("delete from auth.tokens_cache").await;
    let login = browser.submit(&consent, &[("answer", "allow")]).await;
    let consent = browser.log_in(&login, "ada").await;
    code(&browser.submit(&consent, &[("answer", "allow")]).await);
}

#[tokio::test]
async fn a_proof_binds_the_code_to_its_key_from_the_beginning() {
    let server = shop().await;
    let (_ada, mut browser) = clerk(&server).await;
    let (key, other) = (ProofKey::new(), ProofKey::new());
    let jkt = key.thumbprint();
    let proof = key.proof(&server, "POST", PAR, None).await;
    let by_proof = post_form(&server.anonymous(), PAR, &pushing(&[]), |request| request.header("dpop", &proof)).await;
    assert!(by_proof.status == 201 && !by_proof.header("dpop-nonce").is_empty(), "{by_proof:?}");
    let proof = other.proof(&server, "POST", PAR, None).await;
    let differing = pushing(&[("dpop_jkt", &jkt)]);
    let differing = post_form(&server.anonymous(), PAR, &differing, |request| request.header("dpop", &proof)).await;
    assert_eq!(differing.refusal(), (400, "invalid_request"));
    let wrong = key.proof(&server, "POST", "/oauth/token", None).await;
    let wrong = post_form(&server.anonymous(), PAR, &pushing(&[]), |request| request.header("dpop", &wrong)).await;
    assert_eq!(wrong.refusal(), (400, "invalid_dpop_proof"));

    let first = authorize("web-shop", by_proof.body["request_uri"].as_str().expect("a request_uri"));
    let plain = asking(&[("dpop_jkt", &jkt)]);
    for path in [first, plain] {
        let mut page = browser.get(&path).await;
        if page.text.contains("password") {
            page = browser.log_in(&page, "ada").await;
        }
        let answer = if page.status == 303 { page } else { browser.submit(&page, &[("answer", "allow")]).await };
        let code = code(&answer);
        let caller = server.anonymous();
        assert_eq!(redeem(&caller, &code, |request| request).await.refusal(), (400, "invalid_grant"));
        let theirs = other.proof(&server, "POST", "/oauth/token", None).await;
        let theirs = redeem(&caller, &code, |request| request.header("dpop", theirs)).await;
        assert_eq!(theirs.refusal(), (400, "invalid_grant"));
        let own = key.proof(&server, "POST", "/oauth/token", None).await;
        let given = redeem(&caller, &code, |request| request.header("dpop", own)).await.ok();
        assert_eq!(given.body["token_type"], "DPoP");
    }
    assert_eq!(error(&browser.get(&asking(&[("dpop_jkt", "short")])).await), "invalid_request");
}

#[tokio::test]
async fn strangers_fill_nothing_as_a_public_client() {
    let server = shop().await;
    // Meanwhile, some of what is used comes back.
    let mut pushes = 0;
    let refused = loop {
        let answer = push(&server, &[]).await;
        if answer.status != 201 {
            break answer;
        }
        pushes += 1;
        assert!(pushes < 2 * A_MINUTE, "there is no end");
    };
    assert_eq!(refused.refusal(), (429, "temporarily_unavailable"), "{refused:?}");
    assert!(pushes >= A_MINUTE, "{pushes}");
    let proof = ProofKey::new().proof(&server, "POST", "/oauth/token", None).await;
    let mut with_proofs = Vec::new();
    for _ in 0..50 {
        with_proofs.push(redeem(&server.anonymous(), "x", |request| request.header("dpop", &proof)).await.status);
    }
    assert!(with_proofs.contains(&429), "nor with proofs: {with_proofs:?}");
    assert_eq!(redeem(&server.anonymous(), "x", |request| request).await.refusal(), (400, "invalid_grant"));
    server.execute("update auth.clients set auth_method = 'client_secret_post' where client_id = 'web-shop'").await;
    let secret = server.secret_of(1000, None).await;
    assert_eq!(push(&server, &[("client_secret", &secret)]).await.status, 201, "who is known is no stranger");
}

#[tokio::test]
async fn nobody_agrees_to_what_was_pushed_instead_of_logging_in_for_it() {
    let server = shop().await;
    let (_ada, _) = clerk(&server).await;
    let mut browser = Browser::of(&server, "ada").await;
    let login = browser.get(&pushed(&server, &[("prompt", "login")]).await).await;
    let shown = digest(&["Store:read", "openid"]);
    let body = Form::of(&login).body(&[("answer", "allow"), ("shown", &shown)]);
    let answer = browser.post("/consent", &body, |request| request.header("sec-fetch-site", "same-origin")).await;
    assert!(answer.header("location").contains("/oauth/authorize?"), "{answer:?}");
    assert_eq!(server.number("select count(*) from auth.authorizations").await, 0);
    let consent = browser.log_in(&login, "ada").await;
    code(&browser.submit(&consent, &[("answer", "allow")]).await);
}

#[tokio::test]
async fn a_login_that_is_asked_for_is_made_in_the_browser_that_goes_on() {
    for asked in [("prompt", "login"), ("prompt", "select_account consent"), ("max_age", "0"), ("max_age", "20")] {
        let server = shop().await;
        let (_ada, mut browser) = clerk(&server).await;
        let mut other = Browser::of(&server, "ada").await;
        server.app.clock.turn(Duration::seconds(30));
        let login = browser.get(&pushed(&server, &[asked]).await).await;
        let here = format!("/oauth/authorize?{}", Form::of(&login).hidden["request"]);
        let consent = browser.log_in(&login, "ada").await;
        assert!(consent.text.contains(r#"id="allow""#), "{asked:?}: {consent:?}");
        // The session of another browser is as old as it was.
        let page = other.get(&here).await;
        assert!(page.text.contains(r#"id="password""#), "{asked:?}: {page:?}");
        // And here it is satisfied for good.
        server.app.clock.turn(Duration::seconds(10));
        assert!(browser.get(&here).await.text.contains(r#"id="allow""#), "{asked:?}");
        code(&browser.submit(&consent, &[("answer", "allow")]).await);
    }
}

#[tokio::test]
async fn whoever_asks_to_be_somebody_else_logs_in_once_more() {
    let server = shop().await;
    let (_ada, mut browser) = clerk(&server).await;
    let login = browser.get(&pushed(&server, &[("prompt", "login")]).await).await;
    let again = format!("/oauth/authorize?{}&prompt=login", Form::of(&login).hidden["request"]);
    let consent = browser.log_in(&login, "ada").await;
    let login = browser.get(&again).await;
    assert!(login.text.contains(r#"id="password""#), "{consent:?} {login:?}");
    assert!(browser.log_in(&login, "ada").await.text.contains(r#"id="allow""#));
}
