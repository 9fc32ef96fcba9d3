//! Somebody changes their password.

use super::{at_home, fault, filling, told};
use crate::authorize::browser::Browser;
use crate::support::PASSWORD;

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
