//! Whoever comes by a provider and is not known here.

use serde_json::json;

use super::{Sent, log_in, world, world_with};
use crate::authorize::browser::Browser;
use crate::support::Mailbox;

#[tokio::test]
async fn where_nobody_may_come_nobody_comes() {
    let (idp, server, _) = world(json!({})).await;
    let mut browser = Browser::new(&server);
    let refused = log_in(&idp, &server, &mut browser, json!({})).await;
    assert!(refused.status == 403 && refused.text.contains("Nobody here is linked"), "{refused:?}");
    let told =
        "select count(*) from auth.audit_events where action = 'login.failed' and after ->> 'reason' = 'not linked'";
    assert_eq!(server.number(told).await, 1);
    assert_eq!(server.number("select count(*) from auth.provider_links").await, 0);
}

#[tokio::test]
async fn where_anybody_may_come_they_are_registered_without_a_password() {
    let (idp, server, root) = world(json!({"newcomers": "open", "attributes": {"department": "dept"}})).await;
    server.person_with("ada", &[]).await;
    let home = log_in(&idp, &server, &mut Browser::new(&server), json!({"dept": "sales"})).await;
    assert!(home.text.contains("signed in as Ada There"), "{home:?}");
    let people = root.get("/users?q=ada-2").await.ok();
    let id = people.body[0]["id"].as_i64().unwrap_or_else(|| panic!("somebody in {people:?}"));
    let person = root.get(&format!("/users/{id}")).await.ok();
    assert_eq!(
        (&person.body["username"], &person.body["attributes"]),
        (&json!("ada-2"), &json!({"department": "sales"}))
    );
    // No mail can be sent here: the address is kept, and nobody has proved it.
    assert_eq!(person.body["email"], json!("ada@example.com"));
    let proved = "select count(*) from auth.person where username = 'ada-2' and email_verified_at is not null";
    assert_eq!(server.number(proved).await, 0);
    assert_eq!(
        server.number("select count(*) from auth.person where username = 'ada-2' and password_hash is null").await,
        1
    );
    // They come back as the same one.
    log_in(&idp, &server, &mut Browser::new(&server), json!({})).await.ok();
    assert_eq!(server.number("select count(*) from auth.provider_links").await, 1);
    let told = "select count(*) from auth.audit_events where action in ('user.created', 'linked-account.added')
        and actor = 'anonymous'";
    assert_eq!(server.number(told).await, 2);
}

#[tokio::test]
async fn a_providers_word_for_an_address_is_verified_by_a_mail() {
    let mailbox = Mailbox::open().await;
    let settings = [("SMTP_URL", mailbox.url.as_str()), ("MAIL_FROM", "Team <auth@example.com>")];
    let (idp, server, _) = world_with(json!({"newcomers": "open"}), &settings).await;
    log_in(&idp, &server, &mut Browser::new(&server), json!({})).await.ok();
    let without = "select count(*) from auth.person where username = 'ada' and email is null";
    assert_eq!(server.number(without).await, 1);
    let waiting =
        "select count(*) from auth.mails where data ->> 'kind' = 'verify-email' and recipient = 'ada@example.com'";
    assert_eq!(server.number(waiting).await, 1);
}

#[tokio::test]
async fn an_address_that_somebody_here_has_not_proved_is_not_taken_from_them() {
    let (idp, server, root) = world(json!({"newcomers": "open"})).await;
    root.post("/users", json!({"username": "eve", "name": "Eve", "email": "ada@example.com"})).await.ok();
    let home = log_in(&idp, &server, &mut Browser::new(&server), json!({})).await;
    assert!(home.text.contains("signed in as Ada There"), "{home:?}");
    let has = "select count(*) from auth.person where username = 'eve' and email = 'ada@example.com'";
    assert_eq!(server.number(has).await, 1);
    assert_eq!(server.number("select count(*) from auth.person where username = 'ada' and email is null").await, 1);
}

#[tokio::test]
async fn where_one_must_be_invited_an_invitation_lets_one_person_in() {
    let (idp, server, root) = world(json!({"newcomers": "invite"})).await;
    let refused = log_in(&idp, &server, &mut Browser::new(&server), json!({})).await;
    assert!(refused.status == 403 && refused.text.contains("invitation"), "{refused:?}");
    let made = root.post("/invitations", json!({})).await.ok();
    let invitation = made.body["invitation"].as_str().expect("an invitation").to_owned();
    let with = async |invitation: &str, subject: &str| {
        let mut browser = Browser::new(&server);
        let sent = Sent::read(&browser.get(&format!("/login/providers/acme?invitation={invitation}")).await);
        idp.tells(&server, &sent, json!({"sub": subject}));
        browser.get(&idp.back(&sent)).await
    };
    assert_eq!(with("pin_wrong", "one").await.status, 403);
    assert!(with(&invitation, "one").await.text.contains("signed in as"));
    assert_eq!(with(&invitation, "two").await.status, 403, "it is spent");
    assert_eq!(server.number("select count(*) from auth.invitations where used_by is not null").await, 1);
    assert!(with("", "one").await.text.contains("signed in as"), "who is known needs none");
}

#[tokio::test]
async fn many_newcomers_of_one_name_get_names_of_their_own() {
    let (idp, server, _) = world(json!({"newcomers": "open"})).await;
    for n in 0..4 {
        let claims =
            json!({"sub": format!("s{n}"), "email": format!("a{n}@example.com"), "preferred_username": "Ada Ñ"});
        log_in(&idp, &server, &mut Browser::new(&server), claims).await.ok();
    }
    let claims = json!({"sub": "none", "preferred_username": "\u{202e}", "email": null, "name": null});
    log_in(&idp, &server, &mut Browser::new(&server), claims).await.ok();
    let names: Vec<String> = sqlx::query_scalar(
        "select username from auth.person p join auth.provider_links l on l.person_id = p.id order by p.id",
    )
    .fetch_all(server.app.db.pool())
    .await
    .expect("names");
    assert_eq!(names, ["Ada Ñ", "Ada Ñ-2", "Ada Ñ-3", "Ada Ñ-4", "user"]);
}

#[tokio::test]
async fn who_is_invited_may_come_by_a_provider_from_the_page_of_the_invitation() {
    let (idp, server, root) = world_with(json!({"newcomers": "invite"}), &[("REGISTRATION", "open")]).await;
    let invitation = root.post("/invitations", json!({})).await.ok().body["invitation"].clone();
    let invitation = invitation.as_str().expect("an invitation");
    server.secrets.add(invitation);
    let mut browser = Browser::new(&server);
    assert!(!browser.get("/register").await.text.contains("provider-acme"), "not without one");
    let page = browser.get(&format!("/register?token={invitation}")).await;
    let address = format!("/login/providers/acme?invitation={invitation}");
    assert!(page.text.contains(&format!("href=\"{address}\"")), "{page:?}");
    let sent = Sent::read(&browser.get(&address).await);
    idp.tells(&server, &sent, json!({}));
    let home = browser.get(&idp.back(&sent)).await;
    assert!(home.text.contains("signed in as Ada There"), "{home:?}");
}
