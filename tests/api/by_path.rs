//! Taking back without a body: some proxies drop that of a `DELETE`. The path says what the body says elsewhere, and all else
//! is the same.

use serde_json::{Value, json};

use crate::support::{Caller, Response, Server};

/// How one thing is given, taken back by a body, and taken back by a path.
struct Twins {
    link: &'static str,
    body: Value,
    path: &'static str,
}

fn twins() -> [Twins; 4] {
    [
        Twins {
            link: "/role-permissions",
            body: json!({"role_id": "Viewer", "permission_id": "share"}),
            path: "/roles/Viewer/permissions/share",
        },
        Twins {
            link: "/service-roles",
            body: json!({"service_id": "UI Store", "role_id": "Editor"}),
            path: "/services/UI%20Store/roles/Editor",
        },
        Twins {
            link: "/person-service-roles",
            body: json!({"person_id": "juan", "service_id": "UI Store", "role_id": "Editor"}),
            path: "/people/juan/services/UI%20Store/roles/Editor",
        },
        Twins {
            link: "/person-service-permissions",
            body: json!({"person_id": "juan", "service_id": "UI Store", "permission_id": "share"}),
            path: "/people/juan/services/UI%20Store/permissions/share",
        },
    ]
}

/// An answer without what differs in any two.
fn told(answer: &Response) -> (u16, Value) {
    let mut body = answer.body.clone();
    body.as_object_mut().expect("an object").remove("request_id");
    // The role of direct grants is made anew each time.
    body.as_object_mut().expect("an object").remove("role_id");
    (answer.status, body)
}

async fn last_event(adm1: &Caller) -> Value {
    let events = adm1.get("/audit-events?limit=1").await.ok();
    let mut event = events.body[0].clone();
    for own in ["id", "at", "request_id"] {
        event.as_object_mut().expect("an event").remove(own);
    }
    event["before"]["granted_at"] = Value::Null;
    event
}

#[tokio::test]
async fn what_a_path_names_is_taken_back_as_what_a_body_names() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for Twins { link, body, path } in twins() {
        adm1.post(link, body.clone()).await.ok();
        let by_body = adm1.delete_with(link, body.clone()).await.ok();
        let event = last_event(&adm1).await;
        adm1.post(link, body.clone()).await.ok();
        let by_path = adm1.delete(path).await.ok();
        assert_eq!(by_path.body["revoked"], true, "{path}");
        assert_eq!(told(&by_path), told(&by_body), "{path}");
        assert_eq!(last_event(&adm1).await, event, "{path}: the trail tells the same");
        let (by_body, by_path) = (adm1.delete_with(link, body).await.ok(), adm1.delete(path).await.ok());
        assert_eq!(by_path.body["revoked"], false, "{path}: twice is safe");
        assert_eq!(told(&by_path), told(&by_body), "{path}");
    }
}

#[tokio::test]
async fn whoever_may_not_take_it_by_a_body_may_not_by_a_path() {
    let server = Server::on_the_demo_data().await;
    let (adm1, keeper) = (server.demo("adm1").await, server.person_with("keeper", &[(5, 0)]).await);
    for Twins { link, body, path } in twins() {
        adm1.post(link, body.clone()).await.ok();
        let by_body = keeper.delete_with(link, body.clone()).await;
        assert_eq!(by_body.status, 403, "{link}");
        assert_eq!(told(&keeper.delete(path).await), told(&by_body), "{path}");
        assert_eq!(adm1.delete(path).await.body["revoked"], true, "{path}: it was still there");
    }
}

