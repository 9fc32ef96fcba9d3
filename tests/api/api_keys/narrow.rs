//! Nobody gets more by a key than the key was given: neither by granting, nor by taking somebody over.

use serde_json::json;

use super::key_of;
use crate::support::{PASSWORD_HASH, Server};

#[tokio::test]
async fn a_key_that_may_grant_gives_nothing_of_porteros_that_it_was_not_given() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let key = key_of(&adm1, &["portero:grants:write", "portero:grants:read"]).await;
    for role in [0, -1, -2] {
        for service in [0, 4] {
            let grant = json!({"person_id": 7, "service_id": service, "role_id": role});
            let refused = key.post("/person-service-roles", grant).await;
            assert_eq!(refused.refusal(), (403, "insufficient_permissions"), "role {role} in {service}");
        }
    }
    let refused =
        key.post("/person-service-permissions", json!({"person_id": 7, "service_id": 4, "permission_id": -1})).await;
    assert_eq!(refused.refusal(), (403, "insufficient_permissions"));
    let own = json!({"person_id": 7, "service_id": 4, "permission_id": -9});
    key.post("/person-service-permissions", own).await.ok();
    key.post("/person-service-roles", json!({"person_id": 7, "service_id": 4, "role_id": 3})).await.ok();
    assert_eq!(adm1.get("/administrators").await.ok().column("id"), [json!(1)]);
}

#[tokio::test]
async fn a_key_takes_over_nobody_who_holds_more_than_the_key() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let reader = server.person_with("reader", &[(0, -2)]).await;
    let key = key_of(&adm1, &["portero:users:write"]).await;
    let password = json!({"password_hash": PASSWORD_HASH.as_str()});
    for (who, id) in [("who reads", reader.id), ("who holds something in a service", 7)] {
        let refused = key.patch(&format!("/users/{id}"), password.clone()).await;
        assert_eq!(refused.refusal(), (403, "insufficient_permissions"), "{who}");
        let taken = adm1.patch(&format!("/users/{id}"), password.clone()).await;
        assert_eq!(taken.status, 200, "{who}: as they may themselves");
    }
    for refused in [
        key.post(&format!("/users/{}/disable", reader.id), json!({})).await,
        key.delete(&format!("/users/{}", reader.id)).await,
        key.delete(&format!("/users/{}/sessions", reader.id)).await,
    ] {
        assert_eq!(refused.refusal(), (403, "insufficient_permissions"));
    }
}

#[tokio::test]
async fn a_key_that_may_shape_roles_puts_nothing_into_them_that_it_was_not_given() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let key = key_of(&adm1, &["portero:roles:write"]).await;
    let refused = key.post("/role-permissions", json!({"role_id": 4, "permission_id": -1})).await;
    assert_eq!(refused.refusal(), (403, "insufficient_permissions"));
    let refused = key.post("/role-permissions", json!({"role_id": 4, "permission_id": 2})).await;
    assert_eq!(refused.refusal(), (403, "insufficient_permissions"), "people hold it where it may not hand out");
}

#[tokio::test]
async fn a_key_makes_nothing_that_outlives_what_its_owner_may() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let end = (server.app.clock.now() + time::Duration::DAY).unix_timestamp();
    let helper = server.person_with("helper", &[]).await;
    let grant = json!({"person_id": helper.id, "service_id": 4, "role_id": 0, "expires_at": end});
    adm1.post("/person-service-roles", grant).await.ok();
    let key = key_of(&helper, &["UI Store:services:write"]).await;
    let made = key.post("/services/4/keys", json!({"name": "k"})).await.ok();
    assert!(!made.body["expires_at"].is_null());
    let refused = key.post("/services/4/keys", json!({"name": "k", "expires_at": null})).await;
    assert_eq!(refused.refusal(), (403, "insufficient_permissions"));
    assert_eq!(key.post("/services/5/keys", json!({"name": "k"})).await.refusal(), (403, "insufficient_permissions"));
}

#[tokio::test]
async fn what_others_hold_is_judged_as_ever_while_somebody_acts_by_a_key() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let key = key_of(&adm1, &["portero:users:write", "portero:users:read"]).await;
    key.patch("/users/6", json!({"name": "Viewer"})).await.ok();
    key.post("/users/1/disable", json!({})).await;
    assert_eq!(adm1.check().await.status, 200, "the last administrator stays");
    // Nothing of it is left on the connection that the next one uses.
    for _ in 0..20 {
        key.patch("/users/6", json!({"name": "Viewer"})).await.ok();
        adm1.post("/person-service-roles", json!({"person_id": 6, "service_id": 4, "role_id": -2})).await.ok();
        adm1.delete_with("/person-service-roles", json!({"person_id": 6, "service_id": 4, "role_id": -2})).await.ok();
    }
}
