//! `prompt`, `max_age`, and who is expected.

use serde_json::json;
use time::Duration;

use super::browser::digest;
use super::{Browser, Form, asking, clerk, code, error, id_token, shop};
use crate::support::{Response, Server};

async fn logged_in(server: &Server) -> Browser {
    server.execute("update auth.clients set consent = 'none'").await;
    clerk(server).await;
    Browser::of(server, "ada").await
}

async fn auth_times(server: &Server) -> Vec<time::OffsetDateTime> {
    sqlx::query_scalar("select auth_time from auth.authorizations order by id")
        .fetch_all(server.app.db.pool())
        .await
        .expect("times")
}

#[tokio::test]
async fn none_shows_nothing_whoever_is_there() {
    let server = shop().await;
    let (_, mut stranger) = clerk(&server).await;
    let none = asking(&[("prompt", "none")]);
    assert_eq!(error(&stranger.get(&none).await), "login_required");
    let mut browser = Browser::of(&server, "ada").await;
    assert_eq!(error(&browser.get(&none).await), "consent_required");
    let page = browser.get(&asking(&[])).await;
    code(&browser.submit(&page, &[("answer", "allow")]).await);
    code(&browser.get(&none).await);
    code(&browser.get(&none).await);
    assert_eq!(error(&browser.get(&asking(&[("prompt", "none"), ("max_age", "0")])).await), "login_required");
    server.app.clock.turn(Duration::seconds(20));
    assert_eq!(error(&browser.get(&asking(&[("prompt", "none"), ("max_age", "10")])).await), "login_required");
    server.execute("update auth.clients set admits = 'members'; delete from auth.person_service_role").await;
    assert_eq!(error(&browser.get(&none).await), "access_denied");
    let times = auth_times(&server).await;
    assert_eq!(times.len(), 3);
    assert!(times.iter().all(|time| *time == times[0]));
}

