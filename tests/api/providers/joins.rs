//! An account elsewhere and one here with the same address: who proves both joins them, and nobody else.

use serde_json::json;

use super::{log_in, verified, world};
use crate::authorize::browser::Browser;

const LINKS: &str = "select count(*) from auth.provider_links";

#[tokio::test]
async fn whoever_proves_the_account_here_once_can_use_either() {
    let (idp, server, _) = world(json!({})).await;
    let ada = server.person_with("ada", &[]).await;
    verified(&ada, "Ada@Example.com").await;
    let mut browser = Browser::new(&server);
    let page = log_in(&idp, &server, &mut browser, json!({})).await;
    assert!(page.status == 200 && page.text.contains("id=\"join\"") && page.text.contains("Acme"), "{page:?}");
    assert!(!browser.cookies.contains_key("portero") && !page.text.contains("provider-acme"), "{page:?}");
    assert_eq!(server.number(LINKS).await, 0, "an address alone does nothing");
    let wrong = browser.submit(&page, &[("username", "ada"), ("password", "wrong")]).await;
    assert!(wrong.text.contains("id=\"join\"") && wrong.status == 403, "it may be tried again: {wrong:?}");
    let links = browser.log_in(&wrong, "ada").await;
    assert!(links.text.contains("The account is linked.") && links.text.contains("ada@example.com"), "{links:?}");
    assert_eq!(ada.get("/auth/me/providers").await.body[0]["account"], "ada@example.com");
    let told = "select count(*) from auth.audit_events where action = 'linked-account.added' and actor = 'person'";
    assert_eq!(server.number(told).await, 1);
    let home = log_in(&idp, &server, &mut Browser::new(&server), json!({})).await;
    assert!(home.text.contains("signed in as"), "{home:?}");
}

#[tokio::test]
async fn an_address_that_either_side_has_not_verified_offers_nothing() {
    let (idp, server, root) = world(json!({})).await;
    let ada = server.person_with("ada", &[]).await;
    let mut browser = Browser::new(&server);
    let offers =
        async |browser: &mut Browser, claims| log_in(&idp, &server, browser, claims).await.text.contains("id=\"join\"");
    verified(&ada, "ada@example.com").await;
    for verified in [json!(false), json!(null), json!("no"), json!(1)] {
        assert!(!offers(&mut browser, json!({"email_verified": verified})).await, "{verified}");
    }
    assert!(!offers(&mut browser, json!({"email": "ada@example.com.evil.example"})).await);
    assert!(offers(&mut browser, json!({})).await);
    // An administrator's word for an address is no proof.
    root.patch(&format!("/users/{}", ada.id), json!({"email": "ada@example.net"})).await.ok();
    assert!(!offers(&mut browser, json!({"email": "ada@example.net"})).await);
    server.execute("update auth.person set email_verified_at = now(), email_given_by = 1 where username = 'ada'").await;
    assert!(!offers(&mut browser, json!({"email": "ada@example.net"})).await);
    verified(&ada, "ada@example.com").await;
    root.post(&format!("/users/{}/disable", ada.id), json!({})).await.ok();
    assert!(!offers(&mut browser, json!({})).await, "nor to who may not log in");
}

#[tokio::test]
async fn nobody_else_joins_what_was_offered() {
    let (idp, server, _) = world(json!({})).await;
    verified(&server.person_with("ada", &[]).await, "ada@example.com").await;
    server.person_with("eve", &[]).await;
    let mut browser = Browser::new(&server);
    let page = log_in(&idp, &server, &mut browser, json!({})).await;
    // Another browser that has got hold of the form.
    let mut other = Browser::new(&server);
    let login = other.get("/login").await;
    let stolen = crate::authorize::browser::Form::of(&page).hidden["join"].clone();
    let refused =
        other.submit(&login, &[("username", "ada"), ("password", crate::support::PASSWORD), ("join", &stolen)]).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    // Somebody whose address it is not.
    let links = browser.log_in(&page, "eve").await;
    assert!(links.text.contains("You are signed in, but the account elsewhere is not linked"), "{links:?}");
    assert_eq!(server.number(LINKS).await, 0);
}

#[tokio::test]
async fn an_offer_is_good_for_five_minutes_and_once() {
    let (idp, server, root) = world(json!({})).await;
    verified(&server.person_with("ada", &[]).await, "ada@example.com").await;
    let mut browser = Browser::new(&server);
    let page = log_in(&idp, &server, &mut browser, json!({})).await;
    server.execute("update auth.provider_joins set created_at = created_at - interval '5 minutes'").await;
    assert_eq!(browser.log_in(&page, "ada").await.status, 400);
    let page = log_in(&idp, &server, &mut browser, json!({})).await;
    let mut again = browser.clone();
    browser.log_in(&page, "ada").await.ok();
    assert_eq!((server.number(LINKS).await, again.log_in(&page, "ada").await.status), (1, 400));
    // A provider that goes away meanwhile takes its offers with it.
    server.execute("delete from auth.provider_links").await;
    let mut browser = Browser::new(&server);
    let page = log_in(&idp, &server, &mut browser, json!({})).await;
    root.delete("/providers/acme").await.ok();
    assert_eq!(browser.log_in(&page, "ada").await.status, 400);
}

#[tokio::test]
async fn a_join_goes_on_to_the_client_that_began_it() {
    let (idp, server, _) = world(json!({})).await;
    server.execute(crate::authorize::WORLD).await;
    verified(&server.person_with("ada", &[(1000, 1000)]).await, "ada@example.com").await;
    let mut browser = Browser::new(&server);
    let request = crate::authorize::asking(&[]);
    let query = request.split_once('?').expect("a query").1;
    let carried = form_urlencoded::Serializer::new(String::new()).append_pair("request", query).finish();
    let sent = super::Sent::read(&browser.get(&format!("/login/providers/acme?{carried}")).await);
    idp.tells(&server, &sent, json!({}));
    let page = browser.get(&idp.back(&sent)).await;
    let consent = browser.log_in(&page, "ada").await;
    assert!(consent.text.contains("Web Shop"), "{consent:?}");
}
