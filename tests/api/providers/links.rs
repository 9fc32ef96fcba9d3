//! Linking an account while logged in, and unlinking it.

use serde_json::json;

use super::logins::way_on;
use super::{Sent, linked, log_in, world};
use crate::authorize::browser::{Browser, Form};
use crate::support::Response;

/// All have logged in a while ago.
const LONG_AGO: &str = "update auth.tokens_cache set created_at = created_at - interval '16 minutes'";

/// Asks for a link, as the page of one's own account does.
async fn ask(browser: &mut Browser) -> Response {
    let home = browser.get("/").await;
    let token = Form::of(&home).hidden["form_token"].clone();
    let body = format!("form_token={token}");
    browser.post("/login/providers/acme", &body, |request| request.header("sec-fetch-site", "same-origin")).await
}

fn sent(page: &Response) -> Sent {
    let (_, link) = page.text.split_once("id=\"continue\"").unwrap_or_else(|| panic!("a link in {page:?}"));
    let link = link.split("href=\"").nth(1).and_then(|link| link.split('"').next()).expect("an address");
    Sent::at(&link.replace("&#38;", "&"))
}

#[tokio::test]
async fn whoever_is_logged_in_links_an_account_and_unlinks_it() {
    let (idp, server, _) = world(json!({})).await;
    let ada = server.person_with("ada", &[]).await;
    let mut browser = Browser::of(&server, "ada").await;
    let page = ask(&mut browser).await;
    assert!(page.status == 200 && page.text.contains("Acme") && page.text.contains("localhost"), "{page:?}");
    let sent = sent(&page);
    idp.tells(&server, &sent, json!({}));
    let page = browser.get(&idp.back(&sent)).await.ok();
    assert!(page.text.contains("The account is linked."), "back on the page that it was asked on: {page:?}");
    let listed = ada.get("/auth/me/providers").await.ok();
    assert_eq!(listed.body[0]["provider"], "acme");
    assert_eq!(listed.body[0]["last_used_at"], json!(null));
    log_in(&idp, &server, &mut Browser::new(&server), json!({})).await.ok();
    assert_ne!(ada.get("/auth/me/providers").await.body[0]["last_used_at"], json!(null));
    ada.delete("/auth/me/providers/1").await.ok();
    assert_eq!(ada.delete("/auth/me/providers/1").await.refusal(), (404, "linked_account_not_found"));
    assert_eq!(ada.delete("/auth/me/providers/x").await.refusal(), (400, "invalid_linked_account_id"));
    assert_eq!(log_in(&idp, &server, &mut Browser::new(&server), json!({})).await.status, 403);
    let told = "select count(*) from auth.audit_events where action like 'linked-account.%'";
    assert_eq!(server.number(told).await, 2);
}

#[tokio::test]
async fn a_link_wants_a_form_of_ours_and_a_login_of_lately() {
    let (idp, server, _) = world(json!({})).await;
    server.person_with("ada", &[]).await;
    let mut browser = Browser::of(&server, "ada").await;
    let home = browser.get("/").await;
    let token = Form::of(&home).hidden["form_token"].clone();
    for (body, site) in [(format!("form_token={token}"), "cross-site"), ("form_token=x".to_owned(), "same-origin")] {
        let forged =
            browser.post("/login/providers/acme", &body, |request| request.header("sec-fetch-site", site)).await;
        assert_eq!(forged.status, 403, "{forged:?}");
    }
    server.execute(LONG_AGO).await;
    let stale = ask(&mut browser).await;
    assert!(stale.status == 403 && stale.text.contains("more than 15 minutes ago"), "{stale:?}");
    assert_eq!(way_on(&stale), "/account/providers", "back to the links");
    assert!(idp.place.asked().is_empty());
    let mut nobody = Browser::new(&server);
    nobody.get("/login").await;
    let token = nobody.cookies["portero-form"].clone();
    let body = format!("form_token={token}");
    let answer =
        nobody.post("/login/providers/acme", &body, |request| request.header("sec-fetch-site", "same-origin")).await;
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn a_link_is_made_in_the_session_that_asked_and_never_of_another_ones_account() {
    let (idp, server, _) = world(json!({})).await;
    let (ada, eve) = (server.person_with("ada", &[]).await, server.person_with("eve", &[]).await);
    let mut browser = Browser::of(&server, "ada").await;
    let first = sent(&ask(&mut browser).await);
    idp.tells(&server, &first, json!({}));
    // Whoever logs in in between gets nothing of it.
    let session = browser.cookies.insert("portero".to_owned(), eve.token().to_owned());
    assert_eq!(browser.get(&idp.back(&first)).await.status, 400);
    browser.cookies.insert("portero".to_owned(), session.expect("a session"));
    linked(&eve, "ada-there").await;
    let second = sent(&ask(&mut browser).await);
    idp.tells(&server, &second, json!({}));
    let refused = browser.get(&idp.back(&second)).await;
    assert!(refused.status == 403 && refused.text.contains("somebody else"), "{refused:?}");
    assert_eq!(ada.get("/auth/me/providers").await.body, json!([]));
    assert_eq!(eve.get("/auth/me/providers").await.body[0]["id"], 1);
    assert_eq!(ada.delete("/auth/me/providers/1").await.refusal(), (404, "linked_account_not_found"));
}

#[tokio::test]
async fn the_last_way_in_stays() {
    let (idp, server, root) = world(json!({})).await;
    let ada = server.person_with("ada", &[]).await;
    linked(&ada, "ada-there").await;
    server.execute("update auth.person set password_hash = null where username = 'ada'").await;
    assert_eq!(ada.delete("/auth/me/providers/1").await.refusal(), (409, "last_way_in"));
    let other = super::Idp::open().await;
    super::add(&root, &other, json!({"name": "other", "display_name": "Other"})).await.ok();
    server
        .execute(
            "insert into auth.provider_links (provider_id, subject, person_id, created_at)
                  select 2, 'x', person_id, now() from auth.provider_links",
        )
        .await;
    root.patch("/providers/other", json!({"enabled": false})).await.ok();
    assert_eq!(
        ada.delete("/auth/me/providers/1").await.refusal(),
        (409, "last_way_in"),
        "one that is off lets nobody in"
    );
    root.patch("/providers/other", json!({"enabled": true})).await.ok();
    ada.delete("/auth/me/providers/1").await.ok();
    assert_eq!(ada.delete("/auth/me/providers/2").await.refusal(), (409, "last_way_in"));
    drop(idp);
}

#[tokio::test]
async fn unlinking_wants_a_login_of_lately_and_ends_what_began_by_it() {
    let (idp, server, _) = world(json!({})).await;
    let ada = server.person_with("ada", &[]).await;
    linked(&ada, "ada-there").await;
    let mut browser = Browser::new(&server);
    log_in(&idp, &server, &mut browser, json!({})).await.ok();
    let session = ada.with_token(&browser.cookies["portero"]);
    session.get("/auth/profile").await.ok();
    server.execute(LONG_AGO).await;
    assert_eq!(ada.delete("/auth/me/providers/1").await.refusal(), (403, "reauthentication_required"));
    let fresh = server.session_of(ada.id).await;
    fresh.delete("/auth/me/providers/1").await.ok();
    assert_eq!(session.get("/auth/profile").await.status, 401);
    fresh.get("/auth/profile").await.ok();
}
