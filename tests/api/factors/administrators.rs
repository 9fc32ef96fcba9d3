use serde_json::json;

use super::{enrol, first_step, told};
use crate::escalation::{FORBIDDEN, holder_of};
use crate::passkeys::HOME;
use crate::reset::{arriving, reachable, with_mail};
use crate::support::{Authenticator, PASSWORD, Server};

#[tokio::test]
async fn an_administrator_takes_the_factors_of_who_has_lost_them_and_never_sees_them() {
    let (server, mailbox) = with_mail().await;
    let root = server.administrator().await;
    let ada = reachable(&server, "ada").await;
    let (_, codes) = enrol(&server, &ada).await;
    let waiting = first_step(&server, "ada").await;
    arriving(&server, &mailbox).await;
    let path = format!("/users/{}/factors", ada.id);
    let listed = root.get(&path).await.ok();
    assert_eq!(listed.column("name"), [json!("My phone")]);
    assert_eq!(listed.body[0].as_object().map(serde_json::Map::len), Some(5), "{listed:?}");
    assert_eq!(root.delete(&path).await.ok().body["removed"], json!(1));
    assert_eq!(root.delete(&path).await.ok().body["removed"], json!(0));
    let mails = arriving(&server, &mailbox).await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(mails[0].text.contains("all second factors"), "{}", mails[0].text);
    let event = told(&server, &ada).await.remove(0);
    assert_eq!(event, ("factor.removed".to_owned(), json!({"factors": 1, "passkeys": 0, "recovery_codes": 10})));
    let refused = super::second_step(&server, &waiting, "recovery_code", &codes[0]).await;
    assert_eq!(refused.refusal(), (401, "invalid_mfa_token"), "what waited for them waits no longer");
    ada.log_in("ada", PASSWORD).await.ok().token();
}

#[tokio::test]
async fn an_administrator_sees_what_passkeys_somebody_has_and_no_key() {
    let server = crate::passkeys::server().await;
    let root = server.administrator().await;
    let (ada, mut phone) = crate::passkeys::with_passkey(&server, "ada").await;
    let ada = crate::passkeys::signed_in(&server, &ada, &mut phone).await;
    crate::passkeys::add(&ada, Authenticator::at(HOME), "Tablet").await;
    let (id, authenticator) = super::begin(&ada).await;
    let codes = json!({"codes": authenticator.two(&server)});
    ada.post(&format!("/auth/me/factors/{id}/confirm"), codes).await.ok();
    super::begin(&ada).await;
    crate::passkeys::with_passkey(&server, "bea").await;

    let path = format!("/users/{}/factors", ada.id);
    let listed = root.get(&path).await.ok();
    assert_eq!(listed.column("name"), ["Tablet", "Phone", "My phone"].map(|name| json!(name)));
    assert_eq!(listed.column("type"), ["passkey", "passkey", "totp"].map(|kind| json!(kind)));
    assert!(listed.body[1]["last_used_at"].is_string() && listed.body[0]["last_used_at"].is_null(), "{listed:?}");
    for row in listed.body.as_array().expect("a list") {
        let fields: Vec<_> = row.as_object().expect("an object").keys().collect();
        assert_eq!(fields, ["created_at", "id", "last_used_at", "name", "type"]);
    }
    let mut names = Vec::new();
    let mut next = Some(format!("{path}?count=true&limit=1"));
    while let Some(path) = next {
        let page = root.get(&path).await.ok();
        assert_eq!(page.header("x-total-count"), "3");
        names.extend(page.column("name"));
        next = page.next();
    }
    assert_eq!(names, listed.column("name"));
    assert_eq!(root.get(&format!("{path}?q=ta")).await.ok().column("name"), [json!("Tablet")]);
    assert_eq!(ada.get("/auth/me/factors").await.ok().column("name"), [json!("My phone")], "her own are apart");
}

#[tokio::test]
async fn nobody_takes_the_factors_of_who_may_more() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    root.post("/services", json!({"name": "Shop"})).await.ok();
    root.post("/roles", json!({"name": "Clerk"})).await.ok();
    let desk = holder_of(&server, &root, "Desk", &["users:read", "users:write"]).await;
    let clerk = server.person_with("clerk", &[(1, 1)]).await;
    let nobody = server.person_with("nobody", &[]).await;
    for mightier in [&root, &clerk] {
        enrol(&server, mightier).await;
        let path = format!("/users/{}/factors", mightier.id);
        assert_eq!(desk.delete(&path).await.refusal(), FORBIDDEN, "{}", mightier.username);
    }
    assert_eq!(server.number("select count(*) from auth.totp_factors").await, 2);
    desk.delete(&format!("/users/{}/factors", nobody.id)).await.ok();
    assert_eq!(desk.delete("/users/999/factors").await.refusal(), (404, "user_not_found"));
    let own = root.delete(&format!("/users/{}/factors", root.id)).await;
    assert_eq!(own.refusal(), (403, "reauthentication_required"), "one's own by the way that asks for one");
}
