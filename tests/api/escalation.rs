//! Nobody hands out, takes away or takes over more than they hold. The matrix has every operation; here are the plots.

use serde_json::{Value, json};

use crate::support::{Caller, PASSWORD, Server};

pub const FORBIDDEN: (u16, &str) = (403, "insufficient_permissions");

/// Somebody who holds a role of the test's own in Portero itself, with these of Portero's permissions.
pub async fn holder_of(server: &Server, root: &Caller, role: &str, permissions: &[&str]) -> Caller {
    let id = root.post("/roles", json!({"name": role})).await.id();
    for permission in permissions {
        root.post("/role-permissions", json!({"role_id": id, "permission_id": permission})).await.ok();
    }
    server.person_with(&role.to_lowercase(), &[(0, i32::try_from(id).expect("an id"))]).await
}

async fn permissions(caller: &Caller, service: i32) -> Value {
    caller.get(&format!("/people/{}/services/{service}", caller.id)).await.body["permissions"].clone()
}

#[tokio::test]
async fn a_help_desk_resets_passwords_but_not_those_of_the_mightier() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let desk = holder_of(&server, &root, "Desk", &["users:read", "users:write"]).await;
    let somebody = server.person_with("somebody", &[]).await;
    let writer = server.person_with("writer", &[(0, -1)]).await;
    let auditor = server.person_with("auditor", &[(0, -3)]).await;
    root.post("/services", json!({"name": "Shop"})).await.ok();
    let keeper = server.person_with("keeper", &[(1, -2)]).await;

    for mightier in [&root, &writer, &auditor, &keeper] {
        let path = format!("/users/{}", mightier.id);
        for change in [
            json!({"password": "a passphrase of mine"}),
            json!({"password_hash": crate::support::PASSWORD_HASH.as_str()}),
            json!({"username": "mine"}),
            json!({"name": "Mine"}),
            json!({"document_type": "DNI", "document_number": "1"}),
        ] {
            assert_eq!(desk.put(&path, change).await.refusal(), FORBIDDEN, "{}", mightier.username);
        }
        assert_eq!(desk.delete(&path).await.refusal(), FORBIDDEN);
        assert_eq!(server.anonymous().log_in(&mightier.username, PASSWORD).await.status, 200);
    }
    desk.put(&format!("/users/{}", somebody.id), json!({"password": "a new passphrase"})).await.ok();
    desk.delete(&format!("/users/{}", somebody.id)).await.ok();
}

#[tokio::test]
async fn a_writer_does_not_become_an_administrator() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let writer = server.person_with("writer", &[(0, -1)]).await;
    root.post("/services", json!({"name": "Shop"})).await.ok();
    let held = permissions(&writer, 0).await;
    for person in
        [json!(writer.id), json!("writer"), json!(format!("person-{}", writer.id)), json!(writer.id.to_string())]
    {
        for service in [json!(0), json!("0"), json!("-0"), json!("portero"), json!(" portero "), json!(1)] {
            for role in
                [json!(0), json!("0"), json!("Administrator"), json!(" Administrator "), json!("-3"), json!("Auditor")]
            {
                let grant = json!({"person_id": person, "service_id": service, "role_id": role});
                assert_eq!(writer.post("/person-service-roles", grant.clone()).await.refusal(), FORBIDDEN, "{grant}");
            }
            for permission in [json!(-3), json!("-10"), json!("roles:write"), json!("audit:read")] {
                let grant = json!({"person_id": person, "service_id": service, "permission_id": permission});
                let answer = writer.post("/person-service-permissions", grant.clone()).await;
                assert_eq!(answer.refusal(), FORBIDDEN, "{grant}");
            }
        }
    }
    let named = json!({"person_id": writer.id, "service_id": 0, "permission_name": "roles:write"});
    assert_eq!(writer.post("/person-service-permissions", named).await.refusal(), FORBIDDEN);
    assert_eq!(writer.post("/roles", json!({"name": "Mine"})).await.refusal(), FORBIDDEN);
    assert_eq!(permissions(&writer, 0).await, held);
    assert_eq!(permissions(&writer, 1).await, json!([]));
}

