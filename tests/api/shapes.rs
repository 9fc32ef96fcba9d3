//! What is the same everywhere: unknown paths and methods, the home page, health, cross-origin rules, strangers' headers.

use axum::http::Method;
use axum::http::request::Builder;
use serde_json::json;

use crate::support::{Server, document};

#[tokio::test]
async fn the_home_page_welcomes_and_needs_nothing() {
    let server = Server::on_a_fresh_database().await;
    let home = server.anonymous().get("/").await;
    assert_eq!(home.status, 200);
    assert!(home.header("content-type").starts_with("text/html"));
    assert!(home.text.contains("Welcome to the Auth API"));
    assert!(home.header("content-security-policy").contains("default-src 'none'"));
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.anonymous().get(path).await.body, json!({"status": "ok"}));
    }
}

#[tokio::test]
async fn who_is_migrated_no_longer_is_not_ready() {
    let server = Server::on_a_fresh_database().await;
    server.execute("delete from _sqlx_migrations where version = (select max(version) from _sqlx_migrations)").await;
    assert_eq!(server.anonymous().get("/readyz").await.refusal(), (503, "unavailable"));
    assert_eq!(server.anonymous().get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_browser_that_goes_nowhere_gets_a_page() {
    let server = Server::on_a_fresh_database().await;
    let browser = server.anonymous();
    let accept = |media: &'static str| move |request: Builder| request.header("accept", media);
    let goes = async |method, media| browser.send_with(method, "/account/nothing", "", accept(media)).await;
    let page = goes(Method::GET, "text/html,application/xhtml+xml,*/*;q=0.8").await;
    assert_eq!((page.status, page.header("content-type")), (404, "text/html; charset=utf-8"));
    assert!(page.text.contains("There is no such page.") && page.header("content-security-policy").contains("'none'"));
    assert_eq!(goes(Method::GET, "*/*").await.refusal(), (404, "route_not_found"));
    assert_eq!(goes(Method::POST, "text/html").await.refusal(), (404, "route_not_found"));
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused_in_the_shape_of_every_refusal() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for caller in [&root, &server.anonymous()] {
        for path in
            ["/nothing", "/docs/nothing", "/users/1/2", "/users/", "//", "/auth", "/AUTH/LOGIN", "/%2e%2e/users"]
        {
            assert_eq!(caller.get(path).await.refusal(), (404, "route_not_found"), "{path}");
        }
        for (method, path) in [
            (Method::GET, "/auth/login"),
            (Method::GET, "/check-tokens"),
            (Method::PUT, "/users"),
            (Method::POST, "/users/1"),
            (Method::DELETE, "/"),
            (Method::POST, "/healthz"),
            (Method::TRACE, "/users"),
            (Method::CONNECT, "/users"),
            (Method::OPTIONS, "/users"),
        ] {
            let answer = caller.send(method.clone(), path, "").await;
            assert_eq!(answer.refusal(), (405, "method_not_allowed"), "{method} {path}");
        }
    }
    assert_eq!(
        server.anonymous().send(Method::POST, "/users/1", "").await.header("allow"),
        "GET,HEAD,PUT,PATCH,DELETE"
    );
}

#[tokio::test]
async fn every_path_of_the_document_refuses_the_methods_it_does_not_have() {
    let server = Server::on_a_fresh_database().await;
    let operations = document::operations();
    for operation in operations {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            if operations.iter().all(|other| (&other.path, &other.method) != (&operation.path, &method)) {
                let answer = server.anonymous().send(method.clone(), &operation.example_path(), "").await;
                assert_eq!(answer.refusal(), (405, "method_not_allowed"), "{method} {}", operation.path);
            }
        }
    }
}

#[tokio::test]
async fn every_answer_has_a_request_id_of_its_own_that_is_in_the_log() {
    let server = Server::on_a_fresh_database().await;
    let anonymous = server.anonymous();
    let (first, second) = (anonymous.get("/users").await, anonymous.get("/users").await);
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    let chosen = anonymous
        .send_with(Method::GET, "/users", "", |request| request.header("x-request-id", "a-strangers-choice"))
        .await;
    assert_ne!(chosen.header("x-request-id"), "a-strangers-choice");
    let line = server.log.lines(first.header("x-request-id"));
    assert_eq!(line.len(), 1);
    for word in ["GET", "/users", "401", "127.0.0.1"] {
        assert!(line[0].contains(word), "{word} in {line:?}");
    }
}

#[tokio::test]
async fn strangers_headers_change_neither_links_nor_addresses() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let spoofed = |request: axum::http::request::Builder| {
        request
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example")
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-for", "203.0.113.66")
            .header("x-real-ip", "203.0.113.66")
            .header("forwarded", "for=203.0.113.66;host=evil.example")
            .header("x-original-url", "/nothing")
    };
    let page = adm1.send_with(Method::GET, "/users?limit=1", "", spoofed).await;
    assert_eq!(page.next().as_deref(), Some("/users?after=1&limit=1"));
    for path in ["/", "/docs/", "/openapi.json", "/nothing"] {
        let answer = adm1.send_with(Method::GET, path, "", spoofed).await;
        assert!(!answer.text.contains("evil.example"), "{path}");
        assert!(!format!("{:?}", answer.headers).contains("evil.example"), "{path}");
    }
    let body = json!({"username": "juan", "password": "juan-hash"}).to_string();
    adm1.send_with(Method::POST, "/auth/login", &body, spoofed).await.ok();
    assert_eq!(server.number("select count(*) from auth.tokens_cache where host(address) <> '127.0.0.1'").await, 0);
    assert!(server.log.lines("203.0.113.66").is_empty() && server.log.lines("evil.example").is_empty());
}

