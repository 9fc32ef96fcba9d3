//! The applications that may act for somebody.

use super::{Browser, Form, told};
use crate::authorize::agreed;
use crate::support::Server;

const PATH: &str = "/account/applications";

#[tokio::test]
async fn one_sees_what_may_act_for_one_and_takes_it_back() {
    let server = Server::on_a_fresh_database().await;
    let (ada, bob) = (server.person_with("ada", &[]).await, server.person_with("bob", &[]).await);
    let mut browser = Browser::of(&server, "ada").await;
    assert!(browser.get(PATH).await.text.contains("No application may act for you."));
    for person in [&ada, &bob] {
        agreed(person, "wiki").await;
    }
    let page = browser.get(PATH).await;
    assert!(page.text.contains("wiki") && page.text.contains("know who you are"), "{page:?}");
    let page = browser.submit_to(&page, PATH, &[("revoke", "wiki")]).await;
    assert_eq!(told(&page), "That application may act for you no more.");
    assert!(page.text.contains("No application may act for you."));
    assert_eq!(server.number("select count(*) from auth.consents").await, 1, "another's stays");
    assert_eq!(server.number("select count(*) from auth.audit_events where action = 'consent.revoked'").await, 1);
    let mut others = Browser::of(&server, "bob").await;
    assert!(others.get(PATH).await.text.contains("wiki"));
}

#[tokio::test]
async fn what_is_not_there_is_over_and_a_long_list_goes_on() {
    let server = Server::on_a_fresh_database().await;
    let ada = server.person_with("ada", &[]).await;
    for name in ["one", "two", "three"] {
        agreed(&ada, name).await;
    }
    let mut browser = Browser::of(&server, "ada").await;
    let page = browser.get(&format!("{PATH}?limit=2")).await;
    let next = page.text.split(r#"id="more" href=""#).nth(1).and_then(|rest| rest.split('"').next()).expect("a link");
    assert!(browser.get(next).await.text.contains("three"));
    for name in ["nobody", "", "'"] {
        let body = Form::to(&page, PATH).body(&[("revoke", name)]);
        assert_eq!(browser.post_own(PATH, &body).await.status, 303, "{name}");
    }
    assert_eq!(server.number("select count(*) from auth.consents").await, 3);
    for forged in ["after=x", "limit=0", "after=99999999999"] {
        assert_eq!(browser.get(&format!("{PATH}?{forged}")).await.status, 200, "{forged}");
    }
}
