//! Programs register themselves (RFC 7591), and look after that (RFC 7592).

use axum::http::Method;
use axum::http::request::Builder;
use serde_json::{Value, json};
use time::Duration;

use crate::support::{Caller, Response, Server};

const INVALID_TOKEN: (u16, &str) = (401, "invalid_token");
const SHOP: i32 = 1;

async fn world() -> (Server, Caller) {
    world_with(&[("CLIENT_REGISTRATION", "true")]).await
}

async fn world_with(settings: &[(&str, &str)]) -> (Server, Caller) {
    let server = Server::configured(settings).await;
    let root = server.administrator().await;
    for service in ["Shop", "Bank"] {
        root.post("/services", json!({"name": service})).await.ok();
        root.post("/service-roles", json!({"service_id": service, "role_id": 0})).await.ok();
    }
    root.post("/permissions", json!({"name": "sell"})).await.ok();
    (server, root)
}

fn wiki() -> Value {
    json!({"client_name": "Wiki", "redirect_uris": ["https://wiki.example/callback"]})
}

/// An initial access token of the shop.
async fn initial(server: &Server, by: &Caller, more: Value) -> String {
    let mut new = json!({"name": "for the test"});
    new.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let made = by.post("/services/Shop/registration-tokens", new).await.ok();
    let token = made.body["initial_access_token"].as_str().expect("a token").to_owned();
    assert!(token.starts_with("pit_"), "{token}");
    server.secrets.add(&token);
    token
}

async fn send(server: &Server, method: Method, path: &str, token: &str, body: &Value) -> Response {
    let bearer = |request: Builder| request.header("authorization", format!("Bearer {token}"));
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = server.anonymous().send_with(method, path, &body, bearer).await;
    for member in ["registration_access_token", "client_secret"] {
        if let Some(secret) = answer.body[member].as_str() {
            server.secrets.add(secret);
        }
    }
    answer
}

async fn register(server: &Server, token: &str, body: &Value) -> Response {
    send(server, Method::POST, "/oauth/register", token, body).await
}

/// Where a client looks after itself, and with what.
fn own(made: &Response) -> (String, String) {
    let text = |member: &str| made.body[member].as_str().expect("a text").to_owned();
    let uri = text("registration_client_uri");
    let (_, path) = uri.split_once("127.0.0.1:7878").expect("our own address");
    (path.to_owned(), text("registration_access_token"))
}

#[tokio::test]
async fn a_program_registers_itself_as_a_client_of_the_tokens_service_and_people_are_always_asked() {
    let (server, root) = world().await;
    let token = initial(&server, &root, json!({})).await;
    let made = register(&server, &token, &wiki()).await;
    assert_eq!((made.status, made.header("cache-control")), (201, "no-store"), "{made:?}");
    for (member, value) in [
        ("client_name", json!("Wiki")),
        ("redirect_uris", json!(["https://wiki.example/callback"])),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("grant_types", json!(["authorization_code", "refresh_token"])),
        ("response_types", json!(["code"])),
        ("scope", json!("openid profile email offline_access roles permissions")),
        ("id_token_signed_response_alg", json!("RS256")),
        ("client_secret_expires_at", json!(0)),
    ] {
        assert_eq!(made.body[member], value, "{member}");
    }
    assert!(!made.text.contains("null"), "{made:?}");
    assert!(made.body["registration_access_token"].as_str().is_some_and(|token| token.starts_with("prg_")));
    let id = made.body["client_id"].as_str().expect("an id");
    let client = root.get(&format!("/clients/{id}")).await.ok().body;
    assert_eq!(
        (&client["consent"], &client["service_id"], &client["audience"]),
        (&json!("ask"), &json!(SHOP), &json!([SHOP]))
    );
    assert_eq!((&client["created_by"], &client["require_pkce"]), (&Value::Null, &json!(true)));
    let events = root.get("/audit-events?action=client.created").await.ok();
    assert_eq!(events.body[0]["after"]["client_id"], id);
    assert!(!events.text.contains("prg_") && !events.text.contains("pcs_"));
}

