//! What backends and gateways hear of a key.

use axum::http::Method;
use serde_json::{Value, json};

use super::{in_four, key_of, made, path_of};
use crate::support::Server;

#[tokio::test]
async fn a_check_says_of_a_key_what_it_may_be_used_for_and_no_role() {
    let server = Server::on_the_demo_data().await;
    let adm2 = server.demo("adm2").await;
    let (row, key) = made(&adm2, json!({"name": "k", "scopes": ["UI Store:read", "UI Store:update"]})).await;
    let wanted = json!({"service_id": 4, "permission": ["read", "delete"]});
    let answer = key.post("/check-token", wanted).await.ok();
    assert_eq!((&answer.body["roles"], &answer.body["permissions"]), (&json!([]), &json!(["read", "update"])));
    assert_eq!((&answer.body["allowed"], &answer.body["renewed"]), (&json!(false), &json!(false)));
    assert_eq!((&answer.body["api_key_id"], &answer.body["payload"]["username"]), (&row["id"], &json!("adm2")));
    let allowed = key.post("/check-token", json!({"service_id": 4, "permission": "read"})).await.ok();
    assert_eq!(allowed.body["allowed"], true);
    let elsewhere = key.post("/check-token", json!({"service_id": 1})).await.ok();
    assert_eq!(elsewhere.body["permissions"], json!([]), "another service");
    let session = adm2.post("/check-token", json!({"service_id": 4})).await.ok();
    assert!(session.body["permissions"].as_array().is_some_and(|held| held.len() > 2));
    assert!(session.body.get("api_key_id").is_none());
    let wrong = key.post("/check-token", json!({"user_id": 1})).await;
    assert_eq!(wrong.refusal(), (401, "invalid_token"));
}

#[tokio::test]
async fn a_key_loses_at_once_what_its_owner_loses_and_has_it_again_with_them() {
    let server = Server::on_the_demo_data().await;
    let elsewhere = server.another_instance().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    let key = key_of(&juan, &["UI Store:read"]).await;
    let role = json!({"person_id": 7, "service_id": 4, "role_id": 4});
    adm1.delete_with("/person-service-roles", role.clone()).await.ok();
    assert_eq!(in_four(&server, &key).await, Vec::<Value>::new());
    assert_eq!(in_four(&elsewhere, &key).await, Vec::<Value>::new());
    adm1.post("/person-service-roles", role).await.ok();
    assert_eq!(in_four(&server, &key).await, ["read"]);
    let editor = json!({"person_id": 7, "service_id": 4, "role_id": 3});
    adm1.post("/person-service-roles", editor).await.ok();
    assert_eq!(in_four(&server, &key).await, ["read"], "more for them is no more for it");
    adm1.delete_with("/role-permissions", json!({"role_id": 4, "permission_id": 1})).await.ok();
    adm1.delete_with("/role-permissions", json!({"role_id": 3, "permission_id": 1})).await.ok();
    assert_eq!(in_four(&server, &key).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_permission_of_a_name_that_is_given_again_is_another() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    let (row, key) = made(&juan, json!({"name": "k", "scopes": ["UI Store:read"]})).await;
    adm1.put("/permissions/1", json!({"name": "look"})).await.ok();
    assert_eq!(in_four(&server, &key).await, ["look"], "it follows what it means");
    assert_eq!(juan.get(&path_of(&row)).await.ok().body["scopes"], json!(["UI Store:look"]));
    let again = adm1.post("/permissions", json!({"name": "read"})).await.ok();
    adm1.post("/role-permissions", json!({"role_id": 4, "permission_id": again.id()})).await.ok();
    assert_eq!(in_four(&server, &key).await, ["look"]);
    adm1.delete("/permissions/1").await.ok();
    assert_eq!(in_four(&server, &key).await, Vec::<Value>::new());
}

#[tokio::test]
async fn many_are_checked_at_once_among_tokens_in_order() {
    let server = Server::on_the_demo_data().await;
    let (juan, adm2) = (server.demo("juan").await, server.demo("adm2").await);
    let (of_juan, of_adm2) = (key_of(&juan, &["UI Store:read"]).await, key_of(&adm2, &["UI Store:update"]).await);
    let (row, revoked) = made(&juan, json!({"name": "k", "scopes": ["UI Store:read"]})).await;
    juan.delete(&path_of(&row)).await.ok();
    let backend = server.backend(4).await;
    let tokens = [of_adm2.token(), juan.token(), revoked.token(), of_juan.token(), "pak_made_up"];
    let answer = backend.post("/check-tokens", json!({ "tokens": tokens })).await.ok();
    assert_eq!(answer.column("valid"), [true, true, false, true, false]);
    let permissions = answer.column("permissions");
    assert_eq!((&permissions[0], &permissions[3]), (&json!(["update"]), &json!(["read"])));
    assert_eq!((&answer.body[0]["roles"], &answer.body[1]["roles"]), (&json!([]), &json!(["Viewer"])));
    assert!(answer.body[0]["api_key_id"].is_number() && answer.body[1].get("api_key_id").is_none());
    let short = backend.post("/check-tokens", json!({"tokens": tokens, "addresses": ["127.0.0.1"]})).await;
    assert_eq!(short.refusal(), (400, "invalid_request_body"));
}

#[tokio::test]
async fn a_gateway_lets_a_key_through_as_far_as_its_scopes_go() {
    let server = Server::on_the_demo_data().await;
    let key = key_of(&server.demo("adm2").await, &["UI Store:read"]).await;
    let read = key.get("/check-token?service=4&permission=read").await.ok();
    assert_eq!((read.header("x-person-username"), read.header("x-person-id")), ("adm2", "8"));
    let write = key.get("/check-token?service=4&permission=write").await;
    assert_eq!(write.refusal(), (403, "insufficient_permissions"));
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        assert_eq!(key.send(method, "/check-token?service=4&permission=read", "").await.status, 200);
    }
}

#[tokio::test]
async fn a_key_asks_about_its_owner_and_hears_what_it_may_be_used_for() {
    let server = Server::on_the_demo_data().await;
    let key = key_of(&server.demo("adm2").await, &["UI Store:read"]).await;
    let own = key.get("/people/adm2/services/4").await.ok();
    assert_eq!((&own.body["roles"], &own.body["permissions"]), (&json!([]), &json!(["read"])));
    assert_eq!(key.get("/people/juan/services/4").await.refusal(), (403, "forbidden_person_lookup"));
}

#[tokio::test]
async fn a_key_of_portero_everywhere_is_one_in_every_service() {
    let server = Server::on_the_demo_data().await;
    let keeper = server.person_with("keeper", &[(4, 0)]).await;
    let key = key_of(&keeper, &["UI Store:grants:read"]).await;
    assert_eq!(in_four(&server, &key).await, ["grants:read"]);
    let everywhere = key_of(&server.demo("adm1").await, &["portero:grants:read"]).await;
    assert_eq!(in_four(&server, &everywhere).await, Vec::<Value>::new(), "what is held in Portero itself");
    for key in [&key, &everywhere] {
        assert_eq!(key.get("/services/4/access-review").await.status, 200);
    }
    assert_eq!(key.get("/services/1/access-review").await.refusal(), (403, "insufficient_permissions"));
}
