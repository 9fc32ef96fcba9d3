//! The language of pages and mails.

use super::{Browser, at_home, filling, told, within};
use crate::reset::{arriving, reachable, with_mail};

const PATH: &str = "/account/language";

#[tokio::test]
async fn a_language_is_chosen_for_pages_and_mails_and_in_this_browser() {
    let (server, mailbox) = with_mail().await;
    reachable(&server, "ada").await;
    let mut browser = Browser::of(&server, "ada").await;
    let page = filling(&mut browser, PATH, &[("language", "es")]).await;
    assert_eq!(told(&page), "Desde ahora las páginas y los correos estarán en español.");
    assert!(page.text.contains(r#"<html lang="es">"#));
    let mut another = Browser::of(&server, "ada").await;
    assert!(another.get("/account").await.text.contains("Su cuenta"), "in each browser, once they are logged in");
    assert!(another.get("/login").await.text.contains("Your account") || another.language.is_none());
    filling(&mut another, "/account/email", &[("email", "new@example.com")]).await;
    assert!(arriving(&server, &mailbox).await[0].subject.contains("¿"), "mails, too");
    let goodbye = browser.submit_to(&page, "/logout", &[]).await;
    assert_eq!(within(&goodbye, r#" role="status">"#), "Ha cerrado la sesión. Puede cerrar esta página.");
    assert!(browser.get("/login").await.text.contains("Iniciar sesión"), "this browser goes on in it");
}

#[tokio::test]
async fn only_languages_that_are_written_here_can_be_chosen() {
    let (server, mut browser) = at_home().await;
    for language in ["", "de", "EN", "es "] {
        let page = filling(&mut browser, PATH, &[("language", language)]).await;
        assert_eq!((page.status, within(&page, r#" id="language-error" role="alert">"#)), (400, "Choose a language."));
    }
    assert_eq!(server.number("select count(*) from auth.person where locale is not null").await, 0);
}
