//! Which roles a service offers, and who holds them there.

use serde_json::{Value, json};

use crate::support::{Caller, Server};

fn offer(service: impl Into<Value>, role: impl Into<Value>) -> Value {
    json!({"service_id": service.into(), "role_id": role.into()})
}

fn grant(person: impl Into<Value>, service: impl Into<Value>, role: impl Into<Value>) -> Value {
    json!({"person_id": person.into(), "service_id": service.into(), "role_id": role.into()})
}

#[tokio::test]
async fn the_demo_has_the_documented_grants() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for (service, roles) in [
        ("1", vec!["Admin", "User"]),
        ("2", vec!["User"]),
        ("3", vec!["Editor"]),
        ("4", vec!["Admin", "User", "Editor", "Viewer"]),
        ("ui-store", vec!["Viewer"]),
        ("UI%20Store", vec!["Admin", "User", "Editor", "Viewer"]),
    ] {
        assert_eq!(adm1.get(&format!("/services/{service}/roles")).await.column("name"), roles, "{service}");
    }
    for (person, service, roles) in [
        ("1", "1", vec!["Admin"]),
        ("usr1", "1", vec!["User"]),
        ("person-5", "3", vec!["Editor"]),
        ("editor1", "Service%20A", vec!["Admin"]),
        ("juan", "4", vec!["Viewer"]),
        ("juan", "5", vec![]),
    ] {
        let path = format!("/people/{person}/services/{service}/roles");
        assert_eq!(adm1.get(&path).await.column("name"), roles, "{path}");
    }
    let holders = adm1.get("/services/4/roles/4/people").await;
    assert_eq!(holders.column("username"), ["juan", "viewer2", "viewer3"]);
    assert_eq!(holders.body[0], json!({"id": 7, "username": "juan", "name": "Juan Demo"}));
    assert_eq!(adm1.get("/people/5/services").await.column("id"), [1, 3]);
    assert_eq!(adm1.get("/people/1/services").await.column("id"), [1], "Portero itself is not among them");
}

#[tokio::test]
async fn a_service_offers_a_role_and_stops() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for _ in 0..2 {
        assert_eq!(adm1.post("/service-roles", offer(5, 3)).await.body, json!({"status": "success"}));
        assert_eq!(adm1.get("/services/5/roles").await.column("id"), [3, 4]);
    }
    for revoked in [true, false] {
        let removed = adm1.delete_with("/service-roles", offer("ui-store", "Editor")).await;
        assert_eq!(
            (removed.status, &removed.body),
            (200, &json!({"status": "role_removed_from_service", "revoked": revoked}))
        );
        assert_eq!(adm1.get("/services/5/roles").await.column("id"), [4]);
    }
}

#[tokio::test]
async fn a_role_that_a_service_stops_offering_is_taken_from_its_holders_there() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    adm1.delete_with("/service-roles", offer(4, "Viewer")).await.ok();
    assert_eq!(juan.get("/people/juan/services/4").await.body["roles"], json!([]));
    assert_eq!(adm1.get("/services/4/roles/4/people").await.body, json!([]));
    adm1.post("/service-roles", offer(4, "Viewer")).await.ok();
    assert_eq!(juan.get("/people/juan/services/4").await.body["roles"], json!([]), "offering again gives nothing back");
    assert_eq!(adm1.get("/people/6/services/5/roles").await.column("name"), ["Viewer"], "elsewhere they keep it");
}

