//! What keys do at Portero's own routes, and what they can't.

use serde_json::json;

use super::{key_of, made, path_of};
use crate::support::document::operations;
use crate::support::{Caller, PASSWORD, Server, schema};

#[tokio::test]
async fn a_key_acts_as_far_as_its_scopes_go() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let reader = key_of(&adm1, &["portero:users:read"]).await;
    assert_eq!(reader.get("/users").await.ok().column("id").len(), 15);
    assert_eq!(reader.get("/users/7").await.status, 200);
    for refused in [
        reader.post("/users/7/disable", json!({})).await,
        reader.get("/roles").await,
        reader.get("/people/7/services").await,
        reader.get("/services/4/keys").await,
        reader.get("/audit-events").await,
    ] {
        assert_eq!(refused.refusal(), (403, "insufficient_permissions"));
    }
    let writer = key_of(&adm1, &["portero:users:write"]).await;
    writer.post("/users", json!({"username": "ada", "name": "Ada"})).await.ok();
    assert_eq!(writer.get("/users").await.refusal(), (403, "insufficient_permissions"), "no more than was given");
}

#[tokio::test]
async fn a_key_in_one_service_acts_there_alone_though_its_owner_may_everywhere() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let key = key_of(&adm1, &["UI Store:grants:write", "UI Store:grants:read"]).await;
    let grant = |service: i32| json!({"person_id": "viewer1", "service_id": service, "role_id": 4});
    key.post("/person-service-roles", grant(4)).await.ok();
    assert_eq!(key.post("/person-service-roles", grant(5)).await.refusal(), (403, "insufficient_permissions"));
    assert_eq!(key.get("/people/7/services/4/roles").await.status, 200);
    assert_eq!(key.get("/people/7/services/1/roles").await.refusal(), (403, "insufficient_permissions"));
}

#[tokio::test]
async fn a_key_loses_its_powers_with_its_owner_also_between_two_requests() {
    let server = Server::on_the_demo_data().await;
    let (adm1, helper) = (server.demo("adm1").await, server.person_with("helper", &[(0, -1)]).await);
    let key = key_of(&helper, &["portero:users:write"]).await;
    key.post("/users/7/disable", json!({})).await.ok();
    let role = json!({"person_id": helper.id, "service_id": 0, "role_id": -1});
    adm1.delete_with("/person-service-roles", role).await.ok();
    assert_eq!(key.post("/users/7/enable", json!({})).await.refusal(), (403, "insufficient_permissions"));
}

#[tokio::test]
async fn the_trail_tells_which_key_acted_and_is_whole() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let (row, key) = made(&adm1, json!({"name": "k", "scopes": ["portero:roles:write"]})).await;
    key.post("/roles", json!({"name": "by key"})).await.ok();
    adm1.post("/roles", json!({"name": "by hand"})).await.ok();
    let events = adm1.get("/audit-events?action=role.created").await.ok();
    let actors = events.column("actor");
    assert_eq!(actors[1], json!({"type": "person", "id": 1, "username": "adm1", "api_key_id": row["id"]}));
    assert_eq!(actors[0], json!({"type": "person", "id": 1, "username": "adm1"}));
    let csv = adm1.get("/audit-events/export?format=csv").await.ok();
    assert!(csv.text.lines().next().is_some_and(|head| head.ends_with(",position,api_key_id")), "{}", csv.text);
    portero::app::trail::seal(&server.app).await.expect("seals");
    let mut tx = server.app.db.pool().begin().await.expect("a transaction");
    let report = portero::app::trail::verify(&mut tx, None).await.expect("a report");
    assert!(report.faults.is_empty(), "{report:?}");
}

#[tokio::test]
async fn a_key_can_not_touch_the_account_nor_keys_nor_sessions() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let all = [
        "users:read",
        "users:write",
        "roles:read",
        "roles:write",
        "permissions:read",
        "permissions:write",
        "services:read",
        "services:write",
        "grants:read",
        "grants:write",
        "audit:read",
    ];
    let scopes: Vec<String> = all.iter().map(|name| format!("portero:{name}")).collect();
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    let (row, key) = made(&adm1, json!({"name": "k", "scopes": scopes})).await;
    let passwords = json!({"current_password": "adm1-hash", "new_password": PASSWORD});
    for refused in [
        key.get("/auth/me/keys").await,
        key.post("/auth/me/keys", json!({"name": "k", "scopes": ["portero:users:read"]})).await,
        key.patch(&path_of(&row), json!({"name": "another"})).await,
        key.delete(&path_of(&row)).await,
        key.delete("/users/7/keys").await,
        key.delete("/users/1/keys/1").await,
        key.post("/auth/change-password", passwords).await,
        key.patch("/auth/me", json!({"email": "eve@example.com"})).await,
        key.get("/auth/me").await,
        key.get("/auth/sessions").await,
        key.delete("/auth/sessions").await,
        key.post("/auth/logout", json!({})).await,
        key.post("/auth/send-verification", json!({})).await,
        key.get("/auth/me/activity").await,
        key.get("/auth/me/applications").await,
        key.get("/auth/me/robots").await,
    ] {
        assert_eq!(refused.refusal(), (403, "api_key_not_allowed"), "{refused:?}");
        assert!(refused.detail().contains("log in"), "{refused:?}");
    }
    for own in [json!({"password": PASSWORD}), json!({"email": "eve@example.com"}), json!({"username": "eve"})] {
        let refused = key.patch("/users/1", own).await;
        assert_eq!(refused.refusal(), (403, "reauthentication_required"));
    }
    assert_eq!(key.get("/changes").await.refusal(), (403, "service_key_required"));
    assert_eq!(key.post("/check-tokens", json!({"tokens": ["x"]})).await.refusal(), (403, "service_key_required"));
    assert_eq!(adm1.get("/auth/me/keys").await.ok().column("id").len(), 1);
}

