//! Second factors on their page.

use time::Duration;
use totp_rs::{Builder, Secret};

use super::{Browser, at_home, fault, filling, told, value, within};
use crate::support::{PASSWORD, Response, Server};

const PATH: &str = "/account/factors";

/// What an authenticator with this secret shows so many steps from now.
pub fn code(server: &Server, secret: &str, steps: i64) -> String {
    let secret = Secret::try_from_base32(secret).expect("base32");
    let authenticator = Builder::new().with_secret(secret).build().expect("an authenticator");
    let seconds = server.app.clock.now().unix_timestamp() + 30 * steps;
    authenticator.generate(seconds.unsigned_abs()).to_string()
}

fn secret(page: &Response) -> String {
    within(page, r#"<code id="secret">"#).to_owned()
}

/// Somebody sets an authenticator up; the page with their recovery codes, and the secret.
async fn set_up(server: &Server, browser: &mut Browser) -> (Response, String) {
    let page = filling(browser, PATH, &[("act", "begin"), ("name", "My phone")]).await;
    let secret = secret(&page);
    let codes = [("code", code(server, &secret, -1)), ("next_code", code(server, &secret, 0))];
    let fields = codes.each_ref().map(|(name, code)| (*name, code.as_str()));
    (browser.submit_to(&page, PATH, &fields).await, secret)
}

fn recovery_codes(page: &Response) -> Vec<String> {
    let all = page.text.split("<li><code>").skip(1);
    all.map(|rest| rest.split('<').next().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn an_authenticator_is_set_up_and_asked_for_at_the_next_login() {
    let (server, mut browser) = at_home().await;
    let page = filling(&mut browser, PATH, &[("act", "begin"), ("name", "")]).await;
    assert_eq!(fault(&page, 400, "name"), "Enter a name of up to 100 characters.");
    let page = filling(&mut browser, PATH, &[("act", "begin"), ("name", "My phone")]).await;
    assert!(page.text.contains("<svg") && page.text.contains("otpauth://totp/"), "{page:?}");
    let wrong = browser.submit_to(&page, PATH, &[("code", "000000"), ("next_code", "000000")]).await;
    assert!(fault(&wrong, 400, "code").starts_with("These codes are wrong or too old."));
    assert_eq!(secret(&wrong), secret(&page), "it can be tried again");
    assert_eq!(server.anonymous().log_in("ada", PASSWORD).await.status, 200, "nothing is asked for yet");
    let (codes, secret) = set_up(&server, &mut browser).await;
    assert_eq!(recovery_codes(&codes).len(), 10);
    let page = browser.get(PATH).await;
    assert!(page.text.contains("My phone") && page.text.contains("You have 10 recovery codes left."), "{page:?}");
    assert!(!page.text.contains(&secret) && !page.text.contains(&recovery_codes(&codes)[0]), "both are shown once");

    let mut another = Browser::new(&server);
    let login = another.get(PATH).await;
    let second = another.submit(&login, &[("username", "ada"), ("password", PASSWORD)]).await;
    assert!(second.text.contains("One more step"), "{second:?}");
    server.app.clock.turn(Duration::seconds(60));
    let page = another.submit(&second, &[("code", &code(&server, &secret, 0))]).await;
    assert!(page.text.contains(r#"<a href="/account/factors" aria-current="page">"#), "they come back: {page:?}");
}

#[tokio::test]
async fn it_is_renamed_and_removed_by_its_owner_alone() {
    let (server, mut browser) = at_home().await;
    set_up(&server, &mut browser).await;
    server.person_with("bob", &[]).await;
    let mut bob = Browser::of(&server, "bob").await;
    let id = server.number("select id::bigint from auth.totp_factors").await.to_string();
    for act in ["rename", "remove", "confirm"] {
        let fields =
            [("act", act), ("id", id.as_str()), ("name", "Mine now"), ("code", "123456"), ("next_code", "654321")];
        filling(&mut bob, PATH, &fields).await;
    }
    assert!(browser.get(PATH).await.text.contains("My phone"));
    let page = filling(&mut browser, PATH, &[("act", "rename"), ("id", &id), ("name", "Old phone")]).await;
    assert_eq!(told(&page), "The new name is saved.");
    assert!(page.text.contains("Old phone"));
    let page = filling(&mut browser, PATH, &[("act", "remove"), ("id", &id)]).await;
    assert_eq!(told(&page), "The authenticator is removed.");
    assert!(page.text.contains("You have no authenticator.") && !page.text.contains("codes-left"));
    let again = filling(&mut browser, PATH, &[("act", "remove"), ("id", &id)]).await;
    assert_eq!(again.status, 200, "it is gone already");
}

#[tokio::test]
async fn a_name_that_was_typed_before_one_proves_who_one_is_stands_there_afterwards() {
    let server = crate::passkeys::server().await;
    server.person_with("ada", &[]).await;
    let mut browser = Browser::of(&server, "ada").await;
    for path in [PATH, "/account/passkeys"] {
        for _ in 0..4 {
            server.app.clock.turn(Duration::minutes(4));
            browser.get(path).await;
        }
        let asked = filling(&mut browser, path, &[("act", "begin"), ("name", "Ada's <phone> & more")]).await;
        assert!(asked.text.contains("Is it you?"), "{asked:?}");
        let wrong = browser.submit_to(&asked, "/account/prove", &[("current_password", "not this one")]).await;
        let back = browser.submit_to(&wrong, "/account/prove", &[("current_password", PASSWORD)]).await;
        assert_eq!(told(&back), "Thank you. Go on where you were.");
        assert_eq!(value(&back, "name"), "Ada&#39;s &#60;phone&#62; &#38; more");
    }
}

#[tokio::test]
async fn long_after_the_login_one_proves_first_who_one_is() {
    let (server, mut browser) = at_home().await;
    for _ in 0..4 {
        server.app.clock.turn(Duration::minutes(4));
        browser.get(PATH).await;
    }
    let page = filling(&mut browser, PATH, &[("act", "begin"), ("name", "My phone")]).await;
    assert!(page.text.contains("Is it you?") && page.text.contains(r#"id="current_password""#), "{page:?}");
    let wrong = browser.submit_to(&page, "/account/prove", &[("current_password", "not this one")]).await;
    assert_eq!(fault(&wrong, 400, "current_password"), "This is not your password.");
    let back = browser.submit_to(&wrong, "/account/prove", &[("current_password", PASSWORD)]).await;
    assert_eq!(told(&back), "Thank you. Go on where you were.");
    let (_, secret) = set_up(&server, &mut browser).await;
    for _ in 0..4 {
        server.app.clock.turn(Duration::minutes(4));
        browser.get(PATH).await;
    }
    let page = filling(&mut browser, PATH, &[("act", "codes")]).await;
    assert!(page.text.contains(r#"id="code""#) && !page.text.contains("current_password"), "by the factor: {page:?}");
    let wrong = browser.submit_to(&page, "/account/prove", &[("code", "000000")]).await;
    assert_eq!(wrong.status, 400, "{wrong:?}");
    let back = browser.submit_to(&wrong, "/account/prove", &[("code", &code(&server, &secret, 0))]).await;
    assert_eq!(told(&back), "Thank you. Go on where you were.");
    let page = filling(&mut browser, PATH, &[("act", "codes")]).await;
    assert_eq!(recovery_codes(&page).len(), 10);
    for elsewhere in ["//evil.example", "https://evil.example", ""] {
        let page = browser.get(&format!("/account/prove?page={elsewhere}")).await;
        assert!(page.text.contains(r#"name="page" value="overview""#), "{elsewhere}");
    }
}
