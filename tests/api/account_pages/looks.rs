//! What the pages look like, and that nothing foreign gets into them.

use super::{Browser, PAGES, filling};
use crate::authorize::agreed;
use crate::support::Server;

#[tokio::test]
async fn whatever_somebody_is_called_is_text_in_every_page() {
    let server = Server::configured(&[("REGISTRATION", "open")]).await;
    let ada = server.person_with("ada", &[]).await;
    agreed(&ada, "wiki").await;
    let mut browser = Browser::of(&server, "ada").await;
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    for sql in [
        "update auth.person set name = $1, email = 'ada@example.com', claims = jsonb_build_object('nickname', $1)",
        "update auth.clients set name = $1",
        "update auth.consents set scopes = array[$1]",
        "update auth.tokens_cache set user_agent = $1",
    ] {
        sqlx::query(sql)
            .bind(evil)
            .execute(server.app.db.pool())
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    server.execute("update auth.services set name = '<img src=x onerror=alert(1)>' where id > 0").await;
    let mut pages = Vec::new();
    for path in PAGES {
        pages.push(browser.get(path).await);
    }
    pages.push(
        filling(&mut browser, "/account/profile", &[("name", evil), ("username", evil), ("website", evil)]).await,
    );
    pages.push(filling(&mut browser, "/account/email", &[("email", evil)]).await);
    let mut stranger = Browser::new(&server);
    pages.push(filling(&mut stranger, "/forgot-password", &[("who", "\u{1}<script>")]).await);
    pages.push(filling(&mut stranger, "/register", &[("username", evil), ("email", evil)]).await);
    for path in ["/reset-password", "/verify-email", "/register"] {
        pages.push(stranger.get(&format!("{path}?token=%22%3E%3Cscript%3E")).await);
    }
    for page in &pages {
        assert!(page.header("content-type").starts_with("text/html"), "{page:?}");
        assert!(
            !page.text.contains("<script") && !page.text.contains("<img src=x") && !page.text.contains("'><"),
            "{page:?}"
        );
    }
    // Two show nothing of that: the pages of linked accounts and of API keys.
    assert!(pages.iter().filter(|page| page.text.contains("&#60;script&#62;")).count() >= PAGES.len() - 2);
}

#[tokio::test]
async fn each_page_has_a_heading_a_title_and_landmarks_in_both_languages() {
    let server = Server::on_a_fresh_database().await;
    server.person_with("ada", &[]).await;
    let mut browser = Browser::of(&server, "ada").await;
    for (language, lang, name) in [("en-GB", "en", "Your account"), ("es-PE", "es", "Su cuenta")] {
        browser.language = Some(language);
        for path in PAGES {
            let page = browser.get(path).await;
            assert!(page.text.contains(&format!(r#"<html lang="{lang}">"#)), "{page:?}");
            assert_eq!(page.text.matches("<h1").count(), 1, "{path}");
            assert_eq!(page.text.matches("<main").count(), 1, "{path}");
            assert!(page.text.contains(&format!(r#"<nav class="menu" aria-label="{name}">"#)), "{path}");
            assert_eq!(page.text.matches(r#"aria-current="page""#).count(), 1, "{path}");
        }
    }
}