#[tokio::test]
async fn an_unknown_service_name_makes_the_service_there_and_only_there() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for refused in [
        adm1.post("/person-service-roles", grant(7, "New Shop", 4)).await,
        adm1.delete_with("/service-roles", offer("New Shop", 4)).await,
        adm1.get("/services/New%20Shop/roles").await,
    ] {
        assert_eq!(refused.refusal(), (400, "invalid_service_id"));
    }
    adm1.post("/service-roles", offer("New Shop", 4)).await.ok();
    let made = adm1.get("/services?q=new").await;
    assert_eq!(made.body, json!([{"id": 6, "name": "New Shop", "description": null}]));
    assert_eq!(adm1.get("/services/6/roles").await.column("id"), [4]);
    adm1.post("/service-roles", offer("New Shop", 3)).await.ok();
    assert_eq!(adm1.get("/services/6/roles").await.column("id"), [3, 4], "no second one is made");

    for (service, refusal) in [
        (json!(99), (404, "service_not_found")),
        (json!("99"), (404, "service_not_found")),
        (json!(""), (400, "invalid_service_id")),
        (json!("x".repeat(101)), (400, "invalid_service_id")),
        (json!("a\0b"), (400, "invalid_service_id")),
        (json!("+5"), (400, "invalid_service_id")),
    ] {
        assert_eq!(adm1.post("/service-roles", offer(service.clone(), 4)).await.refusal(), refusal, "{service}");
    }
    let unknown_role = adm1.post("/service-roles", offer("Yet Another", 99)).await;
    assert_eq!(unknown_role.refusal(), (404, "role_not_found"));
    assert_eq!(adm1.get("/services?q=yet").await.body, json!([]), "what is refused makes no service");
}

#[tokio::test]
async fn a_role_is_given_and_taken_by_ids_and_names() {
    let server = Server::on_the_demo_data().await;
    let (adm1, usr2) = (server.demo("adm1").await, server.demo("usr2").await);
    for (person, service, role) in [
        (json!(3), json!(2), json!(3)),
        (json!("3"), json!("2"), json!("3")),
        (json!("usr2"), json!("Service B"), json!("Editor")),
        (json!("person-3"), json!(2), json!("Editor")),
    ] {
        for _ in 0..2 {
            let given = adm1.post("/person-service-roles", grant(person.clone(), service.clone(), role.clone())).await;
            assert_eq!((given.status, &given.body), (200, &json!({"status": "success"})));
            let held = usr2.get("/people/usr2/services/2").await;
            assert_eq!(held.body["roles"], json!(["User", "Editor"]));
        }
        for revoked in [true, false] {
            let taken =
                adm1.delete_with("/person-service-roles", grant(person.clone(), service.clone(), role.clone())).await;
            assert_eq!(
                (taken.status, &taken.body),
                (200, &json!({"status": "role_removed_from_person", "revoked": revoked}))
            );
            assert_eq!(usr2.get("/people/usr2/services/2").await.body["roles"], json!(["User"]));
        }
    }
    assert_eq!(adm1.get("/services/2/roles").await.column("name"), ["User", "Editor"], "the link was made and stays");
}

#[tokio::test]
async fn an_end_that_is_not_there_is_named() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for (body, refusal) in [
        (grant(99, 1, 1), (404, "person_not_found")),
        (grant(3_000_000_000_i64, 1, 1), (404, "person_not_found")),
        (grant("nobody", 1, 1), (400, "invalid_user_id")),
        (grant("person-99", 1, 1), (400, "invalid_user_id")),
        (grant("", 1, 1), (400, "invalid_user_id")),
        (grant("a\0b", 1, 1), (400, "invalid_user_id")),
        (grant(1, 99, 1), (404, "service_not_found")),
        (grant(1, "Nowhere", 1), (400, "invalid_service_id")),
        (grant(1, 1, 99), (404, "role_not_found")),
        (grant(1, 1, "Nothing"), (400, "invalid_role_id")),
        (grant(Value::Null, 1, 1), (400, "invalid_request_body")),
        (grant(1, json!([1]), 1), (400, "invalid_request_body")),
        (grant(1, 1, 1.5), (400, "invalid_request_body")),
        (offer(1, 1), (400, "invalid_request_body")),
    ] {
        let path = "/person-service-roles";
        assert_eq!(adm1.post(path, body.clone()).await.refusal(), refusal, "POST {body}");
        assert_eq!(adm1.delete_with(path, body.clone()).await.refusal(), refusal, "DELETE {body}");
    }
    for (body, refusal) in [
        (offer(1, 99), (404, "role_not_found")),
        (offer(1, "Nothing"), (400, "invalid_role_id")),
        (offer(99, 1), (404, "service_not_found")),
    ] {
        assert_eq!(adm1.post("/service-roles", body.clone()).await.refusal(), refusal, "POST {body}");
        assert_eq!(adm1.delete_with("/service-roles", body.clone()).await.refusal(), refusal, "DELETE {body}");
    }
}