#[tokio::test]
async fn a_writer_takes_nothing_from_an_administrator() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let other = server.person_with("other", &[(0, 0)]).await;
    let writer = server.person_with("writer", &[(0, -1)]).await;
    let direct = json!({"person_id": other.id, "service_id": 0, "permission_name": "roles:write"});
    root.post("/person-service-permissions", direct.clone()).await.ok();
    for answer in [
        writer
            .delete_with("/person-service-roles", json!({"person_id": other.id, "service_id": 0, "role_id": 0}))
            .await,
        writer.delete_with("/service-roles", json!({"service_id": 0, "role_id": 0})).await,
        writer.delete_with("/person-service-permissions", direct).await,
        writer.delete(&format!("/users/{}", other.id)).await,
    ] {
        assert_eq!(answer.refusal(), FORBIDDEN);
    }
    assert_eq!(other.get("/roles").await.status, 200);
}

#[tokio::test]
async fn a_role_that_grows_cannot_be_handed_out_by_those_it_has_outgrown() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let writer = server.person_with("writer", &[(0, -1)]).await;
    let role = root.post("/roles", json!({"name": "Growing"})).await.id();
    let grant = json!({"person_id": writer.id, "service_id": 0, "role_id": role});
    writer.post("/person-service-roles", grant.clone()).await.ok();
    writer.delete_with("/person-service-roles", grant.clone()).await.ok();
    root.post("/role-permissions", json!({"role_id": role, "permission_id": "permissions:write"})).await.ok();
    assert_eq!(writer.post("/person-service-roles", grant.clone()).await.refusal(), FORBIDDEN);
    assert_eq!(writer.delete_with("/person-service-roles", grant).await.refusal(), FORBIDDEN);
    let offer = json!({"service_id": 0, "role_id": role});
    assert_eq!(writer.post("/service-roles", offer.clone()).await.refusal(), FORBIDDEN);
    assert_eq!(writer.delete_with("/service-roles", offer).await.refusal(), FORBIDDEN);
}

#[tokio::test]
async fn who_may_shape_roles_cannot_put_more_into_them_than_they_hold() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let shaper = holder_of(&server, &root, "Shaper", &["roles:read", "roles:write"]).await;
    let mighty = root.post("/roles", json!({"name": "Mighty"})).await.id();
    root.post("/role-permissions", json!({"role_id": mighty, "permission_id": "users:write"})).await.ok();
    for role in [json!("Shaper"), json!(1)] {
        for permission in [json!("users:write"), json!(-1), json!("-9"), json!("grants:write")] {
            let link = json!({"role_id": role, "permission_id": permission});
            assert_eq!(shaper.post("/role-permissions", link.clone()).await.refusal(), FORBIDDEN, "{link}");
        }
    }
    let link = json!({"role_id": mighty, "permission_id": "users:write"});
    assert_eq!(shaper.delete_with("/role-permissions", link).await.refusal(), FORBIDDEN);
    assert_eq!(shaper.put(&format!("/roles/{mighty}"), json!({"name": "Meek"})).await.refusal(), FORBIDDEN);
    assert_eq!(shaper.delete(&format!("/roles/{mighty}")).await.refusal(), FORBIDDEN);
    assert_eq!(permissions(&shaper, 0).await.as_array().map(Vec::len), Some(2));
    let own =
        json!({"role_id": shaper.post("/roles", json!({"name": "Own"})).await.id(), "permission_id": "roles:read"});
    shaper.post("/role-permissions", own).await.ok();
}

