//! The second step on the login page, and logins as strong as a client wants them (RFC 9470).

use serde_json::json;

use super::{Browser, Form, asking, carried, clerk, code, error, shop};
use crate::factors::{Authenticator, enrol};
use crate::support::oauth::claims;
use crate::support::{PASSWORD, Response, Server};

async fn without_consent(server: &Server) {
    server.execute("update auth.clients set consent = 'none'").await;
}

/// Both steps, on the page that a request shows.
async fn both(server: &Server, browser: &mut Browser, page: &Response, authenticator: &Authenticator) -> Response {
    let step = browser.log_in(page, "ada").await;
    assert!(step.text.contains(r#"autocomplete="one-time-code""#), "{step:?}");
    assert!(!browser.cookies.contains_key("portero"), "nobody is logged in yet");
    browser.submit(&step, &[("code", &authenticator.next(server))]).await
}

#[tokio::test]
async fn a_code_on_the_page_finishes_the_login_for_a_client() {
    let server = shop().await;
    without_consent(&server).await;
    let (ada, mut browser) = clerk(&server).await;
    let (authenticator, codes) = enrol(&server, &ada).await;
    let page = browser.get(&asking(&[])).await;
    let step = browser.log_in(&page, "ada").await;
    let wrong = browser.submit(&step, &[("code", "000000")]).await;
    assert_eq!(wrong.status, 403);
    assert!(wrong.text.contains(r#"id="code-error""#) && wrong.text.contains("wrong"), "{wrong:?}");
    let missing = browser.submit(&wrong, &[("code", "")]).await;
    assert!(missing.status == 400 && missing.text.contains("Enter the code."), "{missing:?}");
    code(&browser.submit(&missing, &[("code", &authenticator.next(&server))]).await);
    let words: (String, Vec<String>) = sqlx::query_as("select acr, amr from auth.authorizations")
        .fetch_one(server.app.db.pool())
        .await
        .expect("an authorization");
    assert_eq!(words, ("2".to_owned(), vec!["pwd".to_owned(), "otp".to_owned(), "mfa".to_owned()]));

    let mut other = Browser::new(&server);
    let page = other.get("/login").await;
    let step = other.log_in(&page, "ada").await;
    let home = other.submit(&step, &[("code", &codes[0])]).await;
    assert!(home.text.contains("signed in as"), "by a recovery code: {home:?}");
}

#[tokio::test]
async fn a_login_that_is_over_says_how_to_go_on() {
    let server = shop().await;
    let (ada, mut browser) = clerk(&server).await;
    let (authenticator, _) = enrol(&server, &ada).await;
    let page = browser.get(&asking(&[])).await;
    let step = browser.log_in(&page, "ada").await;
    server.app.clock.turn(time::Duration::minutes(6));
    let over = browser.submit(&step, &[("code", &authenticator.next(&server))]).await;
    assert_eq!(over.status, 403);
    assert!(over.text.contains(r#"id="continue""#) && over.text.contains("/oauth/authorize?"), "{over:?}");
    let forged = Form::of(&step).body(&[("form_token", "pfm_other"), ("code", "000000")]);
    let refused = browser.post("/login/code", &forged, |request| request).await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn who_must_have_one_sets_it_up_on_the_page() {
    let server = Server::configured(&[("REQUIRE_MFA", "all"), ("PAGES_NAME", "Example")]).await;
    server.person_with("ada", &[]).await;
    let mut browser = Browser::new(&server);
    let page = browser.get("/login").await;
    let enrol = browser.log_in(&page, "ada").await;
    assert!(enrol.text.contains("<svg ") && enrol.text.contains("otpauth://totp/Example:ada"), "{enrol:?}");
    let secret = |page: &Response| {
        let (_, rest) = page.text.split_once(r#"<code id="secret">"#).expect("a secret");
        rest.split('<').next().unwrap_or_default().to_owned()
    };
    let wrong = browser.submit(&enrol, &[("code", "000000"), ("next_code", "000000")]).await;
    assert_eq!((wrong.status, secret(&wrong)), (403, secret(&enrol)), "it stays the same");
    let [first, second] = Authenticator::of(&secret(&enrol)).two(&server);
    let codes = browser.submit(&wrong, &[("code", &first), ("next_code", &second)]).await;
    assert!(codes.status == 200 && codes.text.matches("<li><code>").count() == 10, "{codes:?}");
    assert!(browser.cookies["portero"].starts_with("ptk_"));
    assert!(browser.get("/").await.text.contains("signed in as"));
}

#[tokio::test]
async fn a_browser_that_is_trusted_asks_for_no_code_but_where_a_client_wants_one() {
    let server = Server::configured(&[("TRUST_DEVICES", "30")]).await;
    server.execute(super::WORLD).await;
    without_consent(&server).await;
    let (ada, mut browser) = clerk(&server).await;
    let (authenticator, _) = enrol(&server, &ada).await;
    let page = browser.get("/login").await;
    let step = browser.log_in(&page, "ada").await;
    assert!(step.text.contains(r#"name="trust""#) && step.text.contains("30 days"), "{step:?}");
    browser.submit(&step, &[("code", &authenticator.next(&server)), ("trust", "yes")]).await;
    assert!(browser.cookies["portero-device"].starts_with("ptd_"));
    let mut again = Browser::new(&server);
    again.cookies.insert("portero-device".to_owned(), browser.cookies["portero-device"].clone());
    let page = again.get("/login").await;
    assert!(again.log_in(&page, "ada").await.text.contains("signed in as"));
    let page = again.get(&asking(&[("acr_values", "2")])).await;
    assert!(page.text.contains(r#"id="password""#), "{page:?}");
    code(&both_again(&server, &mut again, &page, &authenticator).await);
}

async fn both_again(
    server: &Server,
    browser: &mut Browser,
    page: &Response,
    authenticator: &Authenticator,
) -> Response {
    let step = browser.log_in(page, "ada").await;
    assert!(step.text.contains(r#"autocomplete="one-time-code""#), "{step:?}");
    browser.submit(&step, &[("code", &authenticator.next(server))]).await
}

#[tokio::test]
async fn a_client_gets_a_login_as_strong_as_it_wants_it() {
    let server = shop().await;
    without_consent(&server).await;
    let (ada, mut browser) = clerk(&server).await;
    let page = browser.get("/login").await;
    browser.log_in(&page, "ada").await;
    let essential = json!({"id_token": {"acr": {"essential": true, "values": ["2"]}}}).to_string();
    // Who has no second factor: what is essential is told, what is not is done without.
    code(&browser.get(&asking(&[("acr_values", "2")])).await);
    let unmet = "unmet_authentication_requirements";
    assert_eq!(error(&browser.get(&asking(&[("claims", &essential)])).await), unmet);
    assert_eq!(error(&browser.get(&asking(&[("claims", &essential), ("prompt", "none")])).await), unmet);

    let (authenticator, _) = enrol(&server, &ada).await;
    code(&browser.get(&asking(&[])).await);
    code(&browser.get(&asking(&[("acr_values", "2 1")])).await);
    for more in [&[("acr_values", "2")][..], &[("claims", essential.as_str())]] {
        let silent: Vec<_> = more.iter().copied().chain([("prompt", "none")]).collect();
        assert_eq!(error(&browser.get(&asking(&silent)).await), "login_required", "{more:?}");
    }
    let page = browser.get(&asking(&[("claims", &essential), ("nonce", "n")])).await;
    assert!(page.text.contains(r#"id="password""#), "{page:?}");
    let answer = both_again(&server, &mut browser, &page, &authenticator).await;
    let (_, got) = carried(&answer);
    let form = [
        ("grant_type", "authorization_code"),
        ("code", got["code"].as_str()),
        ("redirect_uri", super::CALLBACK),
        ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        ("client_id", "web-shop"),
    ];
    let tokens =
        crate::support::oauth::post_form(&server.anonymous(), "/oauth/token", &form, |request| request).await.ok();
    let id_token = claims(tokens.body["id_token"].as_str().expect("an ID token"));
    assert_eq!((&id_token["acr"], &id_token["amr"]), (&json!("2"), &json!(["pwd", "otp", "mfa"])));
    let now = server.app.clock.now().unix_timestamp();
    assert!((now - 5..=now).contains(&id_token["auth_time"].as_i64().expect("a time")), "{id_token}");
    code(&browser.get(&asking(&[("acr_values", "2"), ("prompt", "none")])).await);
    assert_eq!(server.anonymous().log_in("ada", PASSWORD).await.ok().body["mfa_required"], json!(true));
}

#[tokio::test]
async fn a_plain_login_of_who_has_one_goes_by_both_steps() {
    let server = shop().await;
    without_consent(&server).await;
    let (ada, mut browser) = clerk(&server).await;
    let (authenticator, _) = enrol(&server, &ada).await;
    let page = browser.get(&asking(&[("max_age", "0")])).await;
    code(&both(&server, &mut browser, &page, &authenticator).await);
}