#[tokio::test]
async fn a_token_registers_so_many_and_for_so_long() {
    let (server, root) = world().await;
    let token = initial(&server, &root, json!({"uses": 3})).await;
    assert_eq!(register(&server, &token, &json!({})).await.status, 400);
    let wiki = wiki();
    let requests = (0..12).map(|_| register(&server, &token, &wiki));
    let answers = futures_util::future::join_all(requests).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 3, "what was refused cost nothing");
    assert!(answers.iter().filter(|answer| answer.status != 201).all(|answer| answer.refusal() == INVALID_TOKEN));
    assert_eq!(server.number("select count(*) from auth.clients where client_id <> 'loopback'").await, 3);
    assert_eq!(root.get("/services/1/registration-tokens").await.ok().body, json!([]), "those that do something yet");

    let token = initial(&server, &root, json!({"uses": 1000, "expires_in_seconds": 60})).await;
    let listed = root.get("/services/1/registration-tokens").await.ok();
    assert_eq!((listed.column("uses_left"), listed.text.contains(&token)), (vec![json!(1000)], false));
    server.app.clock.turn(Duration::seconds(60));
    assert_eq!(register(&server, &token, &wiki).await.refusal(), INVALID_TOKEN);

    let token = initial(&server, &root, json!({})).await;
    let listed = root.get("/services/1/registration-tokens").await.ok();
    let id = listed.body[0]["id"].as_i64().expect("an id");
    assert_eq!(root.delete(&format!("/services/2/registration-tokens/{id}")).await.refusal().0, 404);
    root.delete(&format!("/services/1/registration-tokens/{id}")).await.ok();
    assert_eq!(register(&server, &token, &wiki).await.refusal(), INVALID_TOKEN);
    let token = initial(&server, &root, json!({})).await;
    root.delete("/services/1").await.ok();
    assert_eq!(register(&server, &token, &wiki).await.refusal(), INVALID_TOKEN);
}

#[tokio::test]
async fn nobody_makes_tokens_where_they_manage_nothing_or_for_longer_than_they_do() {
    let (server, root) = world().await;
    let keeper = server.person_with("keeper", &[(SHOP, 0)]).await;
    let new = || json!({"name": "mine"});
    assert_eq!(keeper.post("/services/Bank/registration-tokens", new()).await.refusal().0, 403);
    assert_eq!(keeper.get("/services/Bank/registration-tokens").await.refusal().0, 403);
    assert_eq!(root.post("/services/0/registration-tokens", new()).await.refusal(), (409, "built_in"));
    keeper.post("/services/Shop/registration-tokens", new()).await.ok();
    for bad in [json!({"uses": 0}), json!({"uses": 1001}), json!({"expires_in_seconds": 59}), json!({"name": ""})] {
        let mut body = new();
        body.as_object_mut().expect("an object").extend(bad.as_object().expect("an object").clone());
        let refused = keeper.post("/services/Shop/registration-tokens", body).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{bad}");
    }
    server.execute("update auth.person_service_role set expires_at = now() + interval '1 hour' where role_id = 0 and service_id = 1").await;
    let made = keeper.post("/services/Shop/registration-tokens", new()).await.ok();
    let end = made.body["expires_at"].as_str().expect("an end").to_owned();
    let ends = portero::base::clock::read_rfc3339(&end).expect("a moment");
    assert!(ends - server.app.clock.now() <= Duration::hours(1), "with their permission: {end}");
}