#[tokio::test]
async fn an_administrator_of_one_service_is_nobody_in_the_others() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for name in ["Shop", "Bank"] {
        root.post("/services", json!({"name": name})).await.ok();
    }
    root.post("/roles", json!({"name": "Clerk"})).await.ok();
    root.post("/permissions", json!({"name": "sell"})).await.ok();
    let (keeper, ada) = (server.person_with("keeper", &[(1, 0)]).await, server.person_with("ada", &[]).await);

    let grant = |service: Value| json!({"person_id": "ada", "service_id": service, "role_id": "Clerk"});
    let direct = |service: Value| json!({"person_id": "ada", "service_id": service, "permission_id": "sell"});
    let offer = |service: Value| json!({"service_id": service, "role_id": "Clerk"});
    keeper.post("/service-roles", offer(json!("Shop"))).await.ok();
    keeper.post("/person-service-roles", grant(json!("Shop"))).await.ok();
    keeper.post("/person-service-permissions", direct(json!(1))).await.ok();
    for elsewhere in [json!(2), json!("2"), json!("Bank"), json!(" Bank "), json!(0), json!("portero"), json!("-0")] {
        for (path, body) in [
            ("/service-roles", offer(elsewhere.clone())),
            ("/person-service-roles", grant(elsewhere.clone())),
            ("/person-service-permissions", direct(elsewhere.clone())),
        ] {
            assert_eq!(keeper.post(path, body.clone()).await.refusal(), FORBIDDEN, "POST {path} {body}");
            assert_eq!(keeper.delete_with(path, body.clone()).await.refusal(), FORBIDDEN, "DELETE {path} {body}");
        }
    }
    assert_eq!(keeper.post("/service-roles", offer(json!("A New One"))).await.refusal(), FORBIDDEN);
    for path in ["/users", "/roles", "/permissions", "/services"] {
        assert_eq!(keeper.get(path).await.refusal(), FORBIDDEN, "GET {path}");
    }
    assert_eq!(permissions(&ada, 2).await, json!([]));
    assert_eq!(permissions(&ada, 1).await, json!(["sell"]));
}

#[tokio::test]
async fn a_new_service_is_for_those_who_may_make_one_whatever_the_route() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    root.post("/roles", json!({"name": "Clerk"})).await.ok();
    let writer = server.person_with("writer", &[(0, -1)]).await;
    let offer = json!({"service_id": "A New One", "role_id": "Clerk"});
    assert_eq!(writer.post("/service-roles", offer).await.refusal(), FORBIDDEN);
    assert_eq!(root.get("/services").await.body, json!([]));
}

#[tokio::test]
async fn one_of_porteros_permissions_opens_what_it_says_while_it_is_held() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let ada = server.person_with("ada", &[]).await;
    root.post("/services", json!({"name": "Shop"})).await.ok();
    let grant = |service: i32| json!({"person_id": "ada", "service_id": service, "permission_name": "users:read"});
    root.post("/person-service-permissions", grant(1)).await.ok();
    assert_eq!(ada.get("/users").await.refusal(), FORBIDDEN, "in Shop it opens nothing of Portero's");
    root.post("/person-service-permissions", grant(0)).await.ok();
    assert_eq!(ada.get("/users").await.status, 200);
    assert_eq!(ada.get("/roles").await.refusal(), FORBIDDEN);
    assert_eq!(ada.post("/users", crate::users::ada()).await.refusal(), FORBIDDEN);
    root.delete_with("/person-service-permissions", grant(0)).await.ok();
    assert_eq!(ada.get("/users").await.refusal(), FORBIDDEN);
}

#[tokio::test]
async fn a_403_says_which_permission_is_lacking() {
    let server = Server::on_a_fresh_database().await;
    let nobody = server.powerless().await;
    for (path, permission) in
        [("/users", "users:read"), ("/roles", "roles:read"), ("/services/0/roles", "services:read")]
    {
        let answer = nobody.get(path).await;
        assert_eq!((answer.status, &answer.body["permission"]), (403, &json!(permission)));
        assert!(answer.body["detail"].as_str().is_some_and(|detail| detail.contains(permission)));
    }
}