#[tokio::test]
async fn a_login_that_is_asked_for_is_made_once() {
    let server = shop().await;
    let mut browser = logged_in(&server).await;
    code(&browser.get(&asking(&[])).await);
    for parameters in [
        &[("prompt", "login")][..],
        &[("prompt", "select_account")],
        &[("prompt", "login select_account")],
        &[("max_age", "0")],
        &[("max_age", "0"), ("prompt", "login")],
        &[("max_age", "1")],
    ] {
        server.app.clock.turn(Duration::seconds(5));
        let page = browser.get(&asking(parameters)).await;
        assert!(page.text.contains(r#"id="password""#), "{parameters:?}: {page:?}");
        code(&browser.log_in(&page, "ada").await);
    }
    let times = auth_times(&server).await;
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
}

#[tokio::test]
async fn a_login_that_is_young_enough_will_do() {
    let server = shop().await;
    let mut browser = logged_in(&server).await;
    server.app.clock.turn(Duration::seconds(30));
    code(&browser.get(&asking(&[("max_age", "10000")])).await);
    code(&browser.get(&asking(&[("max_age", "60"), ("prompt", "none")])).await);
    assert!(browser.get(&asking(&[("max_age", "29")])).await.text.contains(r#"id="password""#));
    let times = auth_times(&server).await;
    assert_eq!(times[0], times[1]);
}

#[tokio::test]
async fn consent_that_is_asked_for_is_asked_each_time() {
    let server = shop().await;
    let mut browser = logged_in(&server).await;
    for prompt in ["consent", "login consent"] {
        let mut page = browser.get(&asking(&[("prompt", prompt)])).await;
        if prompt.starts_with("login") {
            page = browser.log_in(&page, "ada").await;
        }
        assert!(page.text.contains(r#"id="allow""#), "{prompt}: {page:?}");
        code(&browser.submit(&page, &[("answer", "allow")]).await);
    }
}

#[tokio::test]
async fn the_hint_says_who_is_expected() {
    let server = shop().await;
    let mut browser = logged_in(&server).await;
    let bob = server.person_with("bob", &[]).await;
    let ada = server.number("select id::bigint from auth.person where username = 'ada'").await;
    let of_ada = id_token(&server, json!({"sub": ada.to_string(), "aud": "web-shop", "exp": 5})).await;
    let of_bob = id_token(&server, json!({"sub": bob.id.to_string(), "aud": "web-shop"})).await;
    let none = |hint: &str| asking(&[("prompt", "none"), ("id_token_hint", hint)]);
    code(&browser.get(&none(&of_ada)).await);
    for hint in [of_bob.as_str(), "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "rubbish"] {
        assert_eq!(error(&browser.get(&none(hint)).await), "login_required", "{hint}");
    }
    // A hint that nobody can read stands in nobody's way where somebody can be asked.
    code(&browser.get(&asking(&[("id_token_hint", "rubbish")])).await);
    server.app.clock.turn(Duration::seconds(100));
    let request = asking(&[("id_token_hint", &of_bob)]);
    let page = browser.get(&request).await;
    assert!(page.text.contains(r#"id="password""#), "{page:?}");
    assert_eq!(error(&browser.log_in(&page, "ada").await), "login_required", "it is not bob again");
    server.app.clock.turn(Duration::seconds(100));
    let page = browser.get(&request).await;
    code(&browser.log_in(&page, "bob").await);
    let claims = json!({"id_token": {"sub": {"value": ada.to_string()}}}).to_string();
    assert_eq!(error(&browser.get(&asking(&[("claims", &claims), ("prompt", "none")])).await), "login_required");
}

/// Says yes to a request that nobody has been asked about, by a form of another page.
async fn say_yes(browser: &mut Browser, form: &Response, request: &str) -> Response {
    let request = request.trim_start_matches("/oauth/authorize?");
    let shown = digest(&["Store:read", "openid"]);
    let body = Form::of(form).body(&[("request", request), ("answer", "allow"), ("shown", &shown)]);
    browser.post("/consent", &body, |request| request.header("sec-fetch-site", "same-origin")).await
}

#[tokio::test]
async fn nobody_agrees_instead_of_logging_in_as_they_were_asked_to() {
    let server = shop().await;
    let mut browser = logged_in(&server).await;
    let mut home = browser.get("/").await;
    for _ in 0..3 {
        server.app.clock.turn(Duration::minutes(4));
        home = browser.get("/").await;
    }
    for (name, value) in
        [("prompt", "login"), ("prompt", "select_account consent"), ("max_age", "60"), ("max_age", "0")]
    {
        let request = asking(&[(name, value)]);
        let answer = say_yes(&mut browser, &home, &request).await;
        assert!(answer.header("location").contains("/oauth/authorize?"), "{name}={value}: {answer:?}");
        assert!(browser.get(&request).await.text.contains(r#"id="password""#), "{name}={value}");
    }
    assert_eq!(server.number("select count(*) from auth.authorizations").await, 0);
    code(&say_yes(&mut browser, &home, &asking(&[])).await);
}

#[tokio::test]
async fn whoever_has_logged_in_for_it_may_take_their_time_to_read() {
    let server = shop().await;
    server.execute("update auth.clients set consent = 'ask'").await;
    let (_, mut browser) = clerk(&server).await;
    for (name, value) in [("max_age", "0"), ("max_age", "30"), ("prompt", "login")] {
        let login = browser.get(&asking(&[(name, value)])).await;
        let page = browser.log_in(&login, "ada").await;
        server.app.clock.turn(Duration::minutes(4));
        code(&browser.submit(&page, &[("answer", "allow")]).await);
    }
}

#[tokio::test]
async fn no_client_hears_who_is_there_before_they_have_agreed() {
    let server = shop().await;
    let (ada, _) = clerk(&server).await;
    let bob = server.person_with("bob", &[]).await;
    let mut browser = Browser::of(&server, "ada").await;
    let claims = |sub: &str| json!({"id_token": {"sub": {"value": sub}}}).to_string();
    let (theirs, others) = (claims(&ada.id.to_string()), claims(&bob.id.to_string()));
    let hint = id_token(&server, json!({"sub": bob.id.to_string(), "aud": "web-shop"})).await;
    let questions =
        [("claims", theirs.as_str()), ("claims", &others), ("claims", &claims("x")), ("id_token_hint", &hint)];
    let none = |question: (&str, &str)| asking(&[("prompt", "none"), question]);
    for question in questions {
        assert_eq!(error(&browser.get(&none(question)).await), "consent_required", "{question:?}");
    }
    server.execute("update auth.clients set admits = 'members'; delete from auth.person_service_role").await;
    for question in questions {
        assert_eq!(error(&browser.get(&none(question)).await), "consent_required", "{question:?}, of no member");
    }
    server.give(ada.id, 1000, 1000).await;
    let page = browser.get(&asking(&[])).await;
    code(&browser.submit(&page, &[("answer", "allow")]).await);
    code(&browser.get(&none(questions[0])).await);
    for question in &questions[1..] {
        assert_eq!(error(&browser.get(&none(*question)).await), "login_required", "{question:?}");
    }
    server.take(ada.id, 1000).await;
    assert_eq!(error(&browser.get(&none(questions[0])).await), "access_denied");
}
