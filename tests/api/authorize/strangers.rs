//! Clients that no administrator has registered: nobody is sent to them unawares (RFC 9700 section 4.11.2).

use serde_json::json;

use super::browser::Form;
use super::{Browser, CALLBACK, asking, carried, clerk, code, error, shop};
use crate::support::{Response, Server};

/// The shop, whose client has registered itself.
async fn world() -> Server {
    let server = shop().await;
    server
        .execute("update auth.clients set registration_access_token = sha256('x'), consent = 'ask' where id = 1000")
        .await;
    clerk(&server).await;
    server
}

/// The address of the link on a page that says where people go on to.
#[track_caller]
fn link(page: &Response) -> String {
    assert_eq!((page.status, page.header("location")), (200, ""), "{page:?}");
    assert!(page.text.contains("You go on to shop.example.com"), "{page:?}");
    assert!(page.text.contains("Nobody here has looked at"), "{page:?}");
    let link = page.text.split(r#"id="continue" class="button" href=""#).nth(1).and_then(|rest| rest.split('"').next());
    link.expect("a link").replace("&#38;", "&")
}

#[tokio::test]
async fn nobody_is_sent_to_a_stranger_by_a_request_that_can_not_be_answered() {
    let server = world().await;
    let faults = [
        ("response_type", "x"),
        ("scope", "superuser"),
        ("code_challenge", ""),
        ("prompt", "none"),
        ("response_mode", "web_message"),
    ];
    for mut browser in [Browser::new(&server), Browser::of(&server, "ada").await] {
        for fault in faults {
            let to = link(&browser.get(&asking(&[fault])).await);
            assert!(to.starts_with(&format!("{CALLBACK}?error=")) && to.contains("&state=xyz&"), "{fault:?}: {to}");
        }
        let page = browser.get(&asking(&[("response_type", "x"), ("response_mode", "form_post")])).await;
        let form = Form::of(&page);
        assert_eq!((form.action.as_str(), form.hidden["error"].as_str()), (CALLBACK, "unsupported_response_type"));
        let page = browser.get(&asking(&[("response_type", "x"), ("ui_locales", "es")])).await;
        assert!(page.text.contains("Va a continuar en shop.example.com"), "{page:?}");
    }
    // Nor from the forms of the pages.
    let mut browser = Browser::new(&server);
    let page = browser.get(&asking(&[])).await;
    let request = Form::of(&page).hidden["request"].replace("response_type=code", "response_type=x");
    link(&browser.submit(&page, &[("request", &request), ("username", "ada"), ("password", "x")]).await);
    let page = browser.log_in(&page, "ada").await;
    link(&browser.submit(&page, &[("request", &request), ("answer", "allow")]).await);
    link(&browser.submit(&page, &[("answer", "deny")]).await);
}

#[tokio::test]
async fn whom_somebody_has_let_in_is_answered_at_once_from_then_on() {
    let server = world().await;
    let mut browser = Browser::of(&server, "ada").await;
    let page = browser.get(&asking(&[])).await;
    code(&browser.submit(&page, &[("answer", "allow")]).await);
    assert_eq!(error(&browser.get(&asking(&[("prompt", "none")])).await), "consent_required");
    assert_eq!(error(&browser.get(&asking(&[("response_type", "x")])).await), "unsupported_response_type");
    // Not for others, nor once it is taken back.
    server.person_with("bob", &[]).await;
    link(&Browser::of(&server, "bob").await.get(&asking(&[("prompt", "none")])).await);
    link(&Browser::new(&server).get(&asking(&[("prompt", "none")])).await);
    let ada = server.anonymous().with_token(&browser.cookies["portero"]);
    ada.delete("/auth/me/applications/web-shop").await.ok();
    link(&browser.get(&asking(&[("prompt", "none")])).await);
    // What is remembered counts as long.
    server.execute("update auth.clients set consent = 'remember'").await;
    let page = browser.get(&asking(&[])).await;
    code(&browser.submit(&page, &[("answer", "allow")]).await);
    server.execute("delete from auth.authorizations").await;
    code(&browser.get(&asking(&[("prompt", "none")])).await);
    assert_eq!(error(&browser.get(&asking(&[("response_type", "x")])).await), "unsupported_response_type");
}

#[tokio::test]
async fn what_registered_itself_calls_itself_so_and_people_are_told() {
    let server = world().await;
    let mut browser = Browser::of(&server, "ada").await;
    let page = browser.get(&asking(&[])).await;
    assert!(page.text.contains("It calls itself “Web Shop”. Nobody here has looked at it."), "{page:?}");
}

#[tokio::test]
async fn nobody_is_sent_to_a_stranger_by_logging_out() {
    let server = world().await;
    let path = "/oauth/logout?client_id=web-shop&post_logout_redirect_uri=https%3A%2F%2Fshop.example.com%2Fbye&state=a";
    assert_eq!(link(&Browser::new(&server).get(path).await), "https://shop.example.com/bye?state=a");
    let mut browser = Browser::of(&server, "ada").await;
    let page = browser.get(path).await;
    assert_eq!(link(&browser.submit(&page, &[]).await), "https://shop.example.com/bye?state=a");
    let other = super::id_token(&server, json!({"sub": "5", "aud": "web-shop"})).await;
    link(&Browser::new(&server).get(&format!("{path}&id_token_hint={other}")).await);
    // Who has an ID token of theirs was let in.
    let ada = server.number("select id::bigint from auth.person where username = 'ada'").await;
    let hint = super::id_token(&server, json!({"sub": ada.to_string(), "aud": "web-shop"})).await;
    let answer = Browser::of(&server, "ada").await.get(&format!("{path}&id_token_hint={hint}")).await;
    assert_eq!(carried(&answer).0, "https://shop.example.com/bye");
}
