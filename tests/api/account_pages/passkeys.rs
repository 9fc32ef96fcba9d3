//! Passkeys on their page.

use time::Duration;

use super::{Browser, Form, filling, told};
use crate::passkeys::page::options;
use crate::passkeys::{HOME, server, sign_in};
use crate::support::{Authenticator, PASSWORD};

const PATH: &str = "/account/passkeys";

#[tokio::test]
async fn a_passkey_is_added_renamed_and_removed() {
    let server = server().await;
    server.person_with("ada", &[]).await;
    let mut browser = Browser::of(&server, "ada").await;
    assert!(browser.get(PATH).await.text.contains("You have no passkey."));
    let page = filling(&mut browser, PATH, &[("act", "begin"), ("name", "Laptop")]).await;
    assert!(page.text.contains(r#"<script src="/pages/passkey.js"#), "{page:?}");
    assert_eq!(Form::to(&page, PATH).hidden["name"], "Laptop");
    let mut laptop = Authenticator::at(HOME);
    let made = laptop.create(&options(&page)).to_string();
    let codes = browser.submit_to(&page, PATH, &[("passkey", &made)]).await;
    assert!(told(&codes).contains("lost your second factor") && codes.text.contains(r#"id="recovery-codes""#));
    assert_eq!(codes.text.matches("<li><code>").count(), 10, "{codes:?}");
    assert!(codes.text.contains(&format!(r#"id="continue" class="button" href="{PATH}""#)), "{codes:?}");
    assert!(browser.get(PATH).await.text.contains("Laptop"));
    assert_eq!(sign_in(&server, &mut laptop).await.status, 200);
    let again = filling(&mut browser, PATH, &[("passkey", &made), ("name", "Laptop")]).await;
    assert!(again.text.contains("Is it you?") || again.status == 400, "once: {again:?}");

    let id = server.number("select id::bigint from auth.passkeys").await.to_string();
    let page = filling(&mut browser, PATH, &[("act", "rename"), ("id", &id), ("name", "Old laptop")]).await;
    assert_eq!(told(&page), "The new name is saved.");
    assert!(!browser.get("/account/factors").await.text.contains("<li><code>"), "codes are shown once");
    server.person_with("bob", &[]).await;
    let mut bob = Browser::of(&server, "bob").await;
    for act in ["rename", "remove"] {
        filling(&mut bob, PATH, &[("act", act), ("id", &id), ("name", "Mine now")]).await;
    }
    assert!(browser.get(PATH).await.text.contains("Old laptop"), "nobody else's");
    let asked = filling(&mut browser, PATH, &[("act", "remove"), ("id", &id)]).await;
    assert!(asked.text.contains("Is it you?"), "by the passkey, once there is one: {asked:?}");
    let wrong = browser.submit_to(&asked, "/account/prove", &[("passkey", &made)]).await;
    assert_eq!(wrong.status, 400, "{wrong:?}");
    let signed = laptop.get(&options(&wrong)).to_string();
    let back = browser.submit_to(&wrong, "/account/prove", &[("passkey", &signed)]).await;
    assert_eq!(told(&back), "Thank you. Go on where you were.");
    let page = filling(&mut browser, PATH, &[("act", "remove"), ("id", &id)]).await;
    assert_eq!(told(&page), "The passkey is removed. It opens nothing any more.");
}

#[tokio::test]
async fn what_is_no_passkey_is_refused_on_the_page() {
    let server = server().await;
    server.person_with("ada", &[]).await;
    let mut browser = Browser::of(&server, "ada").await;
    for made in ["{}", "{", "null", "[1]", r#"{"id":"x"}"#] {
        let page = filling(&mut browser, PATH, &[("passkey", made), ("name", "Laptop")]).await;
        assert_eq!(page.status, 400, "{made}: {page:?}");
    }
    assert_eq!(server.number("select count(*) from auth.passkeys").await, 0);
    for _ in 0..4 {
        server.app.clock.turn(Duration::minutes(4));
        browser.get(PATH).await;
    }
    let page = filling(&mut browser, PATH, &[("act", "begin"), ("name", "Laptop")]).await;
    assert!(page.text.contains("Is it you?"), "{page:?}");
    let back = browser.submit_to(&page, "/account/prove", &[("current_password", PASSWORD)]).await;
    assert_eq!(told(&back), "Thank you. Go on where you were.");
    options(&filling(&mut browser, PATH, &[("act", "begin"), ("name", "Laptop")]).await);
}

#[tokio::test]
async fn where_there_are_none_the_page_says_so_and_has_no_script() {
    let server = crate::support::Server::configured(&[("PUBLIC_URL", "http://127.0.0.1:7878")]).await;
    server.person_with("ada", &[]).await;
    let mut browser = Browser::of(&server, "ada").await;
    let page = browser.get(PATH).await;
    assert!(page.text.contains("There are no passkeys here") && !page.text.contains("<script"), "{page:?}");
    assert!(!page.header("content-security-policy").contains("script-src"));
}
