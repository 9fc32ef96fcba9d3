//! One command, and what it leaves behind.

use nix::sys::signal::Signal;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::{Directory, Portero, gone, portero};

#[tokio::test]
async fn the_demo_starts_from_nothing_and_its_curls_work() {
    let directory = Directory::new();
    let demo = Portero::start(&directory, "demo", &[]).await;

    let output = demo.output();
    assert!(output.contains(&format!("curl -s {}/auth/login", demo.url)), "{output}");
    assert!(output.contains("/check-token"), "{output}");

    let juan = demo.log_in("juan", "juan-hash").await;
    let (status, answer) = demo.post("/check-token", &juan, json!({"service_id": 4, "permission": "read"})).await;
    assert_eq!((status, &answer["allowed"], &answer["roles"]), (200, &json!(true), &json!(["Viewer"])));

    let listed = portero(&directory, &["--demo", "--json", "user", "sessions", "juan"], &[]).output().unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed[0]["expires_at"], answer["expires_at"], "the tool says what the server does");
}

#[tokio::test]
async fn the_demo_has_a_client_for_the_example_application_until_somebody_removes_it() {
    let directory = Directory::new();
    let command = |demo: &Portero| format!("ISSUER={} npm start --prefix examples/login", demo.url);
    let demo = Portero::start(&directory, "demo", &[]).await;
    assert!(demo.said(&command(&demo)) && demo.said("Then open http://127.0.0.1:7880/"), "{}", demo.output());
    let shown = portero(&directory, &["--demo", "--json", "client", "show", "example"], &[]).output().unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["redirect_uris"], json!(["http://127.0.0.1:7880/callback"]));
    assert_eq!(shown["post_logout_redirect_uris"], json!(["http://127.0.0.1:7880/"]));
    assert_eq!((&shown["token_endpoint_auth_method"], &shown["service_id"]), (&json!("none"), &json!(4)));
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/login/app.js");
    let example = std::fs::read_to_string(example).unwrap();
    for default in [r#"CLIENT_ID = "example""#, r#"SERVICE = "4""#, r#"PORT = "7880""#] {
        assert!(example.contains(default), "{default}");
    }
    drop(demo);

    let demo = Portero::start(&directory, "demo", &[]).await;
    assert!(demo.said(&command(&demo)), "{}", demo.output());
    assert!(portero(&directory, &["--demo", "client", "remove", "example"], &[]).status().unwrap().success());
    drop(demo);

    let demo = Portero::start(&directory, "demo", &[]).await;
    assert!(!demo.said("npm start"), "{}", demo.output());
}

