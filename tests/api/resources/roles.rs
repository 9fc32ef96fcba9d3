//! Roles on resources: given, changed, taken, and by whom.

use serde_json::{Value, json};
use time::Duration;

use super::{put, put_in, shop};
use crate::policies::{EDITOR, FORBIDDEN, SHOP};
use crate::support::Caller;

pub const ROLES: &str = "/resource-roles";

pub fn on(place: &str, holder: impl Into<Value>) -> Value {
    let (kind, id) = place.split_once('/').expect("a type and an id");
    let mut body = json!({"service_id": SHOP, "type": kind, "id": id, "role_id": EDITOR});
    body.as_object_mut().expect("an object").extend(holder.into().as_object().expect("an object").clone());
    body
}

async fn listed(by: &Caller) -> Vec<Value> {
    by.get("/resource-roles?service_id=1").await.ok().column("grant_id")
}

#[tokio::test]
async fn a_role_on_a_resource_is_given_changed_and_taken() {
    let (server, root, shop) = shop().await;
    server.person_with("ada", &[]).await;
    put(&shop, "folder/1", json!({})).await.ok();
    let end = server.app.clock.now() + Duration::days(30);
    let body = on("folder/1", json!({"person_id": "ada", "reason": "leads it", "expires_at": end.unix_timestamp()}));
    root.post(ROLES, body.clone()).await.ok();
    root.post(ROLES, body).await.ok();
    let shown = root.get("/resource-roles?service_id=Shop&type=folder&id=1").await.ok();
    let one = &shown.body[0];
    assert_eq!((&one["resource"]["id"], &one["person"]["username"]), (&json!("1"), &json!("ada")));
    assert_eq!((&one["role"]["name"], &one["reason"]), (&json!("Editor"), &json!("leads it")));
    root.post(ROLES, on("folder/1", json!({"person_id": "ada", "expires_at": null}))).await.ok();
    assert_eq!(root.get("/resource-roles?service_id=1").await.ok().body[0]["expires_at"], Value::Null);
    let taken = root.delete_with(ROLES, on("folder/1", json!({"person_id": "ada"}))).await.ok();
    assert_eq!(taken.body["revoked"], true);
    let taken = root.delete_with(ROLES, on("folder/1", json!({"person_id": "ada"}))).await.ok();
    assert_eq!(taken.body["revoked"], false);
    assert!(listed(&root).await.is_empty());
    let told = root.get("/audit-events?action=resource-grant.added").await.ok();
    assert_eq!(told.body[0]["after"]["id"], "1", "{told:?}");
    assert_eq!(
        root.get("/audit-events?action=resource-grant.changed").await.ok().body.as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(
        root.get("/audit-events?action=resource-grant.removed").await.ok().body.as_array().map(Vec::len),
        Some(1)
    );
}

#[tokio::test]
async fn what_can_t_be_given_is_refused() {
    let (server, root, shop) = shop().await;
    let ada = server.person_with("ada", &[]).await;
    put(&shop, "folder/1", json!({})).await.ok();
    let of = |holder: Value| on("folder/1", holder);
    assert_eq!(root.post(ROLES, of(json!({}))).await.refusal(), (400, "invalid_request_body"));
    let both = of(json!({"person_id": "ada", "group_id": 1}));
    assert_eq!(root.post(ROLES, both).await.refusal(), (400, "invalid_request_body"));
    let gone = on("folder/9", json!({"person_id": "ada"}));
    assert_eq!(root.post(ROLES, gone).await.refusal(), (404, "resource_not_found"));
    assert_eq!(root.post(ROLES, of(json!({"group_id": 9}))).await.refusal(), (404, "group_not_found"));
    assert_eq!(root.post(ROLES, of(json!({"person_id": "eva"}))).await.refusal(), (400, "invalid_user_id"));
    assert_eq!(ada.post(ROLES, of(json!({"person_id": "ada"}))).await.refusal(), FORBIDDEN);
    assert_eq!(shop.post(ROLES, of(json!({"person_id": "ada"}))).await.refusal(), (403, "service_key_not_allowed"));
    assert_eq!(ada.get("/resource-roles?service_id=1").await.refusal(), FORBIDDEN);
    assert_eq!(root.get("/resource-roles").await.refusal(), (400, "invalid_query"));
}

#[tokio::test]
async fn nobody_hands_out_more_than_they_hold() {
    let (server, root, shop) = shop().await;
    put(&shop, "folder/1", json!({})).await.ok();
    server.person_with("ada", &[]).await;
    let giver = root.post("/roles", json!({"name": "Giver"})).await.id();
    root.post("/role-permissions", json!({"role_id": giver, "permission_id": "grants:write"})).await.ok();
    let cleo = server.person_with("cleo", &[(SHOP, i32::try_from(giver).expect("an id"))]).await;
    cleo.post(ROLES, on("folder/1", json!({"person_id": "ada"}))).await.ok();
    let more = json!({"person_id": "ada", "role_id": 0});
    assert_eq!(cleo.post(ROLES, on("folder/1", more)).await.refusal(), FORBIDDEN);
    // Strangers by number they don't count.
    let bob = server.person_with("bob", &[]).await;
    let by_number = on("folder/1", json!({"person_id": bob.id}));
    assert_eq!(cleo.post(ROLES, by_number.clone()).await.refusal(), (404, "person_not_found"));
    cleo.post(ROLES, on("folder/1", json!({"person_id": "bob"}))).await.ok();
    cleo.delete_with(ROLES, by_number).await.ok();
    let elsewhere = json!({"service_id": 2, "type": "folder", "id": "1", "role_id": EDITOR, "person_id": "ada"});
    assert_eq!(cleo.post(ROLES, elsewhere).await.refusal(), FORBIDDEN);
}

#[tokio::test]
async fn roles_go_with_the_resource_the_person_and_the_offer() {
    let (server, root, shop) = shop().await;
    let ada = server.person_with("ada", &[]).await;
    server.person_with("bob", &[]).await;
    put(&shop, "folder/1", json!({})).await.ok();
    put_in(&shop, "doc/1", "1").await;
    for place in ["folder/1", "doc/1"] {
        for person in ["ada", "bob"] {
            root.post(ROLES, on(place, json!({"person_id": person}))).await.ok();
        }
    }
    assert_eq!(listed(&root).await.len(), 4);
    root.delete(&format!("/users/{}", ada.id)).await.ok();
    assert_eq!(listed(&root).await.len(), 2);
    shop.delete("/services/1/resources/doc/1").await.ok();
    assert_eq!(listed(&root).await.len(), 1);
    root.delete_with("/service-roles", json!({"service_id": SHOP, "role_id": EDITOR})).await.ok();
    assert!(listed(&root).await.is_empty());
}
