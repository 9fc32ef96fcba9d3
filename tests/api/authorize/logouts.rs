//! Logging out, at one's own wish or a client's.

use serde_json::json;

use super::browser::Form;
use super::{Browser, asking, clerk, code, error, id_token, shop};
use crate::support::{Response, Server};

const BYE: &str = "https://shop.example.com/bye";

fn asking_out(parameters: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("/oauth/logout?{query}")
}

/// Somebody who has logged in for the client, and the hint that it has of them.
async fn visitor(server: &Server) -> (Browser, String) {
    server.execute("update auth.clients set consent = 'none'").await;
    let (ada, _) = clerk(server).await;
    let mut browser = Browser::of(server, "ada").await;
    code(&browser.get(&asking(&[])).await);
    let hint = id_token(server, json!({"sub": ada.id.to_string(), "aud": "web-shop"})).await;
    (browser, hint)
}

async fn is_logged_in(browser: &mut Browser) -> bool {
    let answer = browser.get(&asking(&[("prompt", "none")])).await;
    answer.header("location").contains("code=") || error(&answer) != "login_required"
}

#[track_caller]
fn assert_page(answer: &Response, status: u16, told: &str) {
    assert_eq!((answer.status, answer.header("location")), (status, ""), "{answer:?}");
    assert!(answer.text.contains(told), "{told}: {answer:?}");
}

