//! Somebody's e-mail address.

use time::Duration;

use super::{Browser, fault, filling, told, value};
use crate::reset::{arriving, reachable, with_mail, with_mail_and};
use crate::support::{PASSWORD, Server};

const PATH: &str = "/account/email";

#[tokio::test]
async fn a_new_address_awaits_its_mail_which_leads_to_a_page_with_a_button() {
    let (server, mailbox) = with_mail_and(&[("PUBLIC_URL", "http://127.0.0.1:7878")]).await;
    reachable(&server, "ada").await;
    let mut browser = Browser::of(&server, "ada").await;
    let page = browser.get(PATH).await;
    assert!(page.text.contains("Your address is ada@example.com.") && !page.text.contains("send-again"));
    let page = browser.submit_to(&page, PATH, &[("email", "new@example.com")]).await;
    assert_eq!(told(&page), "A mail is on its way. Open it and confirm the address.");
    assert!(page.text.contains("new@example.com awaits your confirmation"), "{page:?}");
    let mails = arriving(&server, &mailbox).await;
    assert_eq!((mails.len(), mails[0].to[0].as_str()), (1, "new@example.com"));
    let link = format!("http://127.0.0.1:7878/verify-email?token={}", mails[0].token());
    assert!(mails[0].text.contains(&link), "{}", mails[0].text);

    let path = link.strip_prefix("http://127.0.0.1:7878").expect("ours");
    let mut elsewhere = Browser::new(&server);
    for _ in 0..2 {
        assert_eq!(elsewhere.get(path).await.status, 200, "looking spends nothing");
    }
    assert!(browser.get(PATH).await.text.contains("Your address is ada@example.com."));
    let page = elsewhere.get(path).await;
    let done = elsewhere.submit_to(&page, "/verify-email", &[]).await;
    assert_eq!(told(&done), "The address is confirmed. It is yours now.");
    let page = elsewhere.submit_to(&page, "/verify-email", &[]).await;
    assert!(fault(&page, 400, "form").starts_with("This link is over, was used, or was replaced"));
    let page = browser.get(PATH).await;
    assert!(page.text.contains("Your address is new@example.com.") && page.text.contains("confirmed"));
    assert_eq!(arriving(&server, &mailbox).await[0].to[0], "ada@example.com", "the old address hears of it");
}

#[tokio::test]
async fn the_mail_is_sent_again_but_not_at_once() {
    let (server, mailbox) = with_mail().await;
    server.person_with("ada", &[]).await;
    let mut browser = Browser::of(&server, "ada").await;
    filling(&mut browser, PATH, &[("email", "new@example.com")]).await;
    assert_eq!(arriving(&server, &mailbox).await.len(), 1);
    server.app.clock.turn(Duration::minutes(2));
    let page = filling(&mut browser, PATH, &[("send", "again")]).await;
    assert_eq!(told(&page), "A mail is on its way. Open it and confirm the address.");
    assert_eq!(arriving(&server, &mailbox).await.len(), 1);
    server.execute("delete from auth.mail_tokens").await;
    let page = filling(&mut browser, "/account/email", &[("send", "again")]).await;
    assert_eq!(told(&page), "There is nothing to confirm.");
}

#[tokio::test]
async fn what_is_wrong_is_told_at_its_field() {
    let (server, _mailbox) = with_mail().await;
    server.person_with("ada", &[]).await;
    let mut browser = Browser::of(&server, "ada").await;
    for typed in ["", "ada", "ada@", "a b@example.com"] {
        let page = filling(&mut browser, PATH, &[("email", typed)]).await;
        assert_eq!(fault(&page, 400, "email"), "Enter an e-mail address, such as ada@example.com.");
        assert_eq!(value(&page, "email"), typed);
    }
    for _ in 0..4 {
        server.app.clock.turn(Duration::minutes(4));
        browser.get(PATH).await;
    }
    let page = filling(&mut browser, PATH, &[("email", "new@example.com")]).await;
    let told_why = "You signed in more than 15 minutes ago. Enter your password, too.";
    assert_eq!(fault(&page, 403, "current_password"), told_why);
    assert_eq!(value(&page, "email"), "new@example.com");
    let fields = [("email", "new@example.com"), ("current_password", PASSWORD)];
    assert!(told(&browser.submit_to(&page, PATH, &fields).await).starts_with("A mail is on its way."));
}

#[tokio::test]
async fn where_no_mail_can_be_sent_one_is_told_whom_to_ask() {
    let server = Server::on_a_fresh_database().await;
    server.person_with("ada", &[]).await;
    let mut browser = Browser::of(&server, "ada").await;
    let page = filling(&mut browser, PATH, &[("email", "new@example.com")]).await;
    assert!(fault(&page, 409, "email").ends_with("Ask an administrator to change it."));
}
