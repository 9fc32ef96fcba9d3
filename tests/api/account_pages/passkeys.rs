//! Passkeys on their page.

use serde_json::{Value, json};
use time::Duration;

use super::{Browser, Form, filling, told};
use crate::passkeys::page::{data, options};
use crate::passkeys::{HOME, asked_for_new, server, sign_in};
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
async fn who_has_lost_their_only_passkey_goes_on_by_a_recovery_code() {
    let server = server().await;
    let ada = server.person_with("ada", &[]).await;
    let made = Authenticator::at(HOME).create(&asked_for_new(&ada).await);
    let added = ada.post("/auth/me/passkeys", json!({"name": "Laptop", "credential": made})).await.ok();
    let codes: Vec<String> = serde_json::from_value(added.body["recovery_codes"].clone()).expect("codes");
    let mut browser = Browser::new(&server);
    let login = browser.get("/login").await;
    let step = browser.log_in(&login, "ada").await;
    assert!(step.text.contains("Enter one of your recovery codes, or use your passkey."), "{step:?}");
    let wrong = browser.submit(&step, &[("code", "aaaa-aaaa-aaaa")]).await;
    assert!(wrong.text.contains("That recovery code is wrong, or was used already."), "{wrong:?}");
    server.app.clock.turn(Duration::minutes(1));
    let home = browser.submit(&wrong, &[("code", &codes[0])]).await;
    assert!(home.text.contains("signed in as"), "{home:?}");
    for _ in 0..4 {
        server.app.clock.turn(Duration::minutes(4));
        browser.get(PATH).await;
    }
    let asked = filling(&mut browser, PATH, &[("act", "begin"), ("name", "New laptop")]).await;
    assert!(asked.text.contains("Is it you?") && asked.text.contains(r#"id="code""#), "{asked:?}");
    let back = browser.submit_to(&asked, "/account/prove", &[("code", &codes[1])]).await;
    assert_eq!(told(&back), "Thank you. Go on where you were.");
    server.execute("delete from auth.recovery_codes").await;
    let mut browser = Browser::new(&server);
    let login = browser.get("/login").await;
    let step = browser.log_in(&login, "ada").await;
    assert!(step.text.contains("Use your passkey.") && !step.text.contains(r#"id="code""#), "{step:?}");
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
async fn the_browser_is_told_which_passkeys_are_good_and_of_one_that_was_refused() {
    let server = server().await;
    server.person_with("ada", &[]).await;
    let mut browser = Browser::of(&server, "ada").await;
    let page = browser.get(PATH).await;
    assert!(!page.text.contains("data-signals") && !page.text.contains("<script"), "nothing yet: {page:?}");
    let page = filling(&mut browser, PATH, &[("act", "begin"), ("name", "Laptop")]).await;
    let mut laptop = Authenticator::at(HOME);
    let made = laptop.create(&options(&page));
    let (id, user) = (&made["id"], options(&page)["user"]["id"].clone());
    let all = |ids: &[&Value]| {
        let all = json!({"rpId": "id.example.com", "userId": user, "allAcceptedCredentialIds": ids});
        let owner = json!({"rpId": "id.example.com", "userId": user, "name": "ada", "displayName": "ada by name"});
        json!({"signalAllAcceptedCredentials": all, "signalCurrentUserDetails": owner})
    };
    assert_eq!(data(&page, "signals"), all(&[]));
    browser.submit_to(&page, PATH, &[("passkey", &made.to_string())]).await;
    let added = browser.get(PATH).await;
    assert_eq!(data(&added, "signals"), all(&[id]));
    assert!(added.text.contains(r#"<script src="/pages/passkey.js"#), "{added:?}");

    let again = filling(&mut browser, PATH, &[("passkey", &made.to_string()), ("name", "Laptop")]).await;
    assert_eq!(again.status, 400, "once: {again:?}");
    assert!(
        !again.text.contains("data-signals"),
        "of two that bring the same one, the other may be about to keep it: {again:?}"
    );
    let ada = server.anonymous().with_token(sign_in(&server, &mut laptop).await.ok().token());
    let mut browser = Browser::new(&server);
    browser.cookies.insert("__Host-portero".to_owned(), ada.token().to_owned());
    let page = filling(&mut browser, PATH, &[("act", "begin"), ("name", "Tablet")]).await;
    let mut tablet = Authenticator { verifies: false, ..Authenticator::at(HOME) };
    let tablet = tablet.create(&options(&page));
    let refused = browser.submit_to(&page, PATH, &[("passkey", &tablet.to_string())]).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    let unknown = json!({"rpId": "id.example.com", "credentialId": tablet["id"]});
    assert_eq!(data(&refused, "signals")["signalUnknownCredential"], unknown);
    for made in [json!({"id": "<>"}), json!({"id": ""}), json!({"id": 7}), json!({})] {
        let refused = filling(&mut browser, PATH, &[("passkey", &made.to_string()), ("name", "x")]).await;
        assert_eq!(data(&refused, "signals"), all(&[id]), "{made}");
    }
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