#[tokio::test]
async fn ctrl_c_stops_both_cleanly_and_a_second_start_finds_its_data() {
    let directory = Directory::new();
    let demo = Portero::start(&directory, "demo", &[]).await;
    let admin = demo.log_in("adm1", "adm1-hash").await;
    assert_eq!(demo.post("/roles", &admin, json!({"name": "Kept"})).await.0, 201);
    let postgres = directory.postgres();

    demo.signal(Signal::SIGINT);
    let (status, output) = demo.ended().await;
    assert!(status.success(), "{status}: {output}");
    gone(postgres).await;

    let demo = Portero::start(&directory, "demo", &[]).await;
    assert_eq!(demo.check(&admin).await.0, 200, "the session outlived the restart");
    assert_eq!(demo.post("/roles", &admin, json!({"name": "Kept"})).await.0, 200, "the role did too");
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_stop() {
    let directory = Directory::new();
    let demo = Portero::start(&directory, "demo", &[]).await;
    let mut under_way = TcpStream::connect(demo.url.trim_start_matches("http://")).await.unwrap();
    let body = r#"{"username": "juan", "password": "juan-hash"}"#;
    let head = format!("POST /auth/login HTTP/1.1\r\nhost: portero\r\ncontent-length: {}\r\n\r\n", body.len());
    under_way.write_all(head.as_bytes()).await.unwrap();
    under_way.write_all(&body.as_bytes()[..10]).await.unwrap();
    // Connections are accepted in order: once this one is answered, the other has been.
    demo.log_in("juan", "juan-hash").await;

    demo.signal(Signal::SIGTERM);
    while !demo.said("stopping") {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    under_way.write_all(&body.as_bytes()[10..]).await.unwrap();
    let mut answer = String::new();
    under_way.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("ptk_"), "{answer}");
    assert!(demo.ended().await.0.success());
}

#[tokio::test]
async fn serving_begins_empty_with_the_administrator_that_was_named() {
    let directory = Directory::new();
    let named = [("ADMIN", "root"), ("ADMIN_PASSWORD", "a passphrase of my own")];
    let server = Portero::start(&directory, "serve", &named).await;

    let root = server.log_in("root", "a passphrase of my own").await;
    let (status, made) = server.post("/services", &root, json!({"name": "First"})).await;
    assert_eq!((status, &made["id"]), (201, &json!(1)), "users' rows start at 1");
    assert!(!server.said("a passphrase of my own"));
    assert!(!server.said(&root));

    drop(server);
    let other = [("ADMIN", "other"), ("ADMIN_PASSWORD", "another passphrase")];
    let server = Portero::start(&directory, "serve", &other).await;
    let (status, _) =
        server.post("/auth/login", "", json!({"username": "other", "password": "another passphrase"})).await;
    assert_eq!(status, 401, "only the first start makes one");
}

#[tokio::test]
async fn without_a_terminal_no_password_is_made_up() {
    let directory = Directory::new();
    let server = Portero::start(&directory, "serve", &[]).await;
    assert!(server.said("there is no administrator"), "{}", server.output());
    assert!(!server.said("password `"));
}

#[tokio::test]
async fn an_administrator_on_this_machine_has_the_client_loopback_from_the_start() {
    let directory = Directory::new();
    let named = [("ADMIN", "root"), ("ADMIN_PASSWORD", "a passphrase of my own")];
    let server = Portero::start(&directory, "serve", &named).await;
    let form = "grant_type=password&username=root&password=a+passphrase+of+my+own&client_id=loopback&scope=superuser";
    let post = |forwarded: Option<&str>| {
        let request = reqwest::Client::new().post(format!("{}/api/v1/token", server.url)).body(form);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        forwarded.into_iter().fold(request, |request, address| request.header("x-forwarded-for", address)).send()
    };
    let tokens: serde_json::Value = serde_json::from_str(&post(None).await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!((&tokens["expires_in"], &tokens["scope"]), (&json!(900), &json!("superuser")));
    let token = tokens["access_token"].as_str().unwrap();
    let request = reqwest::Client::new().get(format!("{}/api/v1/client/loopback", server.url));
    let shown = request.header("authorization", token).send().await.unwrap().text().await.unwrap();
    let of_old =
        json!({"client_id": "loopback", "client_name": "loopback", "grants": ["password"], "scopes": ["superuser"]});
    assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), of_old);
    assert_eq!(post(Some("127.0.0.1")).await.unwrap().status(), 401, "what a proxy passes on is not of this machine");
    assert!(!server.said(token) && !server.said("a passphrase of my own"));
}

#[tokio::test]
async fn two_on_one_directory_are_refused_with_a_clear_message() {
    let directory = Directory::new();
    let _first = Portero::start(&directory, "serve", &[]).await;
    let second = portero(&directory, &["demo"], &[]).output().unwrap();
    let message = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success());
    assert!(message.contains(directory.path().to_str().unwrap()), "{message}");
}

#[tokio::test]
async fn every_request_leaves_one_line_of_json_that_tells_no_secret() {
    let directory = Directory::new();
    let demo = Portero::start(&directory, "demo", &[]).await;
    let juan = demo.log_in("juan", "juan-hash").await;
    let response = reqwest::Client::new()
        .post(format!("{}/check-token", demo.url))
        .header("token", &juan)
        .header("x-client-id", "shop")
        .send()
        .await
        .unwrap();
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();

    // Lines gather for a moment before they are written.
    while !demo.said(&id) {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let output = demo.output();
    let line = output.lines().find(|line| line.contains(&id)).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["method"], "POST");
    assert_eq!(line["route"], "/check-token");
    assert_eq!(line["status"], 200);
    assert_eq!(line["address"], "127.0.0.1");
    assert_eq!(line["client_id"], "shop");
    assert_eq!(line["token"].as_str().unwrap().len(), 8);
    assert!(line["ms"].is_number() && line["timestamp"].is_string());
    assert!(!output.contains(&juan), "no token");
    assert!(!output.contains("\"juan-hash\"") || output.matches("juan-hash").count() == 2, "only the printed curls");
}