#[tokio::test]
async fn a_trusted_proxy_is_believed() {
    let server = Server::configured(&[("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    server.administrator().await;
    let body = json!({"username": "root", "password": crate::support::PASSWORD}).to_string();
    let anonymous = server.anonymous();
    let written = [
        "198.51.100.1, 203.0.113.9",
        "203.0.113.9, 127.0.0.2",
        "garbage, 203.0.113.9",
        "203.0.113.9:50123",
        "198.51.100.1:1, [::ffff:203.0.113.9]:2, 127.0.0.3:3,",
    ];
    for forwarded in written {
        let login = anonymous
            .send_with(Method::POST, "/auth/login", &body, |request| request.header("x-forwarded-for", forwarded));
        login.await.ok();
    }
    assert_eq!(server.number("select count(*) from auth.tokens_cache where host(address) = '203.0.113.9'").await, 5);
}

#[tokio::test]
async fn no_header_makes_two_lines_of_one_in_the_log() {
    let server = Server::on_a_fresh_database().await;
    let anonymous = server.anonymous();
    let before = server.log.lines("portero::access").len();
    for id in ["a b=c status=200", "\"quoted\"", "\u{1b}[31m", "x\ty"] {
        let Ok(value) = axum::http::HeaderValue::from_str(id) else { continue };
        anonymous.send_with(Method::GET, "/users", "", |request| request.header("x-client-id", value)).await;
    }
    anonymous.get("/%0d%0aportero::access:%20forged").await;
    let lines = server.log.lines("portero::access");
    assert!(lines.len() - before <= 5 && !server.log.text().contains("forged"), "{lines:#?}");
    assert!(!server.log.text().contains('\u{1b}'));
}

#[tokio::test]
async fn browsers_of_other_origins_are_let_in_only_where_configured() {
    let asked = async |server: &Server, origin: &'static str| {
        let anonymous = server.anonymous();
        let preflight = anonymous.send_with(Method::OPTIONS, "/auth/login", "", |request| {
            request.header("origin", origin).header("access-control-request-method", "POST")
        });
        preflight.await
    };
    let preflight = async |server: &Server, origin: &'static str| {
        asked(server, origin).await.header("access-control-allow-origin").to_owned()
    };
    let closed = Server::on_a_fresh_database().await;
    let refused = asked(&closed, "https://app.example.com").await;
    assert_eq!((refused.refusal(), refused.header("access-control-allow-origin")), ((405, "method_not_allowed"), ""));
    assert!(refused.body["detail"].as_str().is_some_and(|detail| detail.contains("CORS")), "{refused:?}");
    // As people write it; browsers send what they always send.
    let some = Server::configured(&[("CORS", "https://App.Example.com:443/")]).await;
    assert_eq!(preflight(&some, "https://app.example.com").await, "https://app.example.com");
    for other in ["https://evil.example", "https://app.example.com.evil.example", "http://app.example.com", "null"] {
        assert_eq!(preflight(&some, other).await, "", "{other}");
    }
    let open = Server::configured(&[("CORS", "*")]).await;
    assert_eq!(preflight(&open, "https://evil.example").await, "*");
}
