//! Single permissions given to one person in one service.

use serde_json::{Value, json};

use crate::support::{Caller, Server};

const PATH: &str = "/person-service-permissions";

fn share(person: impl Into<Value>, service: impl Into<Value>) -> Value {
    json!({"person_id": person.into(), "service_id": service.into(), "permission_name": "share"})
}

#[tokio::test]
async fn a_permission_is_given_and_taken_back() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    let mut role = Value::Null;
    for _ in 0..2 {
        let given = adm1.post(PATH, share(7, 4)).await;
        role = given.body["role_id"].clone();
        let expected = json!({
            "status": "permission_granted", "person_id": 7, "service_id": 4, "permission_id": 5, "role_id": role,
        });
        assert_eq!((given.status, &given.body), (200, &expected));
        let now = juan.get("/people/7/services/4").await;
        assert_eq!(now.body["permissions"], json!(["read", "share"]));
        assert_eq!(now.body["roles"], json!(["Viewer", "direct:7:4"]));
    }
    let taken = adm1.delete_with(PATH, share(7, 4)).await;
    let expected = json!({
        "status": "permission_revoked", "person_id": 7, "service_id": 4, "permission_id": 5, "role_id": role,
        "revoked": true,
    });
    assert_eq!((taken.status, &taken.body), (200, &expected));
    let again = adm1.delete_with(PATH, share(7, 4)).await;
    assert_eq!((again.status, &again.body["role_id"]), (200, &Value::Null), "twice is safe");
    assert_eq!(again.body["revoked"], false, "and says so");
    let now = juan.get("/people/7/services/4").await;
    assert_eq!((&now.body["roles"], &now.body["permissions"]), (&json!(["Viewer"]), &json!(["read"])));
}

#[tokio::test]
async fn it_holds_in_that_service_for_that_person_alone() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    adm1.post(PATH, share("juan", "UI Store")).await.ok();
    let (juan, viewer2) = (server.demo("juan").await, server.demo("viewer2").await);
    assert_eq!(juan.get("/people/juan/services/5").await.body["permissions"], json!([]));
    assert_eq!(viewer2.get("/people/viewer2/services/4").await.body["permissions"], json!(["read"]));
    adm1.post(PATH, share("juan", 5)).await.ok();
    adm1.delete_with(PATH, share("juan", 4)).await.ok();
    assert_eq!(juan.get("/people/juan/services/5").await.body["permissions"], json!(["share"]));
}

#[tokio::test]
async fn the_other_permissions_stay_when_one_is_taken() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    for permission in [5, 2, 1] {
        adm1.post(PATH, json!({"person_id": 7, "service_id": 4, "permission_id": permission})).await.ok();
    }
    let permissions = async || juan.get("/people/7/services/4").await.body["permissions"].clone();
    assert_eq!(permissions().await, json!(["read", "write", "share"]), "each once, in the order of their ids");
    adm1.delete_with(PATH, json!({"person_id": 7, "service_id": 4, "permission_id": 1})).await.ok();
    assert_eq!(permissions().await, json!(["read", "write", "share"]), "read comes from the role Viewer, too");
    adm1.delete_with(PATH, json!({"person_id": 7, "service_id": 4, "permission_id": 2})).await.ok();
    assert_eq!(permissions().await, json!(["read", "share"]));
}

#[tokio::test]
async fn a_permission_is_named_by_id_or_by_name_and_by_one_of_them() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let ask = |permission: Value| {
        let mut body = json!({"person_id": 7, "service_id": 4});
        body.as_object_mut().expect("an object").extend(permission.as_object().expect("an object").clone());
        body
    };
    for good in [json!({"permission_id": 5}), json!({"permission_id": "5"}), json!({"permission_id": "share"})] {
        assert_eq!(adm1.post(PATH, ask(good)).await.body["permission_id"], 5);
    }
    for (bad, refusal) in [
        (json!({}), (400, "invalid_request_body")),
        (json!({"permission_id": null, "permission_name": null}), (400, "invalid_request_body")),
        (json!({"permission_id": 5, "permission_name": "share"}), (400, "invalid_request_body")),
        (json!({"permission_name": 5}), (400, "invalid_request_body")),
        (json!({"permission_name": "fly"}), (404, "permission_not_found")),
        (json!({"permission_name": "5"}), (404, "permission_not_found")),
        (json!({"permission_name": ""}), (404, "permission_not_found")),
        (json!({"permission_name": "a\0b"}), (404, "permission_not_found")),
        (json!({"permission_id": 99}), (404, "permission_not_found")),
        (json!({"permission_id": 3_000_000_000_i64}), (404, "permission_not_found")),
        (json!({"permission_id": "fly"}), (400, "invalid_permission_id")),
    ] {
        assert_eq!(adm1.post(PATH, ask(bad.clone())).await.refusal(), refusal, "POST {bad}");
        assert_eq!(adm1.delete_with(PATH, ask(bad.clone())).await.refusal(), refusal, "DELETE {bad}");
    }
    for (person, service, refusal) in [
        (json!(99), json!(4), (404, "person_not_found")),
        (json!("nobody"), json!(4), (400, "invalid_user_id")),
        (json!(7), json!(99), (404, "service_not_found")),
        (json!(7), json!("Nowhere"), (400, "invalid_service_id")),
    ] {
        assert_eq!(adm1.post(PATH, share(person.clone(), service.clone())).await.refusal(), refusal);
        assert_eq!(adm1.delete_with(PATH, share(person, service)).await.refusal(), refusal);
    }
}

