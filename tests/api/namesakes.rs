//! A name means one thing. Where it means two, as after an import, nothing is given or taken by it that somebody else meant.

use serde_json::{Value, json};

use crate::support::{Caller, Server};

const ROLES: &str = "/person-service-roles";
const PERMISSIONS: &str = "/person-service-permissions";
const AMBIGUOUS: (u16, &str) = (409, "ambiguous_name");
const FORBIDDEN: (u16, &str) = (403, "insufficient_permissions");

/// The role `Administrator` has the id 1, the permission `users:write` the id 1, and Shop offers the role.
async fn after_an_import() -> (Server, Caller) {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    root.post("/services", json!({"name": "Shop"})).await.ok();
    server
        .execute(
            "insert into auth.role (name) values ('Administrator');
             insert into auth.permission (name) values ('users:write');
             insert into auth.role_permission (role_id, permission_id) values (1, 1);
             insert into auth.service_roles values (1, 1)",
        )
        .await;
    (server, root)
}

fn role(person: i32, service: i32, role: impl Into<Value>) -> Value {
    json!({"person_id": person, "service_id": service, "role_id": role.into()})
}

fn named(person: i32, service: i32, permission: &str) -> Value {
    json!({"person_id": person, "service_id": service, "permission_name": permission})
}

#[tokio::test]
async fn nobody_makes_what_reads_like_one_of_porteros_own() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let own: Vec<String> = sqlx::query_scalar("select name from auth.role where id <= 0 order by id desc")
        .fetch_all(server.app.db.pool())
        .await
        .expect("roles");
    assert_eq!(own, portero::access::roles::OWN_NAMES);
    root.post("/services", json!({"name": "Shop"})).await.ok();
    root.post("/roles", json!({"name": "Clerk"})).await.ok();
    root.post("/permissions", json!({"name": "sell"})).await.ok();
    let alike = |name: &str| {
        [name.to_owned(), name.to_uppercase(), name.replace('r', "\u{ff52}"), name.replace('e', "e\u{200b}")]
    };
    let permissions = portero::gate::permission::ALL.map(|(_, name)| name);
    for (path, names) in [("/roles", own.iter().map(String::as_str).collect()), ("/permissions", permissions.to_vec())]
    {
        for name in names.into_iter().flat_map(alike) {
            let body = json!({"name": name});
            let one = format!("{path}/1");
            for answer in
                [root.post(path, body.clone()).await, root.put(&one, body.clone()).await, root.patch(&one, body).await]
            {
                assert_eq!(answer.refusal(), (400, "invalid_request_body"), "{name}");
                assert!(answer.body["detail"].as_str().is_some_and(|detail| detail.contains("`name`")), "{answer:?}");
            }
        }
    }
    for (name, refusal) in [("portero", (409, "service_exists")), ("Portero", (400, "invalid_request_body"))] {
        assert_eq!(root.post("/services", json!({"name": name})).await.refusal(), refusal);
        assert_eq!(root.put("/services/1", json!({"name": name})).await.refusal(), refusal);
    }
    let offer = json!({"service_id": "PORTERO", "role_id": "Clerk"});
    assert_eq!(root.post("/service-roles", offer).await.refusal(), (400, "invalid_service_id"), "nor on the way");
    assert_eq!(server.number("select count(*) from auth.role where id > 0").await, 1);
    assert_eq!(server.number("select count(*) from auth.permission where id > 0").await, 1);
}

#[tokio::test]
async fn what_a_name_may_mean_twice_is_taken_away_by_id_only() {
    let (server, root) = after_an_import().await;
    let other = server.person_with("other", &[(0, 0)]).await;
    let direct = json!({"person_id": other.id, "service_id": 0, "permission_id": -1});
    root.post(PERMISSIONS, direct.clone()).await.ok();
    let offer = |service: i32| json!({"service_id": service, "role_id": "Administrator"});
    let link = |role: Value, permission: Value| json!({"role_id": role, "permission_id": permission});
    for (path, body) in [
        (ROLES, role(other.id, 0, "Administrator")),
        (ROLES, role(other.id, 1, "Administrator")),
        (PERMISSIONS, named(other.id, 0, "users:write")),
        (PERMISSIONS, named(other.id, 1, "users:write")),
        ("/service-roles", offer(0)),
        ("/service-roles", offer(1)),
        ("/role-permissions", link(json!("Administrator"), json!(1))),
        ("/role-permissions", link(json!(1), json!("users:write"))),
    ] {
        let answer = root.delete_with(path, body.clone()).await;
        assert_eq!(answer.refusal(), AMBIGUOUS, "{path} {body}");
        let ids = answer.body["ids"].as_array().expect("ids").clone();
        let detail = answer.body["detail"].as_str().expect("a detail");
        assert!(ids.len() == 2 && ids.iter().all(|id| detail.contains(&id.to_string())), "{answer:?}");
    }
    assert_eq!(other.get("/users").await.status, 200);
    for (path, body) in [
        (ROLES, role(other.id, 0, 0)),
        (PERMISSIONS, direct),
        ("/service-roles", json!({"service_id": 1, "role_id": 1})),
    ] {
        for revoked in [true, false] {
            let answer = root.delete_with(path, body.clone()).await.ok();
            assert_eq!(answer.body["revoked"], revoked, "{path}: twice is safe, and says so");
        }
    }
    assert_eq!(other.get("/users").await.refusal(), FORBIDDEN);
    for revoked in [true, false] {
        let link = link(json!(1), json!(1));
        assert_eq!(root.delete_with("/role-permissions", link).await.ok().body["revoked"], revoked);
    }
    root.put(&format!("/administrators/{}", other.id), json!(null)).await.ok();
    for revoked in [true, false] {
        assert_eq!(root.delete(&format!("/administrators/{}", other.id)).await.ok().body["revoked"], revoked);
    }
}

