//! Which permissions a role carries.

use serde_json::json;

use crate::support::Server;

#[tokio::test]
async fn a_permission_is_given_to_a_role_and_taken_again() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let link = json!({"role_id": 4, "permission_id": 5});
    for _ in 0..2 {
        assert_eq!(adm1.post("/role-permissions", link.clone()).await.body, json!({"status": "success"}));
        assert_eq!(adm1.get("/roles/4/permissions").await.column("name"), ["read", "share"]);
    }
    for revoked in [true, false] {
        let taken = adm1.delete_with("/role-permissions", link.clone()).await;
        let expected = json!({
            "status": "permission_removed_from_role", "role_id": 4, "permission_id": 5, "revoked": revoked,
        });
        assert_eq!((taken.status, &taken.body), (200, &expected));
        assert_eq!(adm1.get("/roles/4/permissions").await.column("name"), ["read"]);
    }
}

#[tokio::test]
async fn names_do_as_well_as_ids() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for (role, permission) in [
        (json!("Viewer"), json!("share")),
        (json!("4"), json!("5")),
        (json!(4), json!("share")),
        (json!("Viewer"), json!(5)),
    ] {
        let link = json!({"role_id": role, "permission_id": permission});
        adm1.post("/role-permissions", link.clone()).await.ok();
        assert_eq!(adm1.get("/roles/4/permissions").await.column("id"), [1, 5]);
        let taken = adm1.delete_with("/role-permissions", link).await;
        assert_eq!((&taken.body["role_id"], &taken.body["permission_id"]), (&json!(4), &json!(5)));
    }
}

#[tokio::test]
async fn an_end_that_is_not_there_is_named() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for (role, permission, refusal) in [
        (json!(99), json!(1), (404, "role_not_found")),
        (json!(3_000_000_000_i64), json!(1), (404, "role_not_found")),
        (json!("Nobody"), json!(1), (400, "invalid_role_id")),
        (json!(""), json!(1), (400, "invalid_role_id")),
        (json!(4), json!(99), (404, "permission_not_found")),
        (json!(4), json!(-99), (404, "permission_not_found")),
        (json!(4), json!("fly"), (400, "invalid_permission_id")),
        (json!(4), json!("a\0b"), (400, "invalid_permission_id")),
        (json!(4), json!(true), (400, "invalid_request_body")),
        (json!(4), json!(null), (400, "invalid_request_body")),
        (json!(1.5), json!(1), (400, "invalid_request_body")),
        (json!(0), json!(1), (409, "built_in")),
        (json!("Writer"), json!(1), (409, "built_in")),
    ] {
        let link = json!({"role_id": role, "permission_id": permission});
        assert_eq!(adm1.post("/role-permissions", link.clone()).await.refusal(), refusal, "POST {link}");
        assert_eq!(adm1.delete_with("/role-permissions", link.clone()).await.refusal(), refusal, "DELETE {link}");
    }
}

#[tokio::test]
async fn whoever_holds_the_role_feels_it_at_once() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    let permissions = async || juan.get("/people/7/services/4").await.body["permissions"].clone();
    assert_eq!(permissions().await, json!(["read"]));
    adm1.post("/role-permissions", json!({"role_id": 4, "permission_id": 5})).await.ok();
    assert_eq!(permissions().await, json!(["read", "share"]));
    adm1.put("/permissions/5", json!({"name": "hand on"})).await.ok();
    assert_eq!(permissions().await, json!(["read", "hand on"]));
    adm1.delete("/permissions/5").await.ok();
    assert_eq!(permissions().await, json!(["read"]), "a deleted permission is nobody's");
    assert_eq!(adm1.get("/roles/4/permissions").await.column("name"), ["read"]);
    adm1.delete("/roles/4").await.ok();
    assert_eq!(permissions().await, json!([]), "a deleted role is nobody's");
    assert_eq!(adm1.get("/services/4/roles").await.column("name"), ["Admin", "User", "Editor"]);
}