#[tokio::test]
async fn the_role_that_carries_it_is_in_no_list_but_its_holders() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let role = adm1.post(PATH, share(7, 4)).await.body["role_id"].clone();
    let role = role.as_i64().expect("a role");
    assert_eq!(adm1.get("/roles").await.column("id"), [1, 2, 3, 4]);
    assert_eq!(adm1.get("/roles?q=direct").await.body, json!([]));
    assert_eq!(adm1.get("/services/4/roles").await.column("id"), [1, 2, 3, 4]);
    let held = adm1.get("/people/7/services/4/roles").await;
    assert_eq!(held.column("name"), ["Viewer", "direct:7:4"]);
    assert_eq!(adm1.get(&format!("/roles/{role}")).await.body["name"], "direct:7:4");
    assert_eq!(adm1.get(&format!("/roles/{role}/permissions")).await.column("name"), ["share"]);
}

#[tokio::test]
async fn the_role_that_carries_it_can_be_neither_changed_nor_given_to_others() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let id = adm1.post(PATH, share(7, 4)).await.body["role_id"].clone();
    for role in [id.clone(), json!("direct:7:4")] {
        for answer in [
            adm1.post("/person-service-roles", json!({"person_id": 2, "service_id": 4, "role_id": role})).await,
            adm1.post("/person-service-roles", json!({"person_id": 7, "service_id": 1, "role_id": role})).await,
            adm1.delete_with("/person-service-roles", json!({"person_id": 7, "service_id": 4, "role_id": role})).await,
            adm1.post("/service-roles", json!({"service_id": 1, "role_id": role})).await,
            adm1.delete_with("/service-roles", json!({"service_id": 4, "role_id": role})).await,
            adm1.post("/role-permissions", json!({"role_id": role, "permission_id": 1})).await,
            adm1.delete_with("/role-permissions", json!({"role_id": role, "permission_id": 5})).await,
        ] {
            assert_eq!(answer.refusal(), (409, "direct_role"), "{role}");
        }
    }
    let path = format!("/roles/{id}");
    assert_eq!(adm1.put(&path, json!({"name": "Mine"})).await.refusal(), (409, "direct_role"));
    assert_eq!(adm1.delete(&path).await.refusal(), (409, "direct_role"));
    for name in ["direct:7:5", "Direct:7:5", "\u{ff44}irect:7:5", "direct :7:5"] {
        assert_eq!(
            adm1.put("/roles/1", json!({"name": name})).await.refusal(),
            (400, "invalid_request_body"),
            "{name}"
        );
    }
}

#[tokio::test]
async fn it_goes_with_its_person_its_service_and_its_permission() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for (person, service) in [("usr1", 1), ("usr2", 2), ("usr3", 3)] {
        adm1.post(PATH, share(person, service)).await.ok();
    }
    adm1.delete("/users/2").await.ok();
    adm1.delete("/services/2").await.ok();
    let direct = "select count(*) from auth.role where direct_person_id is not null";
    assert_eq!(server.number(direct).await, 1, "two went with their person and their service");
    let usr3 = server.demo("usr3").await;
    adm1.delete("/permissions/5").await.ok();
    assert_eq!(usr3.get("/people/usr3/services/3").await.body["permissions"], json!(["read", "update"]));
}

#[tokio::test]
async fn given_and_taken_at_once_it_is_held_or_not_and_never_half() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "12")]).await;
    let root = server.administrator().await;
    root.post("/services", json!({"name": "Shop"})).await.ok();
    for name in ["share", "lend"] {
        root.post("/permissions", json!({"name": name})).await.ok();
    }
    let ada = server.person_with("ada", &[]).await;
    for _ in 0..5 {
        let requests = (0..24).map(|n| {
            let root = root.clone();
            let body = json!({"person_id": "ada", "service_id": 1, "permission_id": 1 + n % 2});
            async move { if n % 3 == 0 { root.delete_with(PATH, body).await } else { root.post(PATH, body).await } }
        });
        for answer in Caller::together(requests).await {
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        let now = ada.get("/people/ada/services/1").await;
        let held = now.body["permissions"].as_array().expect("a list").len();
        assert_eq!(now.body["roles"].as_array().expect("a list").len(), usize::from(held > 0), "{now:?}");
    }
    assert_eq!(
        server
            .number(
                "select count(*) from auth.role r where direct_person_id is not null
            and not exists (select from auth.role_permission where role_id = r.id)"
            )
            .await,
        0,
        "a role without permissions stays behind for nobody"
    );
}
