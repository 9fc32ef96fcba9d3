//! Who is asked tells nothing: of what a caller may not see they hear what they hear of what is not there.

use serde_json::{Value, json};

use crate::support::{Caller, Response, Server};

const NOT_YOU: (u16, &str) = (403, "forbidden_person_lookup");
const NOBODY: (u16, &str) = (404, "person_not_found");

/// An answer without what differs in any two.
fn told(answer: &Response) -> (u16, Value) {
    let mut body = answer.body.clone();
    body.as_object_mut().expect("an object").remove("request_id");
    (answer.status, body)
}

/// Of the demo's people 7 to 15 hold something in service 4, 1 to 6 nothing.
async fn keeper(server: &Server) -> Caller {
    server.person_with("keeper", &[(4, 0)]).await
}

#[tokio::test]
async fn whoever_is_logged_in_hears_nothing_of_who_is_here() {
    let server = Server::on_the_demo_data().await;
    let (nobody, keeper) = (server.powerless().await, keeper(&server).await);
    for service in ["0", "4", "UI%20Store", "99", "nowhere"] {
        for caller in [&nobody, &keeper] {
            let there = caller.get(&format!("/people/juan/services/{service}")).await;
            assert_eq!(there.refusal(), NOT_YOU);
            for person in ["7", "person-7", "ghost", "99", "person-99", "%00"] {
                let answer = caller.get(&format!("/people/{person}/services/{service}")).await;
                assert_eq!(told(&answer), told(&there), "{person} in {service}");
            }
        }
        let there = nobody.get(&format!("/people/juan/services/{service}/roles")).await;
        for person in ["7", "ghost", "99"] {
            let answer = nobody.get(&format!("/people/{person}/services/{service}/roles")).await;
            assert_eq!(told(&answer), told(&there), "{person} in {service}");
        }
    }
    // Who may read people hears it, as ever.
    let adm1 = server.demo("adm1").await;
    assert_eq!(adm1.get("/people/juan/services/4").await.refusal(), NOT_YOU);
    assert_eq!(adm1.get("/people/ghost/services/4").await.refusal(), NOBODY);
    let seen = adm1.get("/users/7/services/4").await.ok();
    assert_eq!((&seen.body["user"]["username"], &seen.body["roles"]), (&json!("juan"), &json!(["Viewer"])));
    assert_eq!(adm1.get("/users/2/services/UI%20Store").await.ok().body["roles"], json!([]));
    assert_eq!(adm1.get("/users/99/services/4").await.refusal(), NOBODY);
}

#[tokio::test]
async fn who_reads_the_trail_of_one_service_hears_nothing_of_who_did_nothing_there() {
    let server = Server::on_the_demo_data().await;
    let (auditor, everywhere) =
        (server.person_with("auditor", &[(4, -3)]).await, server.person_with("all", &[(0, -3)]).await);
    for path in ["/audit-events", "/audit-events/export"] {
        for filter in ["actor", "subject"] {
            for person in ["usr1", "2", "person-2", "ghost", "99", "person-99", "%00"] {
                let answer = auditor.get(&format!("{path}?service=4&{filter}={person}")).await;
                assert_eq!(answer.status, 200, "{path} {filter} {person}: {answer:?}");
                assert!([json!([]), json!(null)].contains(&answer.body), "{path} {filter} {person}: {answer:?}");
            }
            let known = everywhere.get(&format!("{path}?service=4&{filter}=ghost")).await;
            assert_eq!(known.refusal(), (400, "invalid_user_id"), "who reads all of it hears it");
        }
    }
}

#[tokio::test]
async fn nobody_tries_usernames_without_end_as_new_ones_of_their_own() {
    let server = Server::on_the_demo_data().await;
    let ada = server.powerless().await;
    for name in ["juan", "JUAN", "adm1", "usr1", "usr2", "usr3", "usr4", "usr5", "viewer1", "viewer2"] {
        assert_eq!(ada.patch("/auth/me", json!({"username": name})).await.refusal(), (409, "user_exists"));
    }
    for name in ["juan", "ghost", &ada.username] {
        let refused = ada.patch("/auth/me", json!({"username": name})).await;
        assert_eq!(refused.refusal(), (429, "too_many_changes"), "{name}");
    }
    assert_eq!(server.number("select count(*) from auth.audit_events where action = 'user.changed'").await, 0);
}