#[tokio::test]
async fn a_refusal_is_the_same_by_path_and_by_body() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    server.execute("insert into auth.role (name) values ('Writer')").await;
    let direct = json!({"person_id": 7, "service_id": 4, "permission_id": 5});
    adm1.post("/person-service-permissions", direct).await.ok();
    let refused = async |path: &str, link: &str, body: Value, refusal: (u16, &str)| {
        let (by_path, by_body) = (adm1.delete(path).await, adm1.delete_with(link, body).await);
        assert_eq!(by_path.refusal(), refusal, "{path}");
        assert_eq!(told(&by_path), told(&by_body), "{path}");
    };
    let mut cases: Vec<(String, &str, Value, (u16, &str))> = Vec::new();
    for (role, permission, refusal) in [
        ("99", "1", (404, "role_not_found")),
        ("Nobody", "1", (400, "invalid_role_id")),
        ("4", "99", (404, "permission_not_found")),
        ("4", "fly", (400, "invalid_permission_id")),
        ("Writer", "1", (409, "ambiguous_name")),
        ("0", "-1", (409, "built_in")),
        ("direct:7:4", "5", (409, "direct_role")),
    ] {
        let body = json!({"role_id": role, "permission_id": permission});
        cases.push((format!("/roles/{role}/permissions/{permission}"), "/role-permissions", body, refusal));
    }
    for (service, role, refusal) in [
        ("99", "4", (404, "service_not_found")),
        ("Nowhere", "4", (400, "invalid_service_id")),
        ("4", "99", (404, "role_not_found")),
        ("4", "Writer", (409, "ambiguous_name")),
        ("4", "direct:7:4", (409, "direct_role")),
        ("0", "0", (409, "last_administrator")),
    ] {
        let body = json!({"service_id": service, "role_id": role});
        cases.push((format!("/services/{service}/roles/{role}"), "/service-roles", body, refusal));
        if refusal.1 != "last_administrator" {
            let body = json!({"person_id": 7, "service_id": service, "role_id": role});
            cases.push((format!("/people/7/services/{service}/roles/{role}"), "/person-service-roles", body, refusal));
        }
    }
    let last = json!({"person_id": 1, "service_id": 0, "role_id": 0});
    cases.push(("/people/1/services/0/roles/0".into(), "/person-service-roles", last, (409, "last_administrator")));
    for (person, permission, refusal) in [
        ("99", "5", (404, "person_not_found")),
        ("7", "99", (404, "permission_not_found")),
        ("7", "fly", (400, "invalid_permission_id")),
    ] {
        let body = json!({"person_id": person, "service_id": 4, "permission_id": permission});
        let path = format!("/people/{person}/services/4/permissions/{permission}");
        cases.push((path, "/person-service-permissions", body, refusal));
    }
    for (path, link, body, refusal) in cases {
        refused(&path, link, body, refusal).await;
    }
}

#[tokio::test]
async fn an_unknown_username_in_a_path_is_nobody_as_in_every_path() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for path in ["/people/ghost/services/4/roles/4", "/people/ghost/services/4/permissions/5"] {
        assert_eq!(adm1.delete(path).await.refusal(), (404, "person_not_found"), "{path}");
    }
    let body = json!({"person_id": "ghost", "service_id": 4, "role_id": 4});
    assert_eq!(adm1.delete_with("/person-service-roles", body).await.refusal(), (400, "invalid_user_id"));
}

#[tokio::test]
async fn names_with_colons_and_slashes_are_written_percent_encoded() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for (name, encoded) in [
        ("orders:read", vec!["orders:read", "orders%3Aread", "orders%3aread"]),
        ("orders/7:read", vec!["orders%2F7:read", "orders%2f7%3Aread"]),
        ("100% más?", vec!["100%25%20m%C3%A1s%3F"]),
        ("..", vec!["%2E%2E"]),
    ] {
        let permission = adm1.post("/permissions", json!({"name": name})).await.ok().id();
        let role = adm1.post("/roles", json!({"name": name})).await.ok().id();
        for encoded in encoded {
            let link = json!({"role_id": role, "permission_id": permission});
            let offer = json!({"service_id": 4, "role_id": role});
            let grant = json!({"person_id": 7, "service_id": 4, "role_id": role});
            let direct = json!({"person_id": 7, "service_id": 4, "permission_id": permission});
            adm1.post("/role-permissions", link).await.ok();
            adm1.post("/person-service-permissions", direct).await.ok();
            adm1.post("/service-roles", offer).await.ok();
            adm1.post("/person-service-roles", grant).await.ok();
            for path in [
                format!("/roles/{encoded}/permissions/{encoded}"),
                format!("/people/juan/services/4/permissions/{encoded}"),
                format!("/people/juan/services/4/roles/{encoded}"),
                format!("/services/4/roles/{encoded}"),
            ] {
                assert_eq!(adm1.delete(&path).await.body["revoked"], true, "{path}");
            }
        }
    }
}

#[tokio::test]
async fn a_name_that_begins_like_a_part_of_the_path_is_a_name() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let role = adm1.post("/roles", json!({"name": "people"})).await.ok().id();
    adm1.post("/service-roles", json!({"service_id": 4, "role_id": role})).await.ok();
    assert_eq!(adm1.delete("/services/4/roles/people").await.body["revoked"], true);
    let wrong = adm1.delete("/services/4/roles/4/people").await;
    assert_eq!(wrong.refusal(), (405, "method_not_allowed"));
    assert_eq!(adm1.get("/services/4/roles/4").await.refusal(), (405, "method_not_allowed"));
}
