//! Nobody gives for longer than they hold, and time alone locks nobody out.

use serde_json::{Value, json};
use time::Duration;

use super::{FORBIDDEN, PERMISSIONS, ROLES, after, role, told, until};
use crate::support::{Caller, Server};

#[tokio::test]
async fn nobody_gives_what_is_porteros_for_longer_than_they_hold_it() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    root.post("/services", json!({"name": "Shop"})).await.ok();
    root.post("/roles", json!({"name": "Clerk"})).await.ok();
    root.post("/roles", json!({"name": "Mighty"})).await.ok();
    root.post("/role-permissions", json!({"role_id": "Mighty", "permission_id": "users:write"})).await.ok();
    let chief = server.person_with("chief", &[]).await;
    server.person_with("ada", &[]).await;
    let (sooner, end, later) = (after(&server, 1000), after(&server, 2000), after(&server, 3000));
    root.post(ROLES, until(role("chief", 0, "Administrator"), end)).await.ok();

    for person in ["chief", "ada"] {
        for held in ["Administrator", "Writer", "Mighty"] {
            for service in [0, 1] {
                for longer in [json!(later), Value::Null] {
                    let answer = chief.post(ROLES, until(role(person, service, held), longer)).await;
                    assert_eq!(answer.refusal(), FORBIDDEN, "{person} {held} in {service}");
                }
            }
            if person == "ada" {
                let answer = chief.post(ROLES, role(person, 0, held)).await;
                assert_eq!(answer.refusal(), FORBIDDEN, "a new one does not end");
            }
        }
        let own = json!({"person_id": person, "service_id": 0, "permission_id": -9});
        assert_eq!(chief.post(PERMISSIONS, own.clone()).await.refusal(), FORBIDDEN);
        assert_eq!(chief.post(PERMISSIONS, until(own.clone(), later)).await.refusal(), FORBIDDEN);
        chief.post(PERMISSIONS, until(own, end)).await.ok();
    }
    chief.post(ROLES, role("chief", 0, "Administrator")).await.ok();
    chief.post(ROLES, until(role("ada", 0, "Writer"), sooner)).await.ok();
    chief.post(ROLES, until(role("ada", 0, "Writer"), end)).await.ok();
    chief.post(ROLES, until(role("ada", 0, "Writer"), sooner)).await.ok();
    chief.post(ROLES, role("ada", 1, "Clerk")).await.ok();
    let link = json!({"role_id": "Clerk", "permission_id": "users:write"});
    assert_eq!(chief.post("/role-permissions", link).await.refusal(), FORBIDDEN, "a role carries for good");
    let password = json!({"password": "a passphrase of mine"});
    assert_eq!(chief.put(&format!("/users/{}", root.id), password.clone()).await.refusal(), FORBIDDEN);
    let ada = root.get("/users?q=ada").await.body[0]["id"].clone();
    chief.put(&format!("/users/{ada}"), password).await.ok();
}

#[tokio::test]
async fn nobody_takes_away_what_others_hold_for_longer() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let other = server.person_with("other", &[(0, 0), (0, -1)]).await;
    let chief = server.person_with("chief", &[]).await;
    let (sooner, end) = (after(&server, 1000), after(&server, 2000));
    root.post(ROLES, until(role("chief", 0, "Administrator"), end)).await.ok();
    server.person_with("ada", &[]).await;
    chief.post(ROLES, until(role("ada", 0, "Administrator"), sooner)).await.ok();
    assert_eq!(chief.delete("/administrators/other").await.refusal(), FORBIDDEN);
    assert_eq!(chief.delete_with(ROLES, role("other", 0, "Writer")).await.refusal(), FORBIDDEN);
    let review = json!({"revoke": [{"person_id": other.id, "role_id": -1}]});
    assert_eq!(chief.post("/services/0/access-review", review).await.refusal(), FORBIDDEN);
    chief.delete("/administrators/ada").await.ok();
    chief.delete("/administrators/chief").await.ok();
    root.delete("/administrators/other").await.ok();
}

#[tokio::test]
async fn who_does_not_hold_a_role_neither_lengthens_nor_shortens_it_for_others() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let writer = server.person_with("writer", &[(0, -1)]).await;
    server.person_with("auditor", &[]).await;
    root.post(ROLES, until(role("auditor", 0, "Auditor"), after(&server, 1000))).await.ok();
    for end in [json!(after(&server, 2000)), json!(after(&server, 500)), Value::Null] {
        assert_eq!(writer.post(ROLES, until(role("auditor", 0, "Auditor"), end)).await.refusal(), FORBIDDEN);
    }
    assert_eq!(writer.post(ROLES, role("auditor", 0, "Auditor")).await.refusal(), FORBIDDEN);
    assert_eq!(told(&server).await.len(), 1);
}

#[tokio::test]
async fn an_administrator_whose_role_ends_is_not_the_one_who_stays() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let deputy = server.person_with("deputy", &[]).await;
    let chief = |person: &Caller| role(person.id, 0, "Administrator");
    root.post(ROLES, until(chief(&deputy), after(&server, 200))).await.ok();
    let last = (409, "last_administrator");
    for (who, refusal) in [(&root, last), (&deputy, FORBIDDEN)] {
        assert_eq!(who.delete_with(ROLES, chief(&root)).await.refusal(), refusal);
        assert_eq!(who.post(ROLES, until(chief(&root), after(&server, 200))).await.refusal(), refusal);
    }
    assert_eq!(root.delete(&format!("/users/{}", root.id)).await.refusal(), last);
    let withdraw = json!({"service_id": 0, "role_id": 0});
    assert_eq!(root.delete_with("/service-roles", withdraw).await.refusal(), last);
    let review = json!({"revoke": [{"person_id": root.id, "role_id": 0}]});
    assert_eq!(root.post("/services/0/access-review", review).await.refusal(), last);

    root.post(ROLES, until(chief(&deputy), Value::Null)).await.ok();
    deputy.post(ROLES, until(chief(&root), after(&server, 100))).await.ok();
    assert_eq!(deputy.post(ROLES, until(chief(&deputy), after(&server, 100))).await.refusal(), last);
    assert_eq!(root.post(ROLES, until(chief(&root), Value::Null)).await.refusal(), FORBIDDEN, "not by oneself");
    server.app.clock.turn(Duration::seconds(100));
    assert_eq!(root.get("/users").await.status, 403);
    assert_eq!(deputy.get("/users").await.status, 200);
}

#[tokio::test]
async fn two_who_make_each_other_temporary_leave_one_who_stays() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "8")]).await;
    let a = server.person_with("a", &[(0, 0)]).await;
    let b = server.person_with("b", &[(0, 0)]).await;
    for _ in 0..5 {
        let end = after(&server, 3600);
        let against = |by: &Caller, whom: &Caller| {
            let (by, grant) = (by.clone(), until(role(whom.id, 0, 0), end));
            async move { by.post(ROLES, grant).await }
        };
        let mut answers = Caller::together([against(&a, &b), against(&b, &a)]).await;
        answers.sort_by_key(|answer| answer.status);
        assert_eq!(answers[0].status, 200);
        let refusal = answers[1].refusal();
        assert!([FORBIDDEN, (409, "last_administrator")].contains(&refusal), "{refusal:?}");
        server.execute("update auth.person_service_role set expires_at = null").await;
    }
}
