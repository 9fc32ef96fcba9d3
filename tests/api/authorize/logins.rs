//! Logging in on the page.

use serde_json::json;
use time::Duration;

use super::browser::Form;
use super::{Browser, CALLBACK, ISSUER, asking, clerk, code, shop};
use crate::support::{PASSWORD, Server};

#[tokio::test]
async fn a_login_gives_the_client_a_code_and_the_browser_a_session() {
    let server = shop().await;
    let (ada, mut browser) = clerk(&server).await;
    server.execute("update auth.clients set consent = 'none'").await;
    let page = browser.get(&asking(&[("nonce", "n-0S6_WzA2Mj"), ("login_hint", "ada")])).await;
    assert!(page.text.contains(r#"value="ada" autocomplete="username""#), "{page:?}");
    assert!(page.text.contains(r#"autocomplete="current-password" required autofocus"#), "{page:?}");
    let code = code(&browser.log_in(&page, "ada").await);
    assert!(code.starts_with("pac_") && code.len() == 76);
    assert!(browser.cookies["portero"].starts_with("ptk_"));
    // The cookie is an ordinary session.
    let session = ada.with_token(&browser.cookies["portero"]);
    let profile = session.get("/auth/profile").await.ok();
    let (sid, is_same, nonce, acr): (String, bool, String, String) = sqlx::query_as(
        "select sid, session = t.token and auth_time = t.created_at and code_expires_at = a.created_at + interval '60 s'
                and code = sha256($1::bytea), nonce, acr
         from auth.authorizations a join auth.tokens_cache t on t.token = a.session",
    )
    .bind(code.as_bytes())
    .fetch_one(server.app.db.pool())
    .await
    .expect("an authorization");
    assert_eq!((profile.body["session_id"].as_str(), is_same), (Some(sid.as_str()), true));
    assert_eq!((nonce.as_str(), acr.as_str()), ("n-0S6_WzA2Mj", "1"));
    let actions: Vec<(String, serde_json::Value)> =
        sqlx::query_as("select action, after from auth.audit_events where subject_id = $1 order by id desc limit 2")
            .bind(ada.id)
            .fetch_all(server.app.db.pool())
            .await
            .expect("events");
    let after = json!({"client_id": "web-shop", "scopes": ["Store:read", "openid"], "services": [1000]});
    assert_eq!(actions[0], ("authorization.created".to_owned(), after));
    assert_eq!(actions[1].0, "session.created");
}

#[tokio::test]
async fn what_ends_the_session_logs_the_browser_out() {
    let server = shop().await;
    let (ada, _) = clerk(&server).await;
    let mut browser = Browser::of(&server, "ada").await;
    assert!(browser.get("/").await.text.contains("ada by name"));
    ada.delete("/auth/sessions").await.ok();
    let home = browser.get("/").await;
    assert!(home.text.contains(r#"id="sign-in""#) && !home.text.contains("ada by name"), "{home:?}");
    let page = browser.get(&asking(&[])).await;
    assert!(page.text.contains(r#"id="password""#));
}

#[tokio::test]
async fn a_wrong_password_is_told_beside_the_field_and_waits_as_everywhere() {
    let server = Server::configured(&[("LOGIN_FREE_FAILURES", "2")]).await;
    server.execute(super::WORLD).await;
    let (ada, mut browser) = clerk(&server).await;
    let mut page = browser.get(&asking(&[])).await;
    for username in ["ada", "nobody"] {
        page = browser.submit(&page, &[("username", username), ("password", "a wrong password")]).await;
        assert_eq!(page.status, 403, "{page:?}");
        for told in [
            r#"aria-describedby="password-error""#,
            r#"id="password-error" role="alert">The username or the password is wrong."#,
            &format!(r#"value="{username}""#),
        ] {
            assert!(page.text.contains(told), "{told}: {page:?}");
        }
        assert!(!page.text.contains("a wrong password"));
    }
    for _ in 0..3 {
        page = browser.submit(&page, &[("username", "ada"), ("password", "a wrong password")]).await;
    }
    assert_eq!(page.status, 429, "{page:?}");
    assert!(page.text.contains("too many attempts") && !page.header("retry-after").is_empty(), "{page:?}");
    // It is one count for all doors, and the right password waits, too.
    assert_eq!(browser.log_in(&page, "ada").await.status, 429);
    assert_eq!(ada.log_in("ada", PASSWORD).await.refusal(), (429, "too_many_attempts"));
    server.app.clock.turn(Duration::hours(1));
    let page = browser.get(&asking(&[])).await;
    assert!(browser.log_in(&page, "ada").await.text.contains("asks for access"));
}

#[tokio::test]
async fn an_empty_field_is_told_beside_it_and_costs_no_attempt() {
    let server = shop().await;
    let (_, mut browser) = clerk(&server).await;
    let page = browser.get(&asking(&[("ui_locales", "es")])).await;
    let page = browser.submit(&page, &[("username", ""), ("password", "x")]).await;
    assert_eq!(page.status, 400);
    assert!(page.text.contains(r#"id="username-error" role="alert">Escriba su usuario."#), "{page:?}");
    let page = browser.submit(&page, &[("username", "ada"), ("password", "")]).await;
    assert!(page.text.contains(r#"id="password-error" role="alert">Escriba su contraseña."#), "{page:?}");
    assert_eq!(server.number("select count(*) from auth.login_attempts").await, 0);
}

#[tokio::test]
async fn a_disabled_person_is_let_in_nowhere() {
    let server = shop().await;
    let (_, mut browser) = clerk(&server).await;
    let mut already = Browser::of(&server, "ada").await;
    server.execute("update auth.person set disabled_at = now() where username = 'ada'").await;
    let page = browser.get(&asking(&[])).await;
    assert_eq!(browser.log_in(&page, "ada").await.status, 403);
    assert!(already.get(&asking(&[])).await.text.contains(r#"id="password""#));
}

#[tokio::test]
async fn where_a_login_goes_on_to_is_asked_anew_and_never_elsewhere() {
    let server = shop().await;
    let (_, mut browser) = clerk(&server).await;
    let page = browser.get(&asking(&[])).await;
    for request in [
        "https://evil.example",
        "//evil.example",
        "client_id=web-shop&redirect_uri=https%3A%2F%2Fevil.example&response_type=code",
        "client_id=nobody",
    ] {
        let fields = [("request", request), ("username", "ada"), ("password", PASSWORD)];
        let answer = browser.submit(&page, &fields).await;
        assert_eq!((answer.status, answer.header("location")), (400, ""), "{request}");
    }
    let alone = browser.get("/login").await;
    assert!(!Form::of(&alone).hidden.contains_key("request"));
    assert!(browser.log_in(&alone, "ada").await.text.contains("signed in as"));
    assert!(browser.get("/login").await.text.contains("signed in as"), "who is logged in needs no login");
}

#[tokio::test]
async fn behind_tls_the_cookies_are_of_this_host_alone() {
    let server = Server::configured(&[("PUBLIC_URL", "https://id.example.com/auth")]).await;
    server.execute(super::WORLD).await;
    server.person_with("ada", &[]).await;
    let mut browser = Browser::new(&server);
    let page = browser.get("/login").await;
    assert!(page.text.contains(r#"action="/auth/login""#) && page.text.contains("href=\"/auth/pages/style.css?v="));
    assert!(page.header("set-cookie").ends_with("; Secure"), "{page:?}");
    let mut form = Form::of(&page);
    let fields = [("username", "ada"), ("password", PASSWORD)];
    let own = |request: axum::http::request::Builder| request.header("origin", "https://id.example.com");
    let answer = browser.post("/login", &form.body(&fields), own).await;
    assert_eq!(answer.header("location"), "https://id.example.com/auth/");
    assert!(browser.cookies["__Host-portero"].starts_with("ptk_"));
    form.hidden.insert("form_token".to_owned(), browser.cookies["__Host-portero-form"].clone());
    let foreign = |request: axum::http::request::Builder| request.header("origin", ISSUER);
    assert_eq!(browser.post("/login", &form.body(&fields), foreign).await.status, 403);
}

#[tokio::test]
async fn a_password_goes_no_further_than_here() {
    let server = shop().await;
    let (_, mut browser) = clerk(&server).await;
    let own = |request: axum::http::request::Builder| request.header("sec-fetch-site", "same-origin");
    let page = browser.get(&asking(&[])).await;
    let form = Form::of(&page);
    let answer = browser.post(&form.action, &form.body(&[("username", "ada"), ("password", PASSWORD)]), own).await;
    // After 303, and never after 307, a browser leaves out what it has posted (RFC 9700 section 4.12).
    assert_eq!(answer.status, 303, "{answer:?}");
    assert!(answer.header("location").starts_with(&format!("{ISSUER}/oauth/authorize?")), "{answer:?}");
    let path = answer.header("location").strip_prefix(ISSUER).expect("our own").to_owned();
    let form = Form::of(&browser.get(&path).await);
    let answer = browser.post(&form.action, &form.body(&[("answer", "allow")]), own).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    assert!(answer.header("location").starts_with(&format!("{CALLBACK}?code=")), "{answer:?}");
}

#[tokio::test]
async fn whoever_logs_in_again_ends_the_session_before_it() {
    let server = shop().await;
    let (ada, mut browser) = clerk(&server).await;
    let bob = server.person_with("bob", &[]).await;
    server.execute("update auth.clients set consent = 'none'").await;
    let page = browser.get(&asking(&[])).await;
    code(&browser.log_in(&page, "ada").await);
    for (username, who, whose) in [("ada", ada.id, ada.id), ("bob", bob.id, ada.id), ("ada", ada.id, bob.id)] {
        let before = ada.with_token(&browser.cookies["portero"]);
        let sid = before.get("/auth/profile").await.ok().body["session_id"].clone();
        let page = browser.get(&asking(&[("prompt", "login")])).await;
        let page = browser.submit(&page, &[("username", username), ("password", "a wrong password")]).await;
        before.get("/auth/profile").await.ok();
        code(&browser.log_in(&page, username).await);
        assert_eq!(before.get("/auth/profile").await.refusal(), (401, "invalid_token"), "{username}");
        ada.with_token(&browser.cookies["portero"]).get("/auth/profile").await.ok();
        let told: (i32, i32, serde_json::Value) = sqlx::query_as(
            "select actor_id, subject_id, before from auth.audit_events where action = 'session.revoked'
             order by id desc limit 1",
        )
        .fetch_one(server.app.db.pool())
        .await
        .expect("an event");
        assert_eq!(told, (who, whose, json!({ "session_id": sid })));
    }
    assert_eq!(server.number("select count(*) from auth.authorizations").await, 1, "what came of the others has ended");
    // A cookie of nothing, or of what has ended, stands in nobody's way.
    for cookie in [browser.cookies["portero"].clone(), format!("ptk_{}", "0".repeat(72))] {
        server.execute("delete from auth.tokens_cache").await;
        browser.cookies.insert("portero".to_owned(), cookie);
        let page = browser.get("/login").await;
        assert!(browser.log_in(&page, "ada").await.text.contains("signed in as"));
    }
}

#[tokio::test]
async fn of_two_browsers_that_change_people_at_once_each_gets_on() {
    let server = shop().await;
    let (_, _) = clerk(&server).await;
    server.person_with("bob", &[]).await;
    for _ in 0..5 {
        let (mut one, mut other) = (Browser::of(&server, "ada").await, Browser::of(&server, "bob").await);
        let pages = (one.get(&asking(&[("prompt", "login")])).await, other.get(&asking(&[("prompt", "login")])).await);
        let (first, second) = tokio::join!(one.log_in(&pages.0, "bob"), other.log_in(&pages.1, "ada"));
        for page in [first, second] {
            assert!(page.text.contains(r#"id="allow""#), "{page:?}");
        }
    }
}
