//! Somebody changes their password.

use serde_json::json;
use time::Duration;

use super::{at_home, fault, filling, told};
use crate::authorize::browser::Browser;
use crate::passkeys::{HOME, SETTINGS, add, server, signed_in};
use crate::reset::{arriving, reachable, with_mail_and};
use crate::support::{Authenticator, Caller, PASSWORD, Server};

const PATH: &str = "/account/password";
const NEW: &str = "zanahorias con limón";

fn fields<'a>(current: &'a str, new: &'a str, again: &'a str) -> [(&'a str, &'a str); 3] {
    [("current_password", current), ("new_password", new), ("again", again)]
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions() {
    let (server, mut browser) = at_home().await;
    let mut phone = Browser::of(&server, "ada").await;
    let page = filling(&mut browser, PATH, &fields(PASSWORD, NEW, NEW)).await;
    assert_eq!(told(&page), "Your password is changed. You are signed out everywhere else.");
    assert_eq!(phone.look("/account").await.status, 303);
    assert_eq!(server.anonymous().log_in("ada", PASSWORD).await.status, 401);
    assert_eq!(server.anonymous().log_in("ada", NEW).await.status, 200);
}

#[tokio::test]
async fn what_is_wrong_is_told_at_its_field() {
    let (server, mut browser) = at_home().await;
    for (given, field, told) in [
        (fields("", NEW, NEW), "current_password", "Enter your current password."),
        (fields("a wrong one", NEW, NEW), "current_password", "This is not your password."),
        (fields(PASSWORD, NEW, "zanahorias"), "again", "The two passwords are not the same. Type them again."),
        (fields(PASSWORD, "short", "short"), "new_password", "Use at least 8 characters."),
        (fields(PASSWORD, "", ""), "new_password", "Use at least 8 characters."),
        (fields(PASSWORD, "password123", "password123"), "new_password", "This password is too easy to guess."),
    ] {
        let page = filling(&mut browser, PATH, &given).await;
        assert!(fault(&page, 400, field).starts_with(told), "{page:?}");
    }
    let long = "x".repeat(257);
    let page = filling(&mut browser, PATH, &fields(PASSWORD, &long, &long)).await;
    assert_eq!(fault(&page, 400, "new_password"), "Use at most 256 characters.");
    assert_eq!(server.anonymous().log_in("ada", PASSWORD).await.status, 200, "nothing has changed");
}

#[tokio::test]
async fn wrong_ones_count_as_failed_logins_and_end_in_a_wait() {
    let (_server, mut browser) = at_home().await;
    for _ in 0..20 {
        let page = filling(&mut browser, PATH, &fields("a wrong one", NEW, NEW)).await;
        if page.status == 429 {
            assert!(!page.header("retry-after").is_empty());
            assert_eq!(fault(&page, 429, "form"), "There were too many attempts. Wait a moment, then try again.");
            return;
        }
    }
    panic!("nobody was told to wait");
}

/// A browser with this session.
fn in_session(server: &Server, person: &Caller) -> Browser {
    let mut browser = Browser::new(server);
    browser.cookies.insert("__Host-portero".to_owned(), person.token().to_owned());
    browser
}

/// So much time passes that they have to prove once more who they are, while they go on looking.
async fn grow_old(server: &Server, browser: &mut Browser) {
    for _ in 0..4 {
        server.app.clock.turn(Duration::minutes(4));
        browser.get(PATH).await;
    }
}

#[tokio::test]
async fn who_has_passkeys_turns_it_off_and_on_again() {
    let (server, mailbox) = with_mail_and(&SETTINGS).await;
    let ada = reachable(&server, "ada").await;
    let mut phone = add(&ada, Authenticator::at(HOME), "Phone").await;
    let ada = signed_in(&server, &ada, &mut phone).await;
    add(&ada, Authenticator::at(HOME), "Tablet").await;
    let _ = arriving(&server, &mailbox).await;
    let mut browser = in_session(&server, &ada);
    assert!(browser.get(PATH).await.text.contains("Turn my password off"));
    let page = filling(&mut browser, PATH, &[("act", "off")]).await;
    assert_eq!(told(&page), "Your password is off. From now on your passkeys open your account.");
    assert!(page.text.contains("Your password is off: your passkeys open your account."), "{page:?}");
    assert!(!page.text.contains("current_password") && !page.text.contains("turn-off"), "{page:?}");
    let mails = arriving(&server, &mailbox).await;
    assert!(mails.len() == 1 && mails[0].text.contains("turned off"), "{mails:?}");
    assert_eq!(server.anonymous().log_in("ada", PASSWORD).await.status, 401);

    let page = filling(&mut browser, PATH, &[("new_password", NEW), ("again", "zanahorias")]).await;
    assert_eq!(fault(&page, 400, "again"), "The two passwords are not the same. Type them again.");
    let page = filling(&mut browser, PATH, &[("new_password", "password123"), ("again", "password123")]).await;
    assert!(fault(&page, 400, "new_password").starts_with("This password is too easy to guess."));
    let page = filling(&mut browser, PATH, &[("new_password", NEW), ("again", NEW)]).await;
    assert_eq!(told(&page), "Your password is set. You are signed out everywhere else.");
    assert!(page.text.contains("current_password"), "{page:?}");
    assert_ne!(server.anonymous().log_in("ada", NEW).await.status, 401);
    let again = filling(&mut browser, PATH, &[("act", "on"), ("new_password", NEW), ("again", NEW)]).await;
    assert!(again.status == 200 && !again.text.contains(r#"id="told""#), "there is one: {again:?}");
}

#[tokio::test]
async fn who_lacks_something_is_told_what() {
    let server = server().await;
    let ada = server.person_with("ada", &[]).await;
    let mut browser = in_session(&server, &ada);
    let none = "To turn your password off, add two passkeys first: one may get lost.";
    assert!(browser.get(PATH).await.text.contains(none));
    let page = filling(&mut browser, PATH, &[("act", "off")]).await;
    assert!(fault(&page, 409, "form").starts_with(none));
    let mut phone = add(&ada, Authenticator::at(HOME), "Phone").await;
    let ada = signed_in(&server, &ada, &mut phone).await;
    let mut browser = in_session(&server, &ada);
    for (sql, lacks) in [
        ("delete from auth.recovery_codes", "or make recovery codes and confirm an e-mail address."),
        ("update auth.person set email = 'ada@example.com', email_verified_at = now()", "or make recovery codes:"),
    ] {
        server.execute(sql).await;
        assert!(browser.get(PATH).await.text.contains(lacks), "{lacks}");
        assert!(fault(&filling(&mut browser, PATH, &[("act", "off")]).await, 409, "form").contains(lacks), "{lacks}");
    }
    ada.post("/auth/me/recovery-codes", json!({})).await.ok();
    assert!(browser.get(PATH).await.text.contains("turn-off"));
    server.execute("update auth.person set email_verified_at = null").await;
    assert!(browser.get(PATH).await.text.contains("or confirm an e-mail address:"));
}

#[tokio::test]
async fn a_stolen_session_turns_nothing_off_or_on() {
    let server = server().await;
    let ada = server.person_with("ada", &[]).await;
    let mut phone = add(&ada, Authenticator::at(HOME), "Phone").await;
    let ada = signed_in(&server, &ada, &mut phone).await;
    add(&ada, Authenticator::at(HOME), "Tablet").await;
    let mut browser = in_session(&server, &ada);
    grow_old(&server, &mut browser).await;
    let asked = filling(&mut browser, PATH, &[("act", "off")]).await;
    assert!(asked.text.contains("Is it you?"), "{asked:?}");
    assert_ne!(server.anonymous().log_in("ada", PASSWORD).await.status, 401, "it is on");
    let ada = signed_in(&server, &ada, &mut phone).await;
    ada.delete("/auth/me/password").await.ok();
    let mut browser = in_session(&server, &ada);
    grow_old(&server, &mut browser).await;
    let page = browser.get(PATH).await;
    assert!(page.text.contains(r#"href="/account/prove?page=password""#) && !page.text.contains("new_password"));
    assert!(browser.get("/account/prove?page=password").await.text.contains("passkey-button"));
}

#[tokio::test]
async fn who_came_by_a_provider_has_none_and_may_set_one() {
    let (server, mut browser) = at_home().await;
    server.execute("update auth.person set password_hash = null where username = 'ada'").await;
    assert!(browser.get(PATH).await.text.contains("You have no password."));
    grow_old(&server, &mut browser).await;
    let page = browser.get("/account/prove?page=password").await;
    assert!(page.text.contains("sign-in-again") && !page.text.contains("current_password"), "{page:?}");
}
