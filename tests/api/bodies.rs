//! Request bodies: what is read, what is refused, and how a refusal names the fault.

use axum::http::Method;
use serde_json::json;

use crate::support::{Server, document};

#[tokio::test]
async fn a_body_is_read_as_json_whatever_it_claims_to_be() {
    let server = Server::on_the_demo_data().await;
    let body = json!({"username": "juan", "password": "juan-hash"}).to_string();
    for content_type in
        ["application/x-www-form-urlencoded", "text/plain", "application/json; charset=latin1", "nonsense"]
    {
        let anonymous = server.anonymous();
        let login = anonymous
            .send_with(Method::POST, "/auth/login", &body, |request| request.header("content-type", content_type));
        assert_eq!(login.await.status, 200, "{content_type}");
    }
}

/// Operations whose body may be left out.
const OPTIONAL: [&str; 2] = ["check_token", "rotate_client_secret"];

#[tokio::test]
async fn what_is_not_the_expected_json_is_refused_by_every_operation_with_a_body() {
    let server = Server::on_the_demo_data().await;
    let (adm1, backend) = (server.demo("adm1").await, server.backend(4).await);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep_objects = format!("{}1{}", r#"{"a":"#.repeat(10_000), "}".repeat(10_000));
    let deep_value = format!(r#"{{"name":{deep}}}"#);
    for operation in document::operations().iter().filter(|operation| operation.request_schema().is_some()) {
        let caller = if operation.takes_tokens() { &adm1 } else { &backend };
        for body in [
            "null",
            "[]",
            "1",
            "\"text\"",
            "true",
            "{",
            "}",
            "{]",
            "{\"a\"}",
            "{'name': 'x'}",
            "{\"name\": \"x\"} {}",
            "{\"name\": \"x\"}x",
            "name=x",
            "{\"name\": NaN}",
            "{\"surprise\": 1}",
            "{\"name\": \"\\ud800\"}",
            "\0",
            "\u{feff}{}",
            &deep,
            &deep_objects,
            &deep_value,
        ] {
            let answer = caller.send(operation.method.clone(), &operation.example_path_in_service(), body).await;
            let shown = &body[..body.len().min(40)];
            // A body that may be left out may be null, too.
            if OPTIONAL.contains(&operation.id()) && body == "null" {
                continue;
            }
            let too_large = body.len() > most_of(operation);
            let refusal = if too_large { (413, "request_body_too_large") } else { (400, "invalid_request_body") };
            assert_eq!(answer.refusal(), refusal, "{operation}: {shown}");
        }
        if !OPTIONAL.contains(&operation.id()) {
            let answer = caller.send(operation.method.clone(), &operation.example_path_in_service(), "").await;
            assert_eq!(answer.refusal(), (400, "invalid_request_body"), "{operation} without a body");
        }
    }
}

/// The largest body of an operation. Of strangers little is read.
fn most_of(operation: &document::Operation) -> usize {
    match operation.id() {
        "check_tokens" | "decide_access" => 131_072,
        "check_token" => 16_384,
        "diff_policies" | "evaluate_accesses" => 2_097_152,
        _ if operation.is_public() => 16_384,
        _ => 65_536,
    }
}

#[tokio::test]
async fn a_body_may_have_64_kib_or_128_for_a_long_list_or_16_of_strangers_and_no_more() {
    let server = Server::on_the_demo_data().await;
    let (adm1, backend) = (server.demo("adm1").await, server.backend(4).await);
    for operation in document::operations().iter().filter(|operation| operation.request_schema().is_some()) {
        let padded = |size: usize| format!("{}{{}}", " ".repeat(size - 2));
        let most = most_of(operation);
        let caller = if operation.takes_tokens() { &adm1 } else { &backend };
        let answer =
            caller.send(operation.method.clone(), &operation.example_path_in_service(), &padded(most + 1)).await;
        assert_eq!(answer.refusal(), (413, "request_body_too_large"), "{operation}");
        assert!(answer.body["detail"].as_str().is_some_and(|detail| detail.contains(&most.to_string())), "{answer:?}");
        let answer = caller.send(operation.method.clone(), &operation.example_path_in_service(), &padded(most)).await;
        assert_ne!(answer.status, 413, "{operation}");
        if !operation.is_public() {
            let (path, huge) = (operation.example_path(), padded(1 << 20));
            let stranger = server.anonymous().send(operation.method.clone(), &path, &huge).await;
            assert_eq!(stranger.status, 401, "{operation}: a stranger's body is not read");
        }
    }
}

#[tokio::test]
async fn an_array_is_not_taken_for_an_object() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for (path, body) in [
        ("/roles", json!(["Positional"])),
        ("/auth/login", json!(["juan", "juan-hash"])),
        ("/check-token", json!([])),
        ("/service-roles", json!([1, 1])),
    ] {
        assert_eq!(adm1.post(path, body).await.refusal(), (400, "invalid_request_body"), "{path}");
    }
}

#[tokio::test]
async fn a_member_given_twice_is_refused() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let answer = adm1.send(Method::POST, "/roles", r#"{"name": "A", "name": "B"}"#).await;
    assert_eq!(answer.refusal(), (400, "invalid_request_body"));
    let answer =
        adm1.send(Method::POST, "/auth/login", r#"{"username":"juan","username":"adm1","password":"juan-hash"}"#);
    assert_eq!(answer.await.refusal(), (400, "invalid_request_body"));
}

#[tokio::test]
async fn whatever_is_sent_as_text_is_text() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for (n, hostile) in [
        "'; drop table auth.person; --",
        "\" or \"\"=\"",
        "$1",
        "{{7*7}}",
        "<img src=x onerror=alert(1)>",
        "../../etc/passwd",
        "%00%0d%0a",
        "\\x27\\",
        "a\u{301}\u{301}\u{301}",
        "ñ".repeat(100).as_str(),
    ]
    .into_iter()
    .enumerate()
    {
        let made = root.post("/services", json!({"name": hostile, "description": hostile})).await;
        assert_eq!(made.status, 201, "{hostile}");
        let name = made.body["name"].as_str().expect("a name");
        assert_eq!(root.get(&format!("/services/{}", made.id())).await.body, made.body);
        let found = root.get(&format!("/services?q={}", encoded(name))).await;
        assert_eq!(found.column("id"), [made.id()], "{hostile}");
        assert_eq!(root.get(&format!("/services/{}/roles", encoded(name))).await.status, 200, "{hostile}");
        let mut person = crate::users::with(crate::users::ada(), "username", hostile);
        person["document_number"] = n.to_string().into();
        person["name"] = hostile.into();
        let person = root.post("/users", person).await.ok();
        let login = server.anonymous().log_in(hostile, "a passphrase of hers").await;
        assert_eq!(login.body["payload"]["user_id"], person.id(), "{hostile}");
        let home = root.get("/").await;
        assert!(!home.text.contains(hostile), "no page shows what callers name");
    }
    assert_eq!(root.get("/services").await.column("id").len(), 10, "and all tables stand");
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[tokio::test]
async fn the_detail_names_the_field_and_the_fault() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for (path, body, words) in [
        ("/auth/login", json!({"username": "juan"}), vec!["password", "missing"]),
        ("/auth/login", json!({"username": 7, "password": "x"}), vec!["`username`", "string"]),
        ("/auth/login", json!({"username": "a", "password": "b", "otp": 1}), vec!["otp", "unknown"]),
        ("/roles", json!({"name": ""}), vec!["`name`", "empty"]),
        ("/roles", json!({"name": "17"}), vec!["`name`", "number"]),
        ("/roles", json!({"name": "x".repeat(101)}), vec!["`name`", "100"]),
        ("/service-roles", json!({"service_id": true, "role_id": 1}), vec!["`service_id`", "id", "name"]),
        ("/check-token", json!({"permission": 5, "service_id": 1}), vec!["`permission`", "name"]),
        (
            "/person-service-permissions",
            json!({"person_id": 1, "service_id": 1}),
            vec!["permission_id", "permission_name"],
        ),
    ] {
        let answer = adm1.post(path, body).await;
        assert_eq!(answer.refusal(), (400, "invalid_request_body"));
        let detail = answer.body["detail"].as_str().expect("a detail");
        for word in words {
            assert!(detail.contains(word), "{word} in {detail:?}");
        }
    }
}

#[tokio::test]
async fn a_refusal_never_repeats_a_password() {
    let server = Server::on_the_demo_data().await;
    // The conformance check of every answer looks for each password sent before.
    for body in [
        r#"{"username": "juan", "password": "my secret words", "x": 1}"#,
        r#"{"username": 1, "password": "my secret words"}"#,
        r#"{"password": "my secret words"}"#,
    ] {
        assert_eq!(server.anonymous().send(Method::POST, "/auth/login", body).await.status, 400);
    }
    let adm1 = server.demo("adm1").await;
    for body in [
        json!({"password": "tiny"}),
        json!({"password": ["my secret words"]}),
        json!({"password_hash": "$2b$my-secret-words"}),
    ] {
        let answer = adm1.put("/users/7", body).await;
        assert_eq!(answer.status, 400);
        assert!(!answer.text.contains("tiny") && !answer.text.contains("secret words"), "{answer:?}");
    }
}
