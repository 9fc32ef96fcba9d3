//! Who gets to see and to post what.

use axum::http::request::Builder;
use time::Duration;

use super::{Browser, Form, PAGES, POSTING, at_home, filling, told};
use crate::authorize::ISSUER;
use crate::support::document::operations;
use crate::support::{PASSWORD, Response, Server};

#[track_caller]
fn assert_sent_to_log_in(answer: &Response, path: &str) {
    let name = path.strip_prefix("/account/").unwrap_or("overview");
    assert_eq!((answer.status, answer.header("location")), (303, format!("{ISSUER}/login?page={name}").as_str()));
}

#[tokio::test]
async fn whoever_is_not_logged_in_logs_in_first_and_comes_back() {
    let server = Server::on_a_fresh_database().await;
    server.person_with("ada", &[]).await;
    for path in PAGES {
        let mut browser = Browser::new(&server);
        assert_sent_to_log_in(&browser.look(path).await, path);
        let login = browser.get(path).await;
        let failed = browser.submit(&login, &[("username", "ada"), ("password", "not this one")]).await;
        assert_eq!(failed.status, 403, "{failed:?}");
        let page = browser.log_in(&failed, "ada").await;
        assert!(page.text.contains(&format!(r#"<a href="{path}" aria-current="page">"#)), "{path}: {page:?}");
        let again = browser.look(&format!("/login?page={}", path.rsplit('/').next().unwrap_or_default())).await;
        assert_eq!(again.status, 303, "who is logged in goes there at once");
    }
}

#[tokio::test]
async fn nobody_is_sent_from_the_login_page_to_another_place_than_ours() {
    let server = Server::on_a_fresh_database().await;
    server.person_with("ada", &[]).await;
    for page in ["https%3A%2F%2Fevil.example", "%2F%2Fevil.example", "..", "/account/../oauth/logout", "%00", ""] {
        let mut browser = Browser::new(&server);
        let login = browser.get(&format!("/login?page={page}")).await;
        let form = Form::of(&login);
        assert!(!form.hidden.contains_key("page"), "{page}");
        let mut forged = form.clone();
        forged.hidden.insert("page".to_owned(), "//evil.example".to_owned());
        let body = forged.body(&[("username", "ada"), ("password", PASSWORD)]);
        let answer = browser.post_own("/login", &body).await;
        assert_eq!(answer.header("location"), format!("{ISSUER}/"), "{page}");
    }
}

#[tokio::test]
async fn a_form_of_another_site_changes_nothing() {
    let (server, mut browser) = at_home().await;
    let before = server.number("select count(*) from auth.audit_events").await;
    let page = browser.get("/account/email").await;
    let token = Form::of(&page).hidden["form_token"].clone();
    let made_up = format!("pfm_{}", "0".repeat(72));
    for path in POSTING {
        let forms = [
            (token.as_str(), "cross-site"),
            (token.as_str(), "same-site"),
            (token.as_str(), "none"),
            (made_up.as_str(), "same-origin"),
            ("", "same-origin"),
        ];
        for (token, site) in forms {
            let body = format!("form_token={token}&name=Eve&username=eve&others=all&language=es&send=again&revoke=x");
            let from = |request: Builder| request.header("sec-fetch-site", site);
            let answer = browser.post(path, &body, from).await;
            assert_eq!(answer.status, 403, "{path} {site}: {answer:?}");
            assert!(answer.text.contains("This page is too old, or the form was not sent from here."), "{answer:?}");
            assert!(answer.header("location").is_empty());
        }
    }
    assert_eq!(server.number("select count(*) from auth.audit_events").await, before);
    assert!(browser.get("/account").await.text.contains("ada by name"));
}

#[tokio::test]
async fn a_post_without_a_session_changes_nothing_and_leads_to_the_login_page() {
    let (server, mut browser) = at_home().await;
    let page = browser.get("/account/email").await;
    let body = Form::of(&page).body(&[("others", "all"), ("email", "eve@example.com"), ("language", "es")]);
    let before = server.number("select count(*) from auth.audit_events").await;
    browser.cookies.remove("portero");
    for path in POSTING {
        assert_sent_to_log_in(&browser.post_own(path, &body).await, path);
    }
    assert_eq!(server.number("select count(*) from auth.audit_events").await, before);
}

#[tokio::test]
async fn a_session_that_has_ended_opens_no_page() {
    for end in [
        "delete from auth.tokens_cache",
        "update auth.person set disabled_at = now() where username = 'ada'",
        "update auth.person set removed_at = now() where username = 'ada'",
        "expiry",
    ] {
        let (server, mut browser) = at_home().await;
        match end {
            "expiry" => server.app.clock.turn(Duration::days(2)),
            sql => server.execute(sql).await,
        }
        for path in PAGES {
            assert_sent_to_log_in(&browser.look(path).await, path);
        }
    }
}

#[tokio::test]
async fn a_token_in_a_header_is_no_session_of_a_browser() {
    let server = Server::on_a_fresh_database().await;
    let ada = server.person_with("ada", &[]).await;
    for path in PAGES {
        assert_sent_to_log_in(&ada.get(path).await, path);
    }
}

#[test]
fn every_page_of_the_account_is_walked_here() {
    let documented: Vec<String> = operations()
        .iter()
        .filter(|operation| operation.method == axum::http::Method::GET)
        .map(crate::support::document::Operation::example_path)
        .filter(|path| path.starts_with("/account") && !path.starts_with("/account/prove"))
        .map(|path| path.split('?').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(documented.len(), PAGES.len(), "{documented:?}");
    assert!(documented.iter().all(|path| PAGES.contains(&path.as_str())), "{documented:?}");
}

#[tokio::test]
async fn what_was_done_is_told_once_and_by_no_link() {
    let (_server, mut browser) = at_home().await;
    let page = filling(&mut browser, "/account/sessions", &[("others", "all")]).await;
    assert_eq!(told(&page), "You are signed out everywhere else.");
    let again = browser.get("/account/sessions").await;
    assert!(!again.text.contains(r#"id="told""#));
    assert!(!browser.cookies.contains_key("portero-told"));
    browser.cookies.insert("portero-told".to_owned(), "<b>Your password is eve</b>".to_owned());
    assert!(!browser.get("/account").await.text.contains("eve"));
}

#[tokio::test]
async fn the_pages_are_in_the_way_of_nobody_while_postgres_is_away() {
    let server = Server::without_postgres(&[]).await;
    let mut browser = Browser::new(&server);
    browser.cookies.insert("portero".to_owned(), format!("ptk_{}", "0".repeat(72)));
    for path in ["/forgot-password", "/reset-password", "/verify-email"] {
        assert_eq!(browser.look(path).await.status, 200, "{path}");
    }
}