#[tokio::test]
async fn in_portero_nothing_is_given_by_a_name_that_means_two_and_elsewhere_the_users_own() {
    let (server, root) = after_an_import().await;
    let shaper = server.person_with("shaper", &[]).await;
    assert_eq!(root.post(ROLES, role(shaper.id, 0, "Administrator")).await.refusal(), AMBIGUOUS);
    assert_eq!(root.post(PERMISSIONS, named(shaper.id, 0, "users:write")).await.refusal(), AMBIGUOUS);
    let offer = json!({"service_id": 0, "role_id": "Administrator"});
    assert_eq!(root.post("/service-roles", offer).await.refusal(), AMBIGUOUS);
    root.post(ROLES, role(shaper.id, 1, "Administrator")).await.ok();
    root.post(PERMISSIONS, named(shaper.id, 1, "users:write")).await.ok();
    assert_eq!(root.get(&format!("/people/{}/services/1/roles", shaper.id)).await.column("id")[0], 1);
    // Held in Portero itself it opens nothing, either.
    root.post(ROLES, role(shaper.id, 0, 1)).await.ok();
    for path in ["/users", "/roles", "/services", "/services/1/access-review"] {
        assert_eq!(shaper.get(path).await.refusal(), FORBIDDEN, "{path}");
    }
    assert_eq!(shaper.post("/users", crate::users::ada()).await.refusal(), FORBIDDEN);
    let last = root.delete_with(ROLES, role(root.id, 0, 0)).await;
    assert_eq!(last.refusal(), (409, "last_administrator"), "a namesake's holders don't count");
}

#[tokio::test]
async fn who_holds_the_one_is_not_taken_for_a_holder_of_the_other() {
    let (server, root) = after_an_import().await;
    // Each holds Administrator in Shop and in Portero: the one Portero's own, the other the imported one.
    let own = server.person_with("own", &[(1, 0), (0, 0)]).await;
    let imported = server.person_with("imported", &[(1, 1), (0, 1)]).await;
    let backend = server.backend(1).await;
    for (caller, service, means) in [(&own, 0, true), (&own, 1, false), (&imported, 0, false), (&imported, 1, true)] {
        let asked = json!({"service_id": service, "permission": "users:write"});
        let check = caller.post("/check-token", asked).await.ok().body;
        let mut answers =
            vec![check.clone(), caller.get(&format!("/people/{}/services/{service}", caller.id)).await.body];
        answers.push(root.get(&format!("/users/{}/services/{service}", caller.id)).await.ok().body);
        answers.push(caller.get("/auth/me").await.body["roles"][usize::try_from(service).expect("small")].clone());
        if service == 1 {
            answers.push(backend.post("/check-tokens", json!({"tokens": [caller.token()]})).await.body[0].clone());
        }
        assert_eq!(check["allowed"], means, "{} in {service}", caller.username);
        for answer in answers {
            let has = |field: &str, name: &str| answer[field].as_array().expect("a list").contains(&json!(name));
            assert_eq!((has("roles", "Administrator"), has("permissions", "users:write")), (means, means), "{answer}");
        }
    }
    // Who holds both has the name once.
    let both = server.person_with("both", &[(1, 0), (1, 1)]).await;
    let held = both.get(&format!("/people/{}/services/1", both.id)).await.body;
    assert_eq!(held["roles"], json!(["Administrator"]));
    let named = held["permissions"].as_array().expect("a list").iter().filter(|name| **name == "users:write");
    assert_eq!(named.count(), 1);
}
