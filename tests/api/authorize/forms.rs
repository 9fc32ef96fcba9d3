//! Forms are taken from our own pages alone.

use axum::http::request::Builder;

use super::browser::Form;
use super::{Browser, asking, clerk, shop};
use crate::support::{PASSWORD, Response};

fn from(site: &'static str) -> impl FnOnce(Builder) -> Builder {
    move |request| request.header("sec-fetch-site", site)
}

#[track_caller]
fn assert_refused(answer: &Response) {
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.text.contains("This page is too old, or the form was not sent from here."), "{answer:?}");
    assert!(answer.headers.get("set-cookie").is_none() && answer.header("location").is_empty(), "{answer:?}");
}

#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let server = shop().await;
    clerk(&server).await;
    let mut browser = Browser::of(&server, "ada").await;
    let consent = Form::of(&browser.get(&asking(&[])).await);
    let home = Form::of(&browser.get("/").await);
    let login = Form::of(&browser.get(&asking(&[("prompt", "login")])).await);
    for (form, fields) in [
        (&login, &[("username", "ada"), ("password", PASSWORD)][..]),
        (&consent, &[("answer", "allow")]),
        (&consent, &[("answer", "deny")]),
        (&home, &[]),
    ] {
        let good = form.body(fields);
        for site in ["cross-site", "same-site", "none"] {
            assert_refused(&browser.post(&form.action, &good, from(site)).await);
        }
        let other = |request: Builder| request.header("origin", "https://evil.example");
        assert_refused(&browser.post(&form.action, &good, other).await);
        let mut forged = form.clone();
        forged.hidden.insert("form_token".to_owned(), format!("pfm_{}", "0".repeat(72)));
        assert_refused(&browser.post(&form.action, &forged.body(fields), from("same-origin")).await);
        forged.hidden.remove("form_token");
        assert_refused(&browser.post(&form.action, &forged.body(fields), from("same-origin")).await);
        let mut without = browser.clone();
        without.cookies.remove("portero-form");
        assert_refused(&without.post(&form.action, &good, from("same-origin")).await);
        assert_refused(&without.post(&form.action, &forged.body(fields), from("same-origin")).await);
        assert_refused(&browser.post(&form.action, "", from("same-origin")).await);
    }
    assert_eq!(server.number("select count(*) from auth.authorizations").await, 0);
    assert!(browser.get("/").await.text.contains("ada by name"), "still logged in");
}

#[tokio::test]
async fn a_form_from_before_a_login_is_good_no_more() {
    let server = shop().await;
    clerk(&server).await;
    server.person_with("bob", &[]).await;
    let mut browser = Browser::of(&server, "ada").await;
    let page = browser.get(&asking(&[])).await;
    let login = browser.get(&asking(&[("prompt", "login")])).await;
    browser.log_in(&login, "bob").await;
    let form = Form::of(&page);
    let body = form.body(&[("answer", "allow")]);
    assert_refused(&browser.post(&form.action, &body, from("same-origin")).await);
}

#[tokio::test]
async fn each_login_begins_another_session_and_other_forms() {
    let server = shop().await;
    clerk(&server).await;
    let mut browser = Browser::of(&server, "ada").await;
    let before = browser.cookies.clone();
    let page = browser.get(&asking(&[("prompt", "login")])).await;
    browser.log_in(&page, "ada").await;
    assert!(browser.cookies.keys().eq(before.keys()));
    assert!(browser.cookies.iter().all(|(name, value)| before[name] != *value));
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let server = shop().await;
    let anonymous = server.anonymous();
    for path in ["/login", "/consent", "/logout", "/oauth/authorize", "/oauth/logout"] {
        let answer = anonymous.post(path, serde_json::json!({"username": "ada"})).await;
        assert_eq!(answer.refusal(), (415, "unsupported_media_type"), "{path}");
    }
    let mut browser = Browser::new(&server);
    let large = browser.post("/login", &"a".repeat(20_000), from("same-origin")).await;
    assert_eq!(large.refusal(), (413, "request_body_too_large"));
}
