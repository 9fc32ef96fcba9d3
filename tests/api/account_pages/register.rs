//! People register on the page, as far as they may.

use serde_json::json;

use super::{Browser, fault, filling, told, value};
use crate::reset::{arriving, with_mail_and};
use crate::support::{PASSWORD, Server};

const PATH: &str = "/register";

fn fields<'a>(username: &'a str, password: &'a str) -> [(&'a str, &'a str); 3] {
    [("username", username), ("password", password), ("again", password)]
}

#[tokio::test]
async fn where_anybody_may_one_registers_and_is_signed_in() {
    let server = Server::configured(&[("REGISTRATION", "open")]).await;
    let mut browser = Browser::new(&server);
    assert!(browser.get("/login").await.text.contains(r#"<a href="/register">"#));
    let page = filling(&mut browser, PATH, &fields("ada", PASSWORD)).await;
    assert_eq!(told(&page), "Your account is ready, and you are signed in.");
    assert!(page.text.contains("You are signed in as ada."), "{page:?}");
    let mut another = Browser::new(&server);
    let page = filling(&mut another, PATH, &fields("ada", PASSWORD)).await;
    assert_eq!(fault(&page, 409, "username"), "This username is taken. Choose another.");
    for (given, field, why) in [
        (fields("", PASSWORD), "username", "Use up to 100 letters"),
        (fields("bob", "short"), "password", "Use at least 8 characters."),
        (fields("bob", "password123"), "password", "This password is too easy to guess."),
    ] {
        let page = filling(&mut another, PATH, &given).await;
        assert!(fault(&page, 400, field).starts_with(why), "{page:?}");
        assert_eq!(value(&page, "username"), given[0].1);
    }
    let page = filling(&mut another, PATH, &[&fields("bob", PASSWORD)[..], &[("email", "no address")]].concat()).await;
    assert_eq!(fault(&page, 400, "email"), "Enter an e-mail address, such as ada@example.com.");
    assert_eq!(server.number("select count(*) from auth.person where username = 'bob'").await, 0);
}

#[tokio::test]
async fn where_nobody_may_the_page_says_whom_to_ask() {
    let server = Server::on_a_fresh_database().await;
    let mut browser = Browser::new(&server);
    let page = browser.get(PATH).await;
    assert_eq!(page.status, 403);
    assert!(page.text.contains("Nobody can register here. Ask an administrator for an account."), "{page:?}");
    let token = super::Form::of(&browser.get("/forgot-password").await).hidden["form_token"].clone();
    let body = format!("form_token={token}&username=eve&password={PASSWORD}&again={PASSWORD}");
    assert_eq!(browser.post_own(PATH, &body).await.status, 403);
    assert_eq!(server.number("select count(*) from auth.person where username = 'eve'").await, 0);
}

#[tokio::test]
async fn an_invitation_lets_one_in_once_and_looking_spends_nothing() {
    let settings = [("REGISTRATION", "invite"), ("PUBLIC_URL", "http://127.0.0.1:7878")];
    let (server, mailbox) = with_mail_and(&settings).await;
    let root = server.administrator().await;
    root.post("/invitations", json!({"email": "ada@example.com"})).await;
    let mails = arriving(&server, &mailbox).await;
    let path = format!("{PATH}?token={}", mails[0].token());
    assert!(mails[0].text.contains(&format!("http://127.0.0.1:7878{path}")), "{}", mails[0].text);
    let mut browser = Browser::new(&server);
    assert_eq!(browser.get(PATH).await.status, 403, "without one nobody may");
    for _ in 0..2 {
        assert_eq!(browser.get(&path).await.status, 200);
    }
    let page = browser.get(&path).await;
    let refused = browser.submit_to(&page, PATH, &fields("ada", "short")).await;
    assert!(fault(&refused, 400, "password").starts_with("Use at least 8"), "and a fault spends nothing either");
    let home = browser.submit_to(&refused, PATH, &fields("ada", PASSWORD)).await;
    assert_eq!(told(&home), "Your account is ready, and you are signed in.");
    assert!(home.text.contains("ada@example.com") && home.text.contains("confirmed"), "{home:?}");
    let mut another = Browser::new(&server);
    let refused = another.get(&path).await;
    assert_eq!(refused.status, 403, "whoever comes later is told before they type");
    assert!(refused.text.contains("You need an invitation to register"), "{refused:?}");
    let page = another.get(&format!("{PATH}?token=none")).await;
    let refused = another.submit_to(&page, PATH, &fields("eve", PASSWORD)).await;
    assert!(fault(&refused, 403, "form").starts_with("You need an invitation to register"), "{refused:?}");

    let made = root.post("/invitations", json!({})).await;
    let handed_over = made.body["invitation"].as_str().expect("an invitation").to_owned();
    let page = another.get(&format!("{PATH}?token={handed_over}")).await;
    assert_eq!(
        told(&another.submit_to(&page, PATH, &fields("bob", PASSWORD)).await),
        "Your account is ready, and you are signed in."
    );
}