#[tokio::test]
async fn a_key_hears_of_those_who_hold_something_in_its_service_and_of_those_whose_token_it_shows() {
    let server = Server::on_the_demo_data().await;
    let made = keeper(&server).await.post("/services/4/keys", json!({"name": "mine"})).await.ok();
    let key = server.anonymous().with_token(made.body["key"].as_str().expect("a key"));
    let nobody = key.get("/people/ghost/services/4").await;
    assert_eq!(nobody.refusal(), NOBODY);
    for person in 1..=15 {
        let answer = key.get(&format!("/people/{person}/services/4")).await;
        if person >= 7 {
            assert_eq!(answer.status, 200, "{person}");
        } else {
            assert_eq!(told(&answer), told(&nobody), "{person}");
        }
    }
    let usr1 = server.demo("usr1").await;
    let checked = key.post("/check-token", json!({"token": usr1.token(), "service_id": 4})).await.ok();
    assert_eq!((&checked.body["payload"]["username"], &checked.body["roles"]), (&json!("usr1"), &json!([])));
    let many = key.post("/check-tokens", json!({"tokens": [usr1.token()]})).await.ok();
    assert_eq!(many.body[0]["payload"]["username"], "usr1");
    // A single permission is something, too; and when it is taken back they are strangers again.
    let adm1 = server.demo("adm1").await;
    let share = json!({"person_id": 2, "service_id": 4, "permission_name": "share"});
    adm1.post("/person-service-permissions", share.clone()).await.ok();
    assert_eq!(key.get("/people/usr1/services/4").await.ok().body["permissions"], json!(["share"]));
    adm1.delete_with("/person-service-permissions", share).await.ok();
    assert_eq!(told(&key.get("/people/usr1/services/4").await), told(&nobody));
}

#[tokio::test]
async fn who_manages_one_service_names_newcomers_to_it_by_username() {
    let server = Server::on_the_demo_data().await;
    let keeper = keeper(&server).await;
    let role = |person: Value| json!({"person_id": person, "service_id": 4, "role_id": 4});
    let direct = |person: Value| json!({"person_id": person, "service_id": 4, "permission_name": "share"});
    let nobody = keeper.post("/person-service-roles", role(json!(99))).await;
    assert_eq!(nobody.refusal(), NOBODY);
    for person in [json!(2), json!("2"), json!("person-2"), json!(99), json!("person-99"), json!(2_147_483_648_i64)] {
        for answer in [
            keeper.post("/person-service-roles", role(person.clone())).await,
            keeper.delete_with("/person-service-roles", role(person.clone())).await,
            keeper.post("/person-service-permissions", direct(person.clone())).await,
            keeper.delete_with("/person-service-permissions", direct(person.clone())).await,
        ] {
            assert_eq!(told(&answer), told(&nobody), "{person}");
        }
    }
    let review = keeper.get("/services/4/access-review").await.ok();
    assert!(!review.text.contains("usr1") && review.text.contains("juan"));
    for person in [2, 99] {
        let revoke =
            json!({"revoke": [{"person_id": person, "role_id": 4}, {"person_id": person, "permission_id": 5}]});
        let answer = keeper.post("/services/4/access-review", revoke).await.ok();
        assert_eq!(answer.body["revoked"], 0, "{person}");
        let confirm = json!({"confirm": [{"person_id": person, "role_id": 4}]});
        let answer = keeper.post("/services/4/access-review", confirm).await;
        assert_eq!(answer.refusal(), (404, "grant_not_found"), "{person}");
        for path in [format!("/people/{person}/services/4/roles"), format!("/users/{person}/services/4")] {
            assert_eq!(keeper.get(&path).await.refusal(), NOBODY, "{path}");
        }
    }
    // Who is known by name is let in; from then on, and as those who were there already, by number, too.
    keeper.post("/person-service-roles", role(json!("usr1"))).await.ok();
    assert_eq!(keeper.get("/users/2/services/4").await.ok().body["roles"], json!(["Viewer"]));
    keeper.post("/person-service-permissions", direct(json!(2))).await.ok();
    keeper.post("/person-service-roles", role(json!(8))).await.ok();
    keeper.post("/person-service-roles", role(json!(keeper.id))).await.ok();
    let answer = keeper.delete_with("/person-service-roles", role(json!(2))).await.ok();
    assert_eq!(answer.body["revoked"], true);
    assert_eq!(keeper.post("/person-service-roles", role(json!("ghost"))).await.refusal(), (400, "invalid_user_id"));
}