#[tokio::test]
async fn a_client_with_a_hint_logs_its_person_out_and_gets_them_back() {
    let server = shop().await;
    let (mut browser, hint) = visitor(&server).await;
    let before = browser.clone();
    let request = asking_out(&[("id_token_hint", &hint), ("post_logout_redirect_uri", BYE), ("state", "a b&c")]);
    let answer = browser.get(&request).await;
    assert_eq!((answer.status, answer.header("location")), (303, "https://shop.example.com/bye?state=a+b%26c"));
    assert!(!browser.cookies.contains_key("portero"));
    for mut browser in [browser.clone(), before] {
        assert!(!is_logged_in(&mut browser).await, "the session has ended, not only its cookie");
    }
    assert_eq!(server.number("select count(*) from auth.authorizations").await, 0, "and what came of it");
    assert_eq!(server.number("select count(*) from auth.audit_events where action = 'session.revoked'").await, 1);
    // Again: nobody is logged in, and the client is answered all the same.
    assert_eq!(browser.get(&request).await.status, 303);
    let answer = browser.get(&asking_out(&[("id_token_hint", &hint), ("post_logout_redirect_uri", BYE)])).await;
    assert_eq!(answer.header("location"), BYE);
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_is_not_registered() {
    let server = shop().await;
    let (mut browser, hint) = visitor(&server).await;
    let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiIxIiwiYXVkIjoid2ViLXNob3AifQ.";
    let (head, _) = hint.rsplit_once('.').expect("a signature");
    let forged = format!("{head}.{}", "A".repeat(86));
    let of_nobody = id_token(&server, json!({"sub": "1", "aud": "nobody"})).await;
    for parameters in [
        &[("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", "https://shop.example.com/bye?a=b")][..],
        &[("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", "https://evil.example/bye")],
        &[("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", super::CALLBACK)],
    ] {
        assert_page(&browser.get(&asking_out(parameters)).await, 400, "after signing out is not registered");
    }
    for parameters in [
        &[("id_token_hint", unsigned), ("post_logout_redirect_uri", BYE)][..],
        &[("id_token_hint", forged.as_str()), ("post_logout_redirect_uri", BYE)],
        &[("id_token_hint", forged.as_str()), ("post_logout_redirect_uri", BYE), ("client_id", "web-shop")],
        &[("id_token_hint", of_nobody.as_str()), ("post_logout_redirect_uri", BYE)],
        &[("post_logout_redirect_uri", BYE)],
        &[("post_logout_redirect_uri", BYE), ("client_id", "nobody")],
    ] {
        assert_page(&browser.get(&asking_out(parameters)).await, 400, "is unknown, or its ID token is not valid");
    }
    for parameters in
        [&[("id_token_hint", hint.as_str()), ("client_id", "other")][..], &[("state", "a"), ("state", "b")]]
    {
        assert_page(&browser.get(&asking_out(parameters)).await, 400, "can&#39;t be read");
    }
    assert!(is_logged_in(&mut browser).await, "and nobody is logged out by it");
}

#[tokio::test]
async fn without_a_hint_of_theirs_people_are_asked() {
    let server = shop().await;
    let (mut browser, _) = visitor(&server).await;
    let bob = server.person_with("bob", &[]).await;
    let of_bob = id_token(&server, json!({"sub": bob.id.to_string(), "aud": "web-shop"})).await;
    for parameters in [&[][..], &[("state", "a")], &[("id_token_hint", "rubbish")], &[("id_token_hint", &of_bob)]] {
        let page = browser.get(&asking_out(parameters)).await;
        assert_page(&page, 200, "Do you want to sign out?");
        assert!(page.text.contains(r#"id="confirm""#) && page.text.contains("ada by name"));
        assert!(is_logged_in(&mut browser).await);
    }
    let page = browser.get(&asking_out(&[("state", "a")])).await;
    assert_page(&browser.submit(&page, &[]).await, 200, "You are signed out.");
    assert!(!is_logged_in(&mut browser).await);
    assert_page(&browser.get("/oauth/logout").await, 200, "You are signed out.");
}

#[tokio::test]
async fn who_has_been_asked_goes_on_to_the_client() {
    let server = shop().await;
    let (mut browser, _) = visitor(&server).await;
    let request = [("client_id", "web-shop"), ("post_logout_redirect_uri", BYE), ("state", "s")];
    let page = browser.get(&asking_out(&request)).await;
    assert_page(&page, 200, "Do you want to sign out?");
    assert!(page.header("content-security-policy").contains("form-action 'self' https://shop.example.com;"));
    let stolen = page.clone();
    let mut stranger = Browser::new(&server);
    assert_eq!(stranger.submit(&stolen, &[]).await.status, 403, "the form is of that browser");
    let tampered = Form::of(&page).hidden["request"].replace("bye", "evil");
    assert_eq!(browser.submit(&page, &[("request", &tampered)]).await.status, 400);
    assert!(is_logged_in(&mut browser).await);
    let answer = browser.submit(&page, &[]).await;
    assert_eq!(answer.header("location"), "https://shop.example.com/bye?state=s");
    assert!(!is_logged_in(&mut browser).await);
}

#[tokio::test]
async fn what_was_to_outlive_the_session_does() {
    let server = shop().await;
    let (mut browser, hint) = visitor(&server).await;
    code(&browser.get(&asking(&[("scope", "openid offline_access")])).await);
    browser.get(&asking_out(&[("id_token_hint", &hint)])).await;
    assert_eq!(server.number("select count(*) from auth.authorizations where session is null").await, 1);
    assert_eq!(server.number("select count(*) from auth.authorizations").await, 1);
}

#[tokio::test]
async fn the_start_page_logs_out_at_a_click() {
    let server = shop().await;
    clerk(&server).await;
    let mut browser = Browser::of(&server, "ada").await;
    let home = browser.get("/").await;
    assert_page(&browser.submit(&home, &[]).await, 200, "You are signed out.");
    assert!(browser.get("/").await.text.contains(r#"id="sign-in""#));
}

#[tokio::test]
async fn the_port_of_a_loopback_address_is_free_here_as_it_was_at_the_login() {
    let server = shop().await;
    let (mut browser, hint) = visitor(&server).await;
    server.execute("update auth.clients set post_logout_redirect_uris = '{http://127.0.0.1:7880/}'").await;
    let elsewhere = asking_out(&[("id_token_hint", &hint), ("post_logout_redirect_uri", "http://127.0.0.1:7881/x")]);
    assert_eq!(browser.get(&elsewhere).await.status, 400);
    let native = asking_out(&[("id_token_hint", &hint), ("post_logout_redirect_uri", "http://127.0.0.1:7881/")]);
    assert_eq!(browser.get(&native).await.header("location"), "http://127.0.0.1:7881/");
}