#[tokio::test]
async fn removed_people_and_services_are_no_ends() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    adm1.delete("/users/7").await.ok();
    adm1.delete("/services/5").await.ok();
    for (body, refusal) in [
        (grant(7, 1, 1), (404, "person_not_found")),
        (grant("juan", 1, 1), (400, "invalid_user_id")),
        (grant("person-7", 1, 1), (400, "invalid_user_id")),
        (grant(2, 5, 4), (404, "service_not_found")),
        (grant(2, "ui-store", 4), (400, "invalid_service_id")),
    ] {
        assert_eq!(adm1.post("/person-service-roles", body.clone()).await.refusal(), refusal, "{body}");
        assert_eq!(adm1.delete_with("/person-service-roles", body.clone()).await.refusal(), refusal, "{body}");
    }
    for (path, refusal) in [
        ("/people/7/services", (404, "person_not_found")),
        ("/people/juan/services/1/roles", (404, "person_not_found")),
        ("/services/5/roles", (404, "service_not_found")),
        ("/services/ui-store/roles/4/people", (400, "invalid_service_id")),
    ] {
        assert_eq!(adm1.get(path).await.refusal(), refusal, "{path}");
    }
    assert_eq!(adm1.get("/people/6/services").await.body, json!([]), "viewer1 was in no other service");
    assert_eq!(adm1.get("/services/4/roles/4/people").await.column("id"), [14, 15]);
    adm1.post("/service-roles", offer("ui-store", 4)).await.ok();
    assert_eq!(adm1.get("/people/6/services").await.body, json!([]), "a new service of that name is another");
}

#[tokio::test]
async fn a_role_given_ten_times_at_once_is_held_once() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let requests = (0..10).map(|_| {
        let adm1 = adm1.clone();
        async move { adm1.post("/person-service-roles", grant("juan", "Service B", "Editor")).await }
    });
    for answer in Caller::together(requests).await {
        answer.ok();
    }
    assert_eq!(adm1.get("/people/7/services/2/roles").await.column("name"), ["Editor"]);
    assert_eq!(adm1.get("/people/7/services").await.column("id"), [2, 4]);
}

#[tokio::test]
async fn grants_that_race_deletions_leave_nothing_behind() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "12")]).await;
    let root = server.administrator().await;
    let mut kept = 0;
    for round in 0..8 {
        let person = server.person_with(&format!("person{round}"), &[]).await.id;
        let service = root.post("/services", json!({"name": format!("S{round}")})).await.id();
        let role = root.post("/roles", json!({"name": format!("R{round}")})).await.id();
        let permission = root.post("/permissions", json!({"name": format!("P{round}")})).await.id();
        let victim =
            [format!("/users/{person}"), format!("/services/{service}"), format!("/roles/{role}")][round % 3].clone();
        let direct = json!({"person_id": person, "service_id": service, "permission_id": permission});
        let requests = (0..9).map(|n| {
            let (root, victim, direct) = (root.clone(), victim.clone(), direct.clone());
            async move {
                match n {
                    4 => root.delete(&victim).await,
                    0 | 3 | 6 => root.post("/person-service-permissions", direct).await,
                    _ => root.post("/person-service-roles", grant(person, service, role)).await,
                }
            }
        });
        for (n, answer) in Caller::together(requests).await.into_iter().enumerate() {
            assert!(answer.status == 200 || (n != 4 && answer.status == 404), "{answer:?}");
        }
        kept += i64::from(round % 3 == 2);
    }
    let orphans = "select count(*) from auth.person_service_role psr
        join auth.person p on p.id = psr.person_id join auth.services s on s.id = psr.service_id
        where p.removed_at is not null or s.removed_at is not null";
    assert_eq!(server.number(orphans).await, 0);
    assert_eq!(server.number("select count(*) from auth.role where direct_person_id is not null").await, kept);
}
