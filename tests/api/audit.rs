//! The audit trail: every change leaves an event, with who made it and from where; nothing else does.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Server};

/// The events so far, oldest first: action, actor, who acted, subject, service, before, after.
async fn events(server: &Server) -> Vec<Value> {
    sqlx::query_scalar("select to_jsonb(e) from auth.audit_events e order by id")
        .fetch_all(server.app.db.pool())
        .await
        .expect("events")
}

fn actions(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["action"].as_str()).collect()
}

#[tokio::test]
async fn each_change_is_told_once_with_who_made_it_and_from_where() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    server.execute("alter table auth.audit_events disable trigger user").await;
    server.execute("delete from auth.audit_events").await;
    server.execute("alter table auth.audit_events enable trigger user").await;

    let ada = root.post("/users", crate::users::ada()).await.ok().id();
    let service = root.post("/services", json!({"name": "Shop"})).await.ok().id();
    root.post("/services", json!({"name": "Shop"})).await.ok();
    root.put(&format!("/services/{service}"), json!({"name": "Store"})).await.ok();
    let role = root.post("/roles", json!({"name": "Clerk"})).await.ok().id();
    let grant = json!({"person_id": ada, "service_id": service, "role_id": role});
    for _ in 0..2 {
        root.post("/person-service-roles", grant.clone()).await.ok();
    }
    for _ in 0..2 {
        root.delete_with("/person-service-roles", grant.clone()).await.ok();
    }
    root.put(&format!("/users/{ada}"), json!({"password": "another passphrase", "name": "Ada Q."})).await.ok();
    root.delete(&format!("/users/{ada}")).await.ok();

    let events = events(&server).await;
    let expected = [
        "user.created",
        "service.created",
        "service.changed",
        "role.created",
        "grant.added",
        "grant.removed",
        "password.changed",
        "user.changed",
        "user.deleted",
    ];
    assert_eq!(actions(&events), expected);
    for event in &events {
        assert_eq!((&event["actor"], &event["actor_id"]), (&json!("person"), &json!(root.id)), "{event}");
        assert_eq!(event["address"], "127.0.0.1", "{event}");
        assert_eq!(event["request_id"].as_str().map(str::len), Some(32), "{event}");
    }
    assert_eq!(events[2]["before"], json!({"name": "Shop"}));
    assert_eq!(events[2]["after"], json!({"name": "Store"}));
    assert_eq!((&events[4]["subject_id"], &events[4]["service_id"]), (&json!(ada), &json!(service)));
    assert_eq!(events[7]["after"], json!({"name": "Ada Q."}));
    assert!(!format!("{events:?}").contains("argon2"));
}

#[tokio::test]
async fn logins_are_told_whether_they_succeed_or_not() {
    let server = Server::on_a_fresh_database().await;
    let ada = server.person_with("ada", &[]).await;
    let anonymous = server.anonymous();
    anonymous.log_in("ada", PASSWORD).await.ok();
    anonymous.log_in("ada", "a wrong password").await;
    anonymous.log_in("hunter2 typed as a username", "a wrong password").await;
    server.execute("update auth.person set disabled_at = now() where username = 'ada'").await;
    anonymous.log_in("ada", PASSWORD).await;

    let events = events(&server).await;
    let told: Vec<_> = events
        .iter()
        .skip(1)
        .map(|event| (&event["action"], &event["subject_id"], &event["after"]["reason"]))
        .collect();
    let ada = json!(ada.id);
    let expected = [
        ("session.created", ada.clone(), Value::Null),
        ("login.failed", ada.clone(), json!("wrong password")),
        ("login.failed", Value::Null, json!("unknown username")),
        ("login.failed", ada, json!("disabled")),
    ];
    for ((action, subject, reason), expected) in told.iter().zip(&expected) {
        assert_eq!((*action, *subject, *reason), (&json!(expected.0), &expected.1, &expected.2));
    }
    assert_eq!(told.len(), expected.len());
    assert!(!format!("{events:?}").contains("hunter2"), "what was typed may be a password in the wrong field");
}

#[tokio::test]
async fn what_is_not_committed_is_not_told() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let before = events(&server).await.len();
    let grant = json!({"person_id": root.id, "service_id": 0, "role_id": 0});
    assert_eq!(root.delete_with("/person-service-roles", grant).await.refusal(), (409, "last_administrator"));
    assert_eq!(root.post("/users", json!({"username": "x"})).await.status, 400);
    assert_eq!(events(&server).await.len(), before);
}

#[tokio::test]
async fn nobody_changes_or_deletes_an_event_not_even_the_owner_of_the_table() {
    let server = Server::on_a_fresh_database().await;
    server.administrator().await;
    for statement in [
        "update auth.audit_events set action = 'nothing'",
        "delete from auth.audit_events",
        "truncate auth.audit_events",
        "truncate auth.audit_seals",
    ] {
        let refused = sqlx::raw_sql(statement).execute(server.app.db.pool()).await.expect_err(statement);
        let refused = refused.into_database_error().expect("a refusal");
        assert_eq!(refused.code().as_deref(), Some("42501"), "{statement}");
    }
    assert!(!events(&server).await.is_empty());
}
