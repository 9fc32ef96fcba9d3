//! Whoever has a second factor here is asked for it, whatever the provider says.

use serde_json::json;

use super::{Idp, linked, log_in, verified, world, world_with};
use crate::authorize::browser::Browser;
use crate::factors::{Authenticator, enrol};
use crate::support::{Response, Server};

async fn step(server: &Server, browser: &mut Browser, page: &Response, authenticator: &Authenticator) -> Response {
    assert!(page.text.contains("/login/code"), "{page:?}");
    assert!(!browser.cookies.contains_key("portero"), "nobody is in yet");
    browser.submit(page, &[("code", &authenticator.next(server))]).await
}

#[tokio::test]
async fn who_has_a_second_factor_here_is_asked_for_it() {
    let (idp, server, _) = world(json!({})).await;
    server.execute(crate::authorize::WORLD).await;
    let ada = server.person_with("ada", &[(1000, 1000)]).await;
    linked(&ada, "ada-there").await;
    let (authenticator, _) = enrol(&server, &ada).await;
    let mut browser = Browser::new(&server);
    let request = crate::authorize::asking(&[]);
    let query = request.split_once('?').expect("a query").1;
    let carried = form_urlencoded::Serializer::new(String::new()).append_pair("request", query).finish();
    let sent = super::Sent::read(&browser.get(&format!("/login/providers/acme?{carried}")).await);
    idp.tells(&server, &sent, json!({"sid": "s1", "amr": ["pwd", "mfa"]}));
    let page = browser.get(&idp.back(&sent)).await;
    let consent = step(&server, &mut browser, &page, &authenticator).await;
    assert!(consent.text.contains("Web Shop"), "what it was for goes on: {consent:?}");
    // The session began at the provider, and ends with its own.
    assert_eq!(server.number("select count(*) from auth.provider_sessions where sid = 's1'").await, 1);
    assert_eq!(server.number("select count(*) from auth.provider_pending").await, 0);
    let amr =
        "select count(*) from auth.tokens_cache join auth.provider_sessions using (token) where amr = '{pwd,otp,mfa}'";
    assert_eq!(server.number(amr).await, 1);
}

#[tokio::test]
async fn who_must_have_a_second_factor_sets_one_up_first() {
    let (idp, server, _) = world_with(json!({}), &[("REQUIRE_MFA", "all")]).await;
    let ada = server.person_with("ada", &[]).await;
    linked(&ada, "ada-there").await;
    let mut browser = Browser::new(&server);
    let page = log_in(&idp, &server, &mut browser, json!({"amr": ["mfa"]})).await;
    assert!(page.text.contains("otpauth:") && !browser.cookies.contains_key("portero"), "{page:?}");
}

#[tokio::test]
async fn a_join_wants_the_second_factor_too() {
    let (idp, server, _) = world(json!({})).await;
    let ada = server.person_with("ada", &[]).await;
    verified(&ada, "ada@example.com").await;
    let (authenticator, _) = enrol(&server, &ada).await;
    let mut browser = Browser::new(&server);
    let page = log_in(&idp, &server, &mut browser, json!({})).await;
    let page = browser.log_in(&page, "ada").await;
    assert_eq!(server.number("select count(*) from auth.provider_links").await, 0, "a password is not enough");
    let links = step(&server, &mut browser, &page, &authenticator).await;
    assert!(links.text.contains("The account is linked."), "{links:?}");
    assert_eq!(server.number("select count(*) from auth.provider_links").await, 1);
    let _: &Idp = &idp;
}