#[tokio::test]
async fn who_reads_one_service_hears_nothing_of_roles_that_it_does_not_offer() {
    let server = Server::on_the_demo_data().await;
    let (adm1, keeper) = (server.demo("adm1").await, keeper(&server).await);
    let other = json!({"person_id": 7, "service_id": 5, "permission_name": "share"});
    let direct = adm1.post("/person-service-permissions", other).await.ok().body["role_id"].clone();
    adm1.post("/roles", json!({"name": "Elsewhere"})).await.ok();
    let elsewhere = adm1.get("/roles?q=Elsewhere").await.column("id")[0].clone();

    let unknown = keeper.get("/services/4/access-review?role=direct:7:99").await;
    assert_eq!(unknown.refusal(), (400, "invalid_role_id"));
    for role in ["direct:7:5", "Elsewhere", "Nonesuch"] {
        let answer = keeper.get(&format!("/services/4/access-review?role={role}")).await;
        assert_eq!(told(&answer), told(&unknown), "{role}");
    }
    for role in [json!(999), direct.clone(), elsewhere.clone()] {
        for path in [format!("/services/4/roles/{role}/people"), format!("/services/4/access-review?role={role}")] {
            assert_eq!(keeper.get(&path).await.refusal(), (404, "role_not_found"), "{path}");
        }
    }
    let grant = |role: Value| json!({"person_id": "juan", "service_id": 4, "role_id": role});
    for (role, refusal) in [
        (json!("direct:7:5"), (400, "invalid_role_id")),
        (json!("direct:7:99"), (400, "invalid_role_id")),
        (direct.clone(), (404, "role_not_found")),
        (json!(999), (404, "role_not_found")),
    ] {
        let offer = json!({"service_id": 4, "role_id": role});
        for answer in [
            keeper.post("/person-service-roles", grant(role.clone())).await,
            keeper.delete_with("/person-service-roles", grant(role.clone())).await,
            keeper.post("/service-roles", offer.clone()).await,
            keeper.delete_with("/service-roles", offer.clone()).await,
        ] {
            assert_eq!(answer.refusal(), refusal, "{role}");
        }
    }
    // What it offers, their own direct grants included, and all of it for those who read grants everywhere.
    let own = json!({"person_id": "juan", "service_id": 4, "permission_name": "share"});
    let own = keeper.post("/person-service-permissions", own).await.ok().body["role_id"].clone();
    for role in [json!(4), own.clone()] {
        assert!(!keeper.get(&format!("/services/4/roles/{role}/people")).await.column("id").is_empty(), "{role}");
    }
    for role in ["Viewer", "direct:7:4"] {
        assert!(
            !keeper.get(&format!("/services/4/access-review?role={role}")).await.column("person").is_empty(),
            "{role}"
        );
    }
    assert_eq!(adm1.get(&format!("/services/4/roles/{elsewhere}/people")).await.body, json!([]));
    assert_eq!(adm1.get("/services/4/access-review?role=Elsewhere").await.body, json!([]));
}

#[tokio::test]
async fn who_reads_one_service_hears_nothing_of_who_holds_something_there_no_more() {
    let server = Server::on_the_demo_data().await;
    let (adm1, keeper) = (server.demo("adm1").await, keeper(&server).await);
    let soon = server.app.clock.now().unix_timestamp() + 60;
    let share = json!({"person_id": 2, "service_id": 4, "permission_name": "share", "expires_at": soon});
    adm1.post("/person-service-permissions", share).await.ok();
    assert_eq!(keeper.get("/users/2/services/4").await.ok().body["permissions"], json!(["share"]));

    // It is over, swept up or not.
    server.app.clock.turn(time::Duration::seconds(60));
    for path in ["/users/2/services/4", "/people/2/services/4/roles"] {
        assert_eq!(keeper.get(path).await.refusal(), NOBODY, "{path}");
    }
}
