//! Where somebody is signed in, and what they have done.

use axum::http::Method;
use axum::http::request::Builder;

use super::{Browser, at_home, filling, told};
use crate::authorize::browser::Form;
use crate::support::{PASSWORD, Server};

const PATH: &str = "/account/sessions";

/// The ids of the sessions that can be ended.
fn ids(page: &str) -> Vec<String> {
    let buttons = page.split(r#"name="end" value=""#).skip(1);
    buttons.map(|rest| rest.split('"').next().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn one_ends_another_device_or_all_and_stays() {
    let (server, mut browser) = at_home().await;
    let (mut phone, mut tablet) = (Browser::of(&server, "ada").await, Browser::of(&server, "ada").await);
    let page = browser.get(PATH).await;
    assert_eq!(ids(&page.text).len(), 3, "those of the test's own caller, too");
    assert_eq!(page.text.matches("This session").count(), 1);
    let newest = ids(&page.text)[0].clone();
    let page = browser.submit_to(&page, PATH, &[("end", &newest)]).await;
    assert_eq!(told(&page), "That session is over.");
    assert_eq!(ids(&page.text).len(), 2);
    assert_eq!(tablet.look("/account").await.status, 303, "the newest one has ended");
    assert_eq!(phone.look("/account").await.status, 200);
    let ended = filling(&mut browser, PATH, &[("others", "all")]).await;
    assert_eq!(told(&ended), "You are signed out everywhere else.");
    assert!(!ended.text.contains("end-others"), "there are no others any more");
    assert_eq!((phone.look("/account").await.status, browser.look("/account").await.status), (303, 200));
    let page = browser.submit_to(&page, PATH, &[("end", &newest)]).await;
    assert_eq!(told(&page), "That session is over.", "it was already");
}

#[tokio::test]
async fn nobody_ends_somebody_elses_session() {
    let (server, mut browser) = at_home().await;
    server.person_with("bob", &[]).await;
    let mut bob = Browser::of(&server, "bob").await;
    server.session_of(2).await;
    let others = ids(&bob.get(PATH).await.text);
    assert!(!others.is_empty());
    let page = browser.get(PATH).await;
    for id in &others {
        browser.submit_to(&page, PATH, &[("end", id)]).await;
    }
    for id in ["", "x", "' or true --", "%00"] {
        let body = Form::to(&page, PATH).body(&[("end", id)]);
        assert!([303, 403].contains(&browser.post_own(PATH, &body).await.status), "{id}");
    }
    assert_eq!(ids(&bob.get(PATH).await.text), others);
}

#[tokio::test]
async fn a_long_list_goes_on_to_older_ones() {
    let (server, mut browser) = at_home().await;
    let person = server.number("select id::bigint from auth.person where username = 'ada'").await;
    let person = i32::try_from(person).expect("an id");
    for _ in 0..3 {
        server.session_of(person).await;
    }
    let all = ids(&browser.get(PATH).await.text);
    let first = browser.get(&format!("{PATH}?limit=2")).await;
    let next = first.text.split(r#"id="older" href=""#).nth(1).and_then(|rest| rest.split('"').next()).expect("a link");
    let rest = browser.get(next).await;
    assert_eq!([ids(&first.text), ids(&rest.text)].concat(), all);
    assert!(rest.text.contains("end-others"), "there are others on the page before");
    for forged in ["before=1.x", "before=%27", "limit=0", "limit=x"] {
        assert_eq!(browser.get(&format!("{PATH}?{forged}")).await.status, 200, "{forged}");
    }
}

#[tokio::test]
async fn one_reads_what_was_done_and_by_whom_but_not_where_others_are() {
    let server = Server::configured(&[("TRUSTED_PROXIES", "127.0.0.1/32")]).await;
    let root = server.administrator().await;
    let ada = server.person_with("ada", &[]).await;
    let mut browser = Browser::of(&server, "ada").await;
    let from_afar = |request: Builder| request.header("x-forwarded-for", "203.0.113.9");
    let path = format!("/users/{}", ada.id);
    root.send_with(Method::PATCH, &path, r#"{"name": "Ada Lovelace"}"#, from_afar).await.ok();
    assert_eq!(server.number("select count(*) from auth.audit_events where host(address) = '203.0.113.9'").await, 1);
    server.anonymous().log_in("ada", "a wrong password").await;
    let page = browser.get("/account/activity").await;
    for text in ["Signed in", "A sign-in failed", "The account was changed", "By somebody who was not signed in"] {
        assert!(page.text.contains(text), "{text} in {page:?}");
    }
    assert!(!page.text.contains("203.0.113.9"), "that is where the administrator is: {page:?}");
    server.person_with("bob", &[]).await;
    let others = Browser::of(&server, "bob").await.get("/account/activity").await;
    assert!(!others.text.contains("The account was changed") && !others.text.contains("A sign-in failed"));
    for _ in 0..30 {
        assert_eq!(server.anonymous().log_in("ada", PASSWORD).await.status, 200);
    }
    let page = browser.get("/account/activity").await;
    assert_eq!(page.text.matches(r#"<p class="what">"#).count(), 25);
    let next = page.text.split(r#"id="older" href=""#).nth(1).and_then(|rest| rest.split('"').next()).expect("a link");
    assert!(browser.get(next).await.text.contains("The account was changed"));
    for forged in ["before=x", "before=-1", "before=99999999999999999999"] {
        assert_eq!(browser.get(&format!("/account/activity?{forged}")).await.status, 200, "{forged}");
    }
}