#[tokio::test]
async fn what_only_administrators_may_say_is_not_heard_and_what_is_wrong_is_told_in_the_standards_words() {
    let (server, root) = world().await;
    let token = initial(&server, &root, json!({"uses": 100})).await;
    let mut bold = wiki();
    for (member, value) in [
        ("client_id", json!("wiki")),
        ("service_id", json!(2)),
        ("audience", json!([2])),
        ("consent", json!("none")),
        ("who_may_use", json!("members")),
        ("require_pkce", json!(false)),
        ("access_token_lifetime_seconds", json!(86_400)),
        ("created_by", json!(1)),
        ("jwks_uri", Value::Null),
        ("software_statement", json!("x.y.z")),
    ] {
        bold[member] = value;
    }
    let made = register(&server, &token, &bold).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.body["client_id"].as_str().expect("an id");
    assert_ne!(id, "wiki");
    let client = root.get(&format!("/clients/{id}")).await.ok().body;
    for (field, value) in [
        ("service_id", json!(SHOP)),
        ("audience", json!([SHOP])),
        ("consent", json!("ask")),
        ("who_may_use", json!("everybody")),
        ("require_pkce", json!(true)),
        ("access_token_lifetime_seconds", json!(300)),
    ] {
        assert_eq!(client[field], value, "{field}");
    }
    for (member, value, code) in [
        ("redirect_uris", json!(["http://wiki.example/cb"]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["https://*.example/cb"]), "invalid_redirect_uri"),
        ("redirect_uris", json!([]), "invalid_redirect_uri"),
        ("redirect_uris", json!("https://wiki.example/cb"), "invalid_redirect_uri"),
        ("grant_types", json!(["client_credentials"]), "invalid_client_metadata"),
        ("grant_types", json!(["password"]), "invalid_client_metadata"),
        ("grant_types", json!(["implicit"]), "invalid_client_metadata"),
        ("response_types", json!(["token"]), "invalid_client_metadata"),
        ("token_endpoint_auth_method", json!("client_secret_jwt"), "invalid_client_metadata"),
        ("token_endpoint_auth_method", json!("private_key_jwt"), "invalid_client_metadata"),
        ("jwks_uri", json!("http://wiki.example/keys"), "invalid_client_metadata"),
        ("backchannel_logout_uri", json!("http://127.0.0.1/out"), "invalid_client_metadata"),
        ("scope", json!("openid Bank:sell"), "invalid_client_metadata"),
        ("scope", json!("admin"), "invalid_client_metadata"),
        ("client_name", json!("a\u{202e}b"), "invalid_client_metadata"),
    ] {
        let mut body = wiki();
        body[member] = value.clone();
        let refused = register(&server, &token, &body).await;
        assert_eq!(refused.refusal(), (400, code), "{member}: {value}: {refused:?}");
        assert_eq!(refused.header("content-type"), "application/json");
    }
    let bearer = |request: Builder| request.header("authorization", format!("Bearer {token}"));
    for body in ["", "[]", "7", "not JSON", "{\"client_name\":"] {
        let refused = server.anonymous().send_with(Method::POST, "/oauth/register", body, bearer).await;
        assert_eq!(refused.refusal(), (400, "invalid_client_metadata"), "{body}");
    }
    let scoped = json!({"redirect_uris": ["https://a.example/"], "scope": "openid Shop:sell"});
    let made = register(&server, &token, &scoped).await;
    assert_eq!(
        (made.status, &made.body["scope"], &made.body["client_name"]),
        (201, &json!("openid Shop:sell"), &json!("a.example"))
    );
}

#[tokio::test]
async fn a_client_looks_after_its_registration_and_no_others() {
    let (server, root) = world().await;
    let token = initial(&server, &root, json!({"uses": 10})).await;
    let (made, other) = (register(&server, &token, &wiki()).await, register(&server, &token, &wiki()).await);
    let ((path, access), (other_path, other_access)) = (own(&made), own(&other));
    let read = send(&server, Method::GET, &path, &access, &Value::Null).await;
    assert_eq!((read.status, &read.body["client_id"]), (200, &made.body["client_id"]));
    assert_eq!(read.body["registration_access_token"], access.as_str());
    assert!(read.body.get("client_secret").is_none(), "only a digest of it is there");
    let id = made.body["client_id"].as_str().expect("an id");
    for (path, token) in [
        (&path, &other_access),
        (&other_path, &access),
        (&path, &token),
        (&path, &access.replace("prg_", "pit_")),
        (&"/oauth/register/nobody".to_owned(), &access),
    ] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let refused = send(&server, method.clone(), path, token, &json!({"client_id": id})).await;
            assert_eq!(refused.refusal(), INVALID_TOKEN, "{method} {path}");
        }
    }

    let body = json!({
        "client_id": id, "redirect_uris": ["https://wiki.example/other"], "scope": "openid",
        "client_secret": made.body["client_secret"],
    });
    let changed = send(&server, Method::PUT, &path, &access, &body).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.body["client_name"], "wiki.example", "what is not said is as if it had never been");
    assert_eq!(changed.body["scope"], "openid");
    for bad in [json!({}), json!({"client_id": "other"}), json!({"client_id": id, "client_secret": "wrong"})] {
        let mut body = wiki();
        body.as_object_mut().expect("an object").extend(bad.as_object().expect("an object").clone());
        let refused = send(&server, Method::PUT, &path, &access, &body).await;
        assert_eq!(refused.refusal(), (400, "invalid_client_metadata"), "{bad}");
    }
    // It becomes public, and its secret ends; then it wants one again.
    let public =
        json!({"client_id": id, "redirect_uris": ["com.example.wiki:/cb"], "token_endpoint_auth_method": "none"});
    assert_eq!(send(&server, Method::PUT, &path, &access, &public).await.status, 200);
    assert_eq!(server.number("select count(*) from auth.client_secrets").await, 1, "the other's");
    let again = json!({"client_id": id, "redirect_uris": ["https://wiki.example/cb"]});
    let again = send(&server, Method::PUT, &path, &access, &again).await;
    assert!(again.body["client_secret"].as_str().is_some_and(|secret| secret.starts_with("pcs_")), "{again:?}");

    let deleted = send(&server, Method::DELETE, &path, &access, &Value::Null).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_eq!(root.get(&format!("/clients/{id}")).await.refusal(), (404, "client_not_found"));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let refused = send(&server, method, &path, &access, &json!({"client_id": id})).await;
        assert_eq!(refused.refusal(), INVALID_TOKEN);
    }
    root.delete(&format!("/clients/{}", other.body["client_id"].as_str().expect("an id"))).await.ok();
    assert_eq!(send(&server, Method::GET, &other_path, &other_access, &Value::Null).await.refusal(), INVALID_TOKEN);
}

