//! Forgotten passwords.

use time::Duration;

use super::{Browser, fault, filling, told};
use crate::reset::{arriving, reachable, with_mail, with_mail_and};
use crate::support::{Mail, Mailbox, PASSWORD, Response, Server};

const NEW: &str = "zanahorias con limón";
const OWN: [(&str, &str); 1] = [("PUBLIC_URL", "http://127.0.0.1:7878")];

/// Asks for a new password on the page, as `who`; what arrives.
async fn forgotten(server: &Server, mailbox: &Mailbox, who: &str) -> Vec<Mail> {
    let page = filling(&mut Browser::new(server), "/forgot-password", &[("who", who)]).await;
    assert!(told(&page).starts_with("If there is such an account, a mail is on its way"), "whoever it is");
    arriving(server, mailbox).await
}

fn fields<'a>(password: &'a str, again: &'a str) -> [(&'a str, &'a str); 2] {
    [("password", password), ("again", again)]
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_on_our_own_pages() {
    let (server, mailbox) = with_mail_and(&OWN).await;
    reachable(&server, "ada").await;
    let mut logged_in = Browser::of(&server, "ada").await;
    let mut browser = Browser::new(&server);
    let login = browser.get("/login").await;
    assert!(login.text.contains(r#"<a href="/forgot-password">"#) && !login.text.contains("/register"));
    let mails = forgotten(&server, &mailbox, "ADA@example.com").await;
    let link = format!("http://127.0.0.1:7878/reset-password?token={}", mails[0].token());
    assert!(mails[0].text.contains(&link) && mails[0].html.contains(&link), "{}", mails[0].text);
    let path = link.strip_prefix("http://127.0.0.1:7878").expect("ours");

    let page = browser.get(path).await;
    for (given, field, why) in [
        (fields("", ""), "password", "Use at least 8 characters."),
        (fields(NEW, PASSWORD), "again", "The two passwords are not the same."),
        (fields("password123", "password123"), "password", "This password is too easy to guess."),
    ] {
        let refused = browser.submit_to(&page, "/reset-password", &given).await;
        assert!(fault(&refused, 400, field).starts_with(why), "{refused:?}");
    }
    assert_eq!(logged_in.look("/account").await.status, 200, "nothing has changed yet");
    let done = browser.submit_to(&page, "/reset-password", &fields(NEW, NEW)).await;
    assert!(told(&done).starts_with("Your new password is set"), "{done:?}");
    assert_eq!(logged_in.look("/account").await.status, 303, "all sessions have ended");
    assert_eq!(server.anonymous().log_in("ada", NEW).await.status, 200);
    let (page, token) = (browser.get("/reset-password").await, mails[0].token());
    let given = [&fields(PASSWORD, PASSWORD)[..], &[("token", token.as_str())]].concat();
    let again = browser.submit_to(&page, "/reset-password", &given).await;
    assert!(fault(&again, 400, "form").starts_with("This link is over, was used"), "{again:?}");
    over(&browser.get(path).await, "/forgot-password");
    assert_eq!(arriving(&server, &mailbox).await.len(), 1, "they are told of the change");
}

/// Whoever follows a link that is over is told at once, and where to ask for another.
fn over(page: &Response, way_on: &str) {
    assert_eq!(page.status, 400, "{page:?}");
    assert!(page.text.contains("This link is over") && page.text.contains(&format!(r#"href="{way_on}""#)), "{page:?}");
    assert!(!page.text.contains("<form method=\"post\" action=\"/reset-password\""), "{page:?}");
}

#[tokio::test]
async fn whoever_asks_hears_the_same_and_only_the_right_one_gets_a_mail() {
    let (server, mailbox) = with_mail().await;
    reachable(&server, "ada").await;
    server.person_with("without", &[]).await;
    for (who, mails) in [("nobody", 0), ("nobody@example.com", 0), ("without", 0), (" ada ", 1)] {
        let got = forgotten(&server, &mailbox, who).await;
        assert_eq!(got.len(), mails, "{who}");
        assert!(got.iter().all(|mail| !mail.text.contains("http")), "no page is known to be ours: {got:?}");
    }
    let mut browser = Browser::new(&server);
    for who in ["", "  ", "a\tb", &"x".repeat(500)] {
        let page = filling(&mut browser, "/forgot-password", &[("who", who)]).await;
        assert_eq!(fault(&page, 400, "who"), "Enter your username or your e-mail address.");
    }
}

#[tokio::test]
async fn a_token_of_another_purpose_or_of_long_ago_opens_nothing() {
    let (server, mailbox) = with_mail_and(&OWN).await;
    reachable(&server, "ada").await;
    let mut browser = Browser::of(&server, "ada").await;
    filling(&mut browser, "/account/email", &[("email", "new@example.com")]).await;
    let proof = arriving(&server, &mailbox).await[0].token();
    let reset = forgotten(&server, &mailbox, "ada").await[0].token();
    let good = browser.get(&format!("/reset-password?token={reset}")).await;
    assert_eq!(good.status, 200);
    over(&browser.get(&format!("/reset-password?token={proof}")).await, "/forgot-password");
    let given = [&fields(NEW, NEW)[..], &[("token", proof.as_str())]].concat();
    let refused = browser.submit_to(&good, "/reset-password", &given).await;
    assert!(fault(&refused, 400, "form").starts_with("This link is over"));
    over(&browser.get(&format!("/verify-email?token={reset}")).await, "/account/email");
    let page = browser.get("/verify-email").await;
    let refused = browser.submit_to(&page, "/verify-email", &[("token", reset.as_str())]).await;
    assert!(fault(&refused, 400, "form").starts_with("This link is over"));
    server.app.clock.turn(Duration::minutes(10));
    over(&browser.get(&format!("/reset-password?token={reset}")).await, "/forgot-password");
    let refused = browser.submit_to(&good, "/reset-password", &fields(NEW, NEW)).await;
    assert!(fault(&refused, 400, "form").starts_with("This link is over"));
    for bad in ["/reset-password", "/reset-password?token=%00", "/verify-email", "/verify-email?token=%3Cscript%3E"] {
        assert_eq!(browser.get(bad).await.status, 200, "{bad}");
    }
}

#[tokio::test]
async fn mails_lead_to_the_pages_of_the_team_where_it_has_some() {
    let settings = [OWN[0], ("RESET_PASSWORD_URL", "https://app.example.com/reset?t={token}")];
    let (server, mailbox) = with_mail_and(&settings).await;
    reachable(&server, "ada").await;
    let mails = forgotten(&server, &mailbox, "ada").await;
    assert!(mails[0].text.contains("https://app.example.com/reset?t=pmt_") && !mails[0].text.contains("7878"));
}