#[tokio::test]
async fn a_key_is_exchanged_for_no_token_and_begins_no_session() {
    let server = Server::on_the_demo_data().await;
    let key = key_of(&server.demo("juan").await, &["UI Store:read"]).await;
    let refresh = key.post("/auth/refresh", json!({"refresh_token": key.token()})).await;
    assert_eq!(refresh.status, 401);
    let login = server.anonymous().log_in("juan", key.token()).await;
    assert_eq!(login.refusal(), (401, "invalid_credentials"));
    let before = server.number("select count(*) from auth.tokens_cache").await;
    for path in ["/", "/login", "/auth/profile"] {
        key.get(path).await;
    }
    assert_eq!(server.number("select count(*) from auth.tokens_cache").await, before);
}

#[tokio::test]
async fn an_answer_under_an_idempotency_key_is_for_that_api_key_alone() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let (one, other) = (key_of(&adm1, &["portero:users:write"]).await, key_of(&adm1, &["portero:users:write"]).await);
    let (id, new) = ("8e03978e-40d5-43dd-bc93-6894a57f9324", json!({"username": "ada", "name": "Ada"}));
    let first = one.post_once("/users", id, new.clone()).await.ok();
    assert_eq!(one.post_once("/users", id, new.clone()).await.ok().body, first.body);
    assert_eq!(other.post_once("/users", id, new).await.refusal(), (409, "idempotency_answer_lost"));
}

#[tokio::test]
async fn requests_with_one_key_are_counted_together() {
    let server = Server::configured(&[("RATE_LIMIT_PER_CALLER", "3")]).await;
    let adm = server.administrator().await;
    let key = key_of(&adm, &["portero:users:read"]).await;
    for _ in 0..3 {
        assert_eq!(key.get("/users").await.status, 200);
    }
    assert_eq!(key.get("/users").await.refusal(), (429, "rate_limited"));
    assert_eq!(adm.get("/users").await.status, 200, "another caller");
}

fn example_body(operation: &crate::support::document::Operation) -> String {
    let example = operation.request_schema().and_then(schema::example);
    example.map(|example| example.to_string()).unwrap_or_default()
}

/// Those who answer a key whatever its scopes.
const ANYWAY: &[&str] = &[
    "check_token",
    "check_token_by_delete",
    "check_token_by_get",
    "check_token_by_patch",
    "check_token_by_put",
    "profile",
    "introspect",
    "userinfo",
];

#[tokio::test]
async fn every_operation_turns_a_key_away_that_is_given_nothing_of_porteros() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let key = key_of(&adm1, &["Service A:read"]).await;
    let anonymous = server.anonymous();
    for operation in operations() {
        let (method, path) = (&operation.method, operation.example_path());
        if ANYWAY.contains(&operation.id()) || anonymous.send(method.clone(), &path, "").await.status != 401 {
            continue;
        }
        for body in [example_body(operation), String::new()] {
            let answer = key.send(method.clone(), &path, &body).await;
            let refusals =
                ["insufficient_permissions", "api_key_not_allowed", "service_key_required", "forbidden_person_lookup"];
            assert!(answer.status == 403 && refusals.contains(&answer.error()), "{operation}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_dead_key_opens_nothing_anywhere() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let (row, key) = made(&adm1, json!({"name": "k", "scopes": ["portero:users:read"]})).await;
    adm1.delete(&path_of(&row)).await.ok();
    let anonymous: Caller = server.anonymous();
    for operation in operations() {
        let (method, path) = (&operation.method, operation.example_path());
        let stranger = anonymous.send(method.clone(), &path, "").await;
        if stranger.status != 401 || stranger.error() != "missing_token_header" {
            continue;
        }
        let answer = key.send(method.clone(), &path, &example_body(operation)).await;
        assert_eq!(answer.refusal(), (401, "invalid_token"), "{operation}");
    }
}
