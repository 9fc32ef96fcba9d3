//! Who is disabled or removed gets in by no path, and what is revoked stays revoked.

use serde_json::json;

use crate::support::{Caller, PASSWORD, Server, document};

/// Every operation that is not public, sent by somebody: none may let them in.
async fn is_out_everywhere(caller: &Caller) {
    for operation in document::operations().iter().filter(|operation| !operation.is_public()) {
        let answer = caller.send(operation.method.clone(), &operation.example_path(), "").await;
        assert_eq!(answer.refusal(), (401, "invalid_token"), "{operation}");
    }
    let body = json!({"token": caller.token()});
    assert_eq!(caller.post("/check-token", body).await.refusal(), (401, "invalid_token"));
    assert_eq!(caller.log_in(&caller.username, PASSWORD).await.refusal(), (401, "invalid_credentials"));
}

#[tokio::test]
async fn a_removed_administrator_is_out() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let other = server.person_with("other", &[(0, 0)]).await;
    root.delete(&format!("/users/{}", other.id)).await.ok();
    is_out_everywhere(&other).await;
}

#[tokio::test]
async fn a_disabled_administrator_is_out_until_enabled_and_then_needs_a_new_login() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let other = server.person_with("other", &[(0, 0)]).await;
    for _ in 0..2 {
        let disabled = root.post(&format!("/users/{}/disable", other.id), json!({})).await;
        assert_eq!(disabled.body, json!({"status": "user_disabled", "user_id": other.id}));
    }
    is_out_everywhere(&other).await;
    for _ in 0..2 {
        let enabled = root.post(&format!("/users/{}/enable", other.id), json!({})).await;
        assert_eq!(enabled.body, json!({"status": "user_enabled", "user_id": other.id}));
    }
    assert_eq!(other.check().await.refusal(), (401, "invalid_token"), "the old session does not come back");
    assert_eq!(server.anonymous().log_in("other", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn the_last_administrator_is_not_disabled_and_nobody_is_who_is_not_there() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    assert_eq!(
        root.post(&format!("/users/{}/disable", root.id), json!({})).await.refusal(),
        (409, "last_administrator")
    );
    assert_eq!(root.check().await.status, 200);
    let (one, two) = (server.person_with("one", &[(0, 0)]).await, server.person_with("two", &[(0, 0)]).await);
    let requests = [(&root, &one), (&one, &two), (&two, &root)].map(|(by, whom)| {
        let (by, path) = (by.clone(), format!("/users/{}/disable", whom.id));
        async move { by.post(&path, json!({})).await.status }
    });
    Caller::together(requests).await;
    let left = "select count(*) from auth.person where disabled_at is null";
    assert!(server.number(left).await > 0, "however they disable each other");
    for act in ["disable", "enable"] {
        let gone = server.person_with(&format!("gone{act}"), &[]).await;
        server.execute("update auth.person set removed_at = now() where username like 'gone%'").await;
        let chief = server.person_with(&format!("chief{act}"), &[(0, 0)]).await;
        for id in [gone.id, 99_999] {
            let answer = chief.post(&format!("/users/{id}/{act}"), json!({})).await;
            assert_eq!(answer.refusal(), (404, "user_not_found"));
        }
        assert_eq!(chief.post(&format!("/users/ada/{act}"), json!({})).await.refusal(), (400, "invalid_user_id"));
    }
}

#[tokio::test]
async fn whoever_disables_or_removes_a_person_ends_their_sessions_even_in_psql() {
    let server = Server::on_a_fresh_database().await;
    for (name, sql) in [
        ("first", "update auth.person set disabled_at = now() where username = 'first'"),
        ("second", "update auth.person set removed_at = now() where username = 'second'"),
    ] {
        let person = server.person_with(name, &[(0, 0)]).await;
        server.execute(sql).await;
        is_out_everywhere(&person).await;
    }
}

#[tokio::test]
async fn nobody_gets_the_grants_of_a_removed_namesake() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let old = server.person_with("ada", &[(0, 0)]).await;
    root.delete(&format!("/users/{}", old.id)).await.ok();
    let new = server.person_with("ada", &[]).await;
    assert!(new.id > old.id);
    assert_eq!(new.get("/users").await.status, 403);
    assert_eq!(new.get("/people/ada/services/0").await.body["roles"], json!([]));
    is_out_everywhere_but_by_password(&old).await;
}

async fn is_out_everywhere_but_by_password(caller: &Caller) {
    assert_eq!(caller.check().await.refusal(), (401, "invalid_token"));
    assert_eq!(caller.get("/auth/profile").await.refusal(), (401, "invalid_token"));
}

#[tokio::test]
async fn who_loses_a_role_loses_it_in_the_very_next_request_on_every_instance() {
    let server = Server::on_a_fresh_database().await;
    let elsewhere = server.another_instance().await;
    let root = server.administrator().await;
    for (n, end) in ["revoke", "withdraw", "unlink", "delete role", "delete service"].into_iter().enumerate() {
        let role = root.post("/roles", json!({"name": format!("R{n}")})).await.id();
        let service = root.post("/services", json!({"name": format!("S{n}")})).await.id();
        let permission = root.post("/permissions", json!({"name": format!("P{n}")})).await.id();
        let link = json!({"role_id": role, "permission_id": permission});
        root.post("/role-permissions", link.clone()).await.ok();
        let ada = server.person_with(&format!("ada{n}"), &[]).await;
        let grant = json!({"person_id": ada.id, "service_id": service, "role_id": role});
        root.post("/person-service-roles", grant.clone()).await.ok();
        let question = json!({"service_id": service, "permission": format!("P{n}")});
        assert_eq!(ada.at(&elsewhere).post("/check-token", question.clone()).await.body["allowed"], true);

        let ended = match end {
            "revoke" => root.delete_with("/person-service-roles", grant).await,
            "withdraw" => root.delete_with("/service-roles", json!({"service_id": service, "role_id": role})).await,
            "unlink" => root.delete_with("/role-permissions", link).await,
            "delete role" => root.delete(&format!("/roles/{role}")).await,
            _ => root.delete(&format!("/services/{service}")).await,
        };
        assert_eq!(ended.status, 200, "{end}");
        for ada in [&ada, &ada.at(&elsewhere)] {
            let answer = ada.post("/check-token", question.clone()).await;
            assert!(answer.status == 404 || answer.body["allowed"] == false, "{end}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn an_administrator_no_longer_is_one_in_the_very_next_request() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let other = server.person_with("other", &[(0, 0)]).await;
    assert_eq!(other.get("/users").await.status, 200);
    let grant = json!({"person_id": other.id, "service_id": 0, "role_id": 0});
    root.delete_with("/person-service-roles", grant).await.ok();
    assert_eq!(other.get("/users").await.status, 403);
    assert_eq!(other.check().await.status, 200, "the session itself goes on");
}
