//! What the pages look like, and that nothing foreign gets into them.

use axum::http::Method;
use axum::http::request::Builder;

use super::{Browser, WORLD, asking, clerk, shop};
use crate::support::Server;

#[tokio::test]
async fn whatever_somebody_is_called_is_text_in_every_page() {
    let server = shop().await;
    clerk(&server).await;
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    for sql in [
        "update auth.clients set name = $1, scopes = scopes || $1",
        "update auth.person set name = $1",
        "update auth.services set name = $1 where id = 1000",
    ] {
        sqlx::query(sql).bind(evil).execute(server.app.db.pool()).await.expect("a name");
    }
    let request =
        |more: &[(&'static str, &'static str)]| asking(&[&[("login_hint", evil), ("scope", "openid")], more].concat());
    let mut browser = Browser::new(&server);
    let login = browser.get(&request(&[])).await;
    let failed = browser.submit(&login, &[("username", evil), ("password", "wrong password")]).await;
    let consent = browser.log_in(&login, "ada").await;
    let home = browser.get("/").await;
    let logout = browser.get("/oauth/logout?state=%22%3E%3Cscript%3E").await;
    let posted = browser.get(&asking(&[("response_mode", "form_post"), ("state", evil), ("scope", evil)])).await;
    server.execute("update auth.clients set admits = 'members'; delete from auth.person_service_role").await;
    let no_access = browser.get(&request(&[])).await;
    let error = browser.get(&asking(&[("client_id", evil)])).await;
    for page in [&login, &failed, &consent, &home, &logout, &posted, &no_access, &error] {
        assert!(page.header("content-type").starts_with("text/html"), "{page:?}");
        assert!(
            !page.text.contains("<script") && !page.text.contains("<img") && !page.text.contains("'><"),
            "{page:?}"
        );
    }
    for page in [&login, &failed, &consent, &home, &logout, &posted, &no_access] {
        assert!(page.text.contains("&#60;script&#62;"), "{page:?}");
    }
}

#[tokio::test]
async fn the_stylesheet_is_kept_under_an_address_of_its_own() {
    let server = Server::configured(&[("PAGES_COLOR", "ffcc00"), ("PAGES_NAME", "Example <Accounts>")]).await;
    let mut browser = Browser::new(&server);
    let home = browser.get("/").await;
    assert!(home.text.contains("Example &#60;Accounts&#62;"));
    let path = home.text.split("href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a stylesheet");
    let style = browser.get(path).await;
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert!(style.text.starts_with(":root{--accent:#ffcc00;--on-accent:#000000}"));
    let other = Server::on_a_fresh_database().await.anonymous().get("/").await;
    assert!(!other.text.contains(path), "another colour, another address");
    assert_eq!(browser.get("/pages/logo").await.refusal(), (404, "logo_not_found"));
}

#[tokio::test]
async fn a_logo_stands_in_the_place_of_the_name() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>")
        .expect("a logo");
    let path = file.path().to_str().expect("a path");
    let server = Server::configured(&[("PAGES_LOGO_FILE", path)]).await;
    let mut browser = Browser::new(&server);
    let home = browser.get("/").await;
    let source = home.text.split("<img src=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a logo");
    let logo = browser.get(source).await;
    assert_eq!(logo.header("content-type"), "image/svg+xml");
    assert!(logo.header("content-security-policy").contains("sandbox"));
}

#[tokio::test]
async fn pages_speak_the_language_of_their_reader() {
    let server = shop().await;
    let (_, mut browser) = clerk(&server).await;
    browser.language = Some("es-PE,es;q=0.9,en;q=0.5");
    for (path, told) in [
        ("/", "Bienvenido"),
        ("/login", "Contraseña"),
        ("/oauth/logout", "Ha cerrado la sesión"),
        ("/oauth/authorize", "La solicitud no tiene client_id"),
    ] {
        let page = browser.get(path).await;
        assert!(page.text.contains(r#"<html lang="es">"#) && page.text.contains(told), "{path}: {page:?}");
    }
    let page = browser.get(&asking(&[("ui_locales", "fr en")])).await;
    assert!(page.text.contains("Username"), "what the client asks for goes first");
}

#[tokio::test]
async fn when_nothing_can_be_asked_a_page_says_so() {
    let server = Server::without_postgres(&[]).await;
    let mut browser = Browser::new(&server);
    for path in ["/", "/login", "/oauth/logout", "/pages/style.css"] {
        assert_eq!(browser.get(path).await.status, 200, "{path}");
    }
    let token = server.app.new_token(server.app.clock.now()).expect("a token");
    browser.cookies.insert("portero".to_owned(), token.reveal().to_owned());
    for path in ["/", "/login", "/oauth/logout", &asking(&[])] {
        let page = browser.get(path).await;
        assert_eq!((page.status, page.header("retry-after")), (503, "1"), "{path}");
        assert!(page.text.contains("We can&#39;t answer at the moment."), "{page:?}");
    }
}

#[tokio::test]
async fn no_other_site_frames_a_page_or_reads_it_or_hears_where_its_reader_was() {
    for cors in ["", "*", "https://evil.example"] {
        let server = Server::configured(&[("CORS", cors)]).await;
        server.execute(WORLD).await;
        let anonymous = server.anonymous();
        let foreign = |request: Builder| {
            request.header("origin", "https://evil.example").header("access-control-request-method", "POST")
        };
        let faulty = asking(&[("client_id", "nobody")]);
        for path in ["/login", "/oauth/logout", "/oauth/authorize", &faulty, &asking(&[])] {
            let page = anonymous.send_with(Method::GET, path, "", foreign).await;
            let policy = page.header("content-security-policy");
            assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"), "{page:?}");
            assert_eq!((page.header("x-frame-options"), page.header("referrer-policy")), ("DENY", "no-referrer"));
            assert_eq!(page.header("access-control-allow-origin"), "", "{path}");
        }
        for path in ["/login", "/consent", "/logout", "/oauth/authorize", "/oauth/logout"] {
            let preflight = anonymous.send_with(Method::OPTIONS, path, "", foreign).await;
            assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (405, ""), "{path}");
        }
        let api = anonymous.send_with(Method::OPTIONS, "/auth/login", "", foreign).await;
        assert_eq!(api.header("access-control-allow-origin"), cors);
    }
}