#[tokio::test]
async fn what_an_administrator_has_decided_of_a_client_it_does_not_change_back() {
    let (server, root) = world().await;
    let token = initial(&server, &root, json!({})).await;
    let made = register(&server, &token, &wiki()).await;
    let (path, access) = own(&made);
    let id = made.body["client_id"].as_str().expect("an id");
    let decided = json!({
        "audience": ["Shop", "Bank"], "who_may_use": "members", "access_token_lifetime_seconds": 60,
        "require_pushed_authorization_requests": true, "dpop_bound_access_tokens": true, "scope": "openid Shop:sell",
    });
    root.patch(&format!("/clients/{id}"), decided).await.ok();
    let mut body = wiki();
    body["client_id"] = json!(id);
    body["who_may_use"] = json!("everybody");
    assert_eq!(send(&server, Method::PUT, &path, &access, &body).await.status, 200);
    let client = root.get(&format!("/clients/{id}")).await.ok().body;
    assert_eq!(
        (&client["audience"], &client["who_may_use"], &client["access_token_lifetime_seconds"], &client["consent"]),
        (&json!([1, 2]), &json!("members"), &json!(60), &json!("ask"))
    );
    for must in ["require_pushed_authorization_requests", "dpop_bound_access_tokens"] {
        assert_eq!(client[must], true, "{must}");
        assert_eq!(send(&server, Method::GET, &path, &access, &Value::Null).await.ok().body[must], true, "{must}");
    }
    assert_eq!(client["scope"], "openid Shop:sell");
    for wider in ["openid", "openid profile Shop:sell", "openid Shop:sell Shop:pay"] {
        body["scope"] = json!(wider);
        let refused = send(&server, Method::PUT, &path, &access, &body).await;
        assert_eq!(refused.refusal(), (400, "invalid_client_metadata"), "{wider}");
        assert!(refused.text.contains("scope"), "{refused:?}");
    }
    body["scope"] = json!("Shop:sell");
    assert_eq!(send(&server, Method::PUT, &path, &access, &body).await.ok().body["scope"], "Shop:sell", "less is fine");
}

#[tokio::test]
async fn where_it_is_off_nobody_registers_and_strangers_learn_nothing() {
    let (server, root) = world_with(&[]).await;
    let token = initial(&server, &root, json!({})).await;
    let refused = register(&server, &token, &wiki()).await;
    assert_eq!(refused.refusal(), (403, "access_denied"));
    assert!(refused.text.contains("CLIENT_REGISTRATION"), "{refused:?}");
    for bad in ["", "pit_x", &token.replace("pit_", "prg_")] {
        assert_eq!(register(&server, bad, &wiki()).await.refusal(), INVALID_TOKEN, "{bad}");
    }
    assert_eq!(server.number("select count(*) from auth.clients where client_id <> 'loopback'").await, 0);
    assert_eq!(server.number("select sum(uses_left)::bigint from auth.client_registration_tokens").await, 1);
}
