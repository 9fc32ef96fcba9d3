//! Asking what people may do.

use serde_json::json;

use crate::support::Server;

#[tokio::test]
async fn juan_asks_about_himself_however_he_is_named() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    for person in ["7", "juan", "person-7", "%6A%75an"] {
        for service in ["4", "UI%20Store", "UI%20St%6fre"] {
            let answer = juan.get(&format!("/people/{person}/services/{service}")).await;
            let expected = json!({
                "user": {"id": 7, "username": "juan", "name": "Juan Demo"},
                "service_id": 4, "roles": ["Viewer"], "permissions": ["read"],
            });
            assert_eq!((answer.status, &answer.body), (200, &expected), "{person} in {service}");
            let roles = juan.get(&format!("/people/{person}/services/{service}/roles")).await;
            assert_eq!(roles.body, json!([{"id": 4, "name": "Viewer"}]));
        }
    }
    let elsewhere = juan.get("/people/7/services/1").await;
    assert_eq!((&elsewhere.body["roles"], &elsewhere.body["permissions"]), (&json!([]), &json!([])));
    assert_eq!(juan.get("/people/7/services").await.column("name"), ["UI Store"]);
}

#[tokio::test]
async fn permissions_of_several_roles_are_told_once_in_order_of_id() {
    let server = Server::on_the_demo_data().await;
    let (adm1, editor1) = (server.demo("adm1").await, server.demo("editor1").await);
    for role in ["Viewer", "Editor", "User"] {
        let grant = json!({"person_id": "editor1", "service_id": 3, "role_id": role});
        adm1.post("/person-service-roles", grant).await.ok();
    }
    let answer = editor1.get("/people/editor1/services/3").await;
    assert_eq!(answer.body["roles"], json!(["User", "Editor", "Viewer"]));
    assert_eq!(answer.body["permissions"], json!(["read", "write", "update", "delete"]));
}

#[tokio::test]
async fn nobody_asks_about_others_not_even_administrators() {
    let server = Server::on_the_demo_data().await;
    for asker in ["adm1", "juan"] {
        let asker = server.demo(asker).await;
        for other in ["2", "usr1", "person-2"] {
            let answer = asker.get(&format!("/people/{other}/services/1")).await;
            assert_eq!(answer.refusal(), (403, "forbidden_person_lookup"));
        }
    }
    let juan = server.demo("juan").await;
    for path in ["/people/2/services/1/roles", "/people/usr1/services/4/roles", "/people/2/services"] {
        assert_eq!(juan.get(path).await.refusal(), (403, "insufficient_permissions"), "{path}");
    }
    for path in ["/services/4/roles", "/services/4/roles/4/people"] {
        assert_eq!(juan.get(path).await.refusal(), (403, "insufficient_permissions"), "{path}");
    }
}

#[tokio::test]
async fn who_is_not_there_is_not_found() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for person in
        ["99", "nobody", "person-99", "person-", "person-x", "3000000000", "person-3000000000", "-1", "%00", "%20"]
    {
        for path in [format!("/people/{person}/services/1"), format!("/people/{person}/services/1/roles")] {
            assert_eq!(adm1.get(&path).await.refusal(), (404, "person_not_found"), "{path}");
        }
    }
    for (service, refusal) in [
        ("99", (404, "service_not_found")),
        ("3000000000", (404, "service_not_found")),
        ("Nowhere", (400, "invalid_service_id")),
        ("service%20a", (400, "invalid_service_id")),
        ("%00", (400, "invalid_service_id")),
        ("a%0Ab", (400, "invalid_service_id")),
    ] {
        for path in [
            format!("/people/1/services/{service}"),
            format!("/people/1/services/{service}/roles"),
            format!("/services/{service}/roles"),
            format!("/services/{service}/roles/1/people"),
        ] {
            assert_eq!(adm1.get(&path).await.refusal(), refusal, "{path}");
        }
    }
    for (role, refusal) in
        [("99", (404, "role_not_found")), ("3000000000", (404, "role_not_found")), ("Admin", (400, "invalid_role_id"))]
    {
        assert_eq!(adm1.get(&format!("/services/1/roles/{role}/people")).await.refusal(), refusal, "{role}");
    }
}

#[tokio::test]
async fn the_list_of_a_persons_services_takes_ids_only() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for (person, refusal) in [
        ("juan", (400, "invalid_person_id")),
        ("person-7", (400, "invalid_person_id")),
        ("%20", (400, "invalid_person_id")),
        ("99", (404, "person_not_found")),
        ("3000000000", (404, "person_not_found")),
    ] {
        assert_eq!(adm1.get(&format!("/people/{person}/services")).await.refusal(), refusal, "{person}");
    }
}

#[tokio::test]
async fn a_name_with_a_slash_or_in_another_script_is_reached_percent_encoded() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    root.post("/services", json!({"name": "a/b ñ 日本?#%"})).await.ok();
    root.post("/service-roles", json!({"service_id": "a/b ñ 日本?#%", "role_id": 0})).await.ok();
    let path = "/services/a%2Fb%20%C3%B1%20%E6%97%A5%E6%9C%AC%3F%23%25/roles";
    assert_eq!(root.get(path).await.column("id"), [0]);
    let decomposed = "/services/a%2Fb%20n%CC%83%20%E6%97%A5%E6%9C%AC%3F%23%25/roles";
    assert_eq!(root.get(decomposed).await.status, 200, "the same name from another keyboard");
    let not_utf8 = root.get("/services/%FF%FE/roles").await;
    assert_eq!(not_utf8.status, 400);
}

#[tokio::test]
async fn a_service_sees_its_own_grants_through_its_own_administrator() {
    let server = Server::on_the_demo_data().await;
    let keeper = server.person_with("keeper", &[(4, -2)]).await;
    assert_eq!(keeper.get("/services/4").await.body["name"], "UI Store");
    assert_eq!(keeper.get("/services/4/roles").await.status, 200);
    assert_eq!(keeper.get("/services/4/roles/4/people").await.column("username"), ["juan", "viewer2", "viewer3"]);
    assert_eq!(keeper.get("/people/juan/services/4/roles").await.column("name"), ["Viewer"]);
    for path in [
        "/services/1",
        "/services/1/roles",
        "/services/1/roles/1/people",
        "/people/adm1/services/1/roles",
        "/services/0",
        "/services/0/roles/0/people",
        "/services",
        "/roles",
        "/permissions",
        "/users",
        "/users/7",
        "/people/7/services",
    ] {
        assert_eq!(keeper.get(path).await.refusal(), (403, "insufficient_permissions"), "{path}");
    }
}
