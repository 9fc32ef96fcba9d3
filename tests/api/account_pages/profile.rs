//! Name, username, and what applications are told.

use serde_json::json;
use time::Duration;

use super::{at_home, fault, filling, told, value};
use crate::support::PASSWORD;

const PATH: &str = "/account/profile";

#[tokio::test]
async fn one_changes_what_is_told_of_oneself() {
    let (server, mut browser) = at_home().await;
    let fields = [
        ("name", "Ada Lovelace"),
        ("given_name", "Ada"),
        ("phone_number", "+51987654321"),
        ("street_address", "Av. Larco 101\r\nMiraflores"),
        ("locality", "Lima"),
        ("username", "ada"),
    ];
    let page = filling(&mut browser, PATH, &fields).await;
    assert_eq!(told(&page), "Your profile is saved.");
    assert_eq!((value(&page, "name").as_str(), value(&page, "given_name").as_str()), ("Ada Lovelace", "Ada"));
    assert!(page.text.contains(">\nAv. Larco 101\nMiraflores</textarea>"), "{page:?}");
    let ada = server.session_of(1).await;
    let claims = json!({
        "given_name": "Ada", "phone_number": "+51987654321",
        "address": {"street_address": "Av. Larco 101\nMiraflores", "locality": "Lima"},
    });
    assert_eq!(ada.get("/auth/me").await.body["claims"], claims);
    let emptied = filling(&mut browser, PATH, &[("name", "Ada Lovelace"), ("username", "ada"), ("locality", "Cusco")]);
    assert_eq!(told(&emptied.await), "Your profile is saved.");
    assert_eq!(ada.get("/auth/me").await.body["claims"], json!({"address": {"locality": "Cusco"}}));
}

#[tokio::test]
async fn what_is_wrong_is_told_at_its_field_and_what_was_typed_stays() {
    let (server, mut browser) = at_home().await;
    server.person_with("bob", &[]).await;
    let good = [("name", "Ada L."), ("username", "ada")];
    for (field, typed, status, told) in [
        ("name", "", 400, "Enter a name of up to 200 characters."),
        ("username", "12345", 400, "Use up to 100 letters, digits and signs, and not only digits."),
        ("username", "person-7", 400, "Use up to 100 letters, digits and signs, and not only digits."),
        ("username", "bob", 409, "This username is taken. Choose another."),
        ("website", "ftp://ada.example", 400, "Enter an address that begins with https://."),
        ("phone_number", "five", 400, "Enter it with the country, such as +51987654321."),
        ("birthdate", "1980-13-01", 400, "Enter year, month and day"),
        ("given_name", &"x".repeat(101), 400, "Enter a shorter text, without signs that nobody sees."),
    ] {
        let fields: Vec<_> = good.into_iter().filter(|(own, _)| *own != field).chain([(field, typed)]).collect();
        let page = filling(&mut browser, PATH, &fields).await;
        assert!(fault(&page, status, field).starts_with(told), "{field}: {page:?}");
        assert_eq!(value(&page, field), typed, "what was typed stays");
        assert_eq!(value(&page, "name"), if field == "name" { "" } else { "Ada L." });
    }
    assert_eq!(server.session_of(1).await.get("/auth/me").await.body["name"], "ada by name", "nothing has changed");
}

#[tokio::test]
async fn a_new_username_long_after_the_login_takes_the_password() {
    let (server, mut browser) = at_home().await;
    assert!(!browser.get(PATH).await.text.contains("current_password"), "not so soon");
    server.app.clock.turn(Duration::minutes(4));
    for _ in 0..3 {
        browser.get(PATH).await;
        server.app.clock.turn(Duration::minutes(4));
    }
    let page = browser.get(PATH).await;
    assert!(page.text.contains(r#"id="current_password""#), "{page:?}");
    let fields = |password| [("name", "ada by name"), ("username", "countess"), ("current_password", password)];
    let refused = browser.submit_to(&page, PATH, &fields("")).await;
    let told_why = "You signed in more than 15 minutes ago. Enter your password, too.";
    assert_eq!(fault(&refused, 403, "current_password"), told_why);
    let wrong = browser.submit_to(&refused, PATH, &fields("not this one")).await;
    assert_eq!(fault(&wrong, 400, "current_password"), "This is not your password.");
    assert_eq!((value(&wrong, "username").as_str(), value(&wrong, "current_password").as_str()), ("countess", ""));
    let named = browser.submit_to(&wrong, PATH, &[("name", "Ada"), ("username", "ada")]).await;
    assert_eq!(told(&named), "Your profile is saved.", "a new name takes none");
    let changed = browser.submit_to(&named, PATH, &fields(PASSWORD)).await;
    assert_eq!(told(&changed), "Your profile is saved.");
    assert_eq!(server.anonymous().log_in("countess", PASSWORD).await.status, 200);
}
