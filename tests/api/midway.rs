//! What changes while a request is under way: the change waits, asks again, and finds that its caller may not any more.
//!
//! Each test holds the caller's row, as the routes that change a person do, lets the request run into it, and only then
//! commits.

use axum::http::Method;
use portero::platform::database::Transaction;
use serde_json::{Value, json};
use tokio::task::LocalSet;

use crate::support::{Caller, Response, Server};

/// Requests that change something, and that an administrator may send.
fn changes(somebody: i32) -> Vec<(Method, String, Value)> {
    let grant = json!({"person_id": somebody, "service_id": 1, "role_id": 1});
    let direct = json!({"person_id": somebody, "service_id": 1, "permission_id": 1});
    let offer = json!({"service_id": 1, "role_id": 1});
    let link = json!({"role_id": 1, "permission_id": 1});
    let user = format!("/users/{somebody}");
    let mut changes = vec![
        (Method::POST, "/users".into(), crate::passwords::imported("new", crate::support::PASSWORD_HASH.as_str())),
        (Method::PUT, user.clone(), json!({"name": "Changed"})),
        (Method::PATCH, user.clone(), json!({"name": "Changed"})),
        (Method::DELETE, user, json!({})),
        (Method::POST, "/users/delete".into(), json!({"user_ids": [somebody]})),
        (Method::PUT, format!("/administrators/{somebody}"), json!({})),
        (Method::DELETE, format!("/administrators/{somebody}"), json!({})),
        (Method::POST, "/role-permissions".into(), link.clone()),
        (Method::DELETE, "/role-permissions".into(), link),
        (Method::POST, "/service-roles".into(), offer.clone()),
        (Method::POST, "/service-roles".into(), json!({"service_id": "Unheard of", "role_id": 1})),
        (Method::DELETE, "/service-roles".into(), offer),
        (Method::POST, "/person-service-roles".into(), grant.clone()),
        (Method::DELETE, "/person-service-roles".into(), grant),
        (Method::POST, "/person-service-permissions".into(), direct.clone()),
        (Method::DELETE, "/person-service-permissions".into(), direct),
    ];
    let revoke = json!({"revoke": [{"person_id": somebody, "role_id": 1}]});
    changes.push((Method::POST, "/services/1/access-review".into(), revoke));
    changes.push((Method::POST, "/services/1/keys".into(), json!({"name": "New"})));
    changes.push((Method::DELETE, "/services/1/keys/1".into(), json!({})));
    for collection in ["/roles", "/permissions", "/services"] {
        changes.push((Method::POST, collection.into(), json!({"name": "New"})));
        changes.push((Method::PUT, format!("{collection}/1"), json!({"name": "Changed"})));
        changes.push((Method::DELETE, format!("{collection}/1"), json!({})));
    }
    changes
}

/// Sends all of them, waits until all wait for a lock, commits, and answers what they were told.
async fn meanwhile(server: &Server, caller: &Caller, somebody: i32, tx: Transaction) -> Vec<Response> {
    let local = LocalSet::new();
    let sent = changes(somebody).into_iter().map(|(method, path, body)| {
        let caller = caller.clone();
        local.spawn_local(async move { caller.send(method, &path, &body.to_string()).await })
    });
    let sent: Vec<_> = sent.collect();
    local
        .run_until(async {
            let waiting = "select count(*) from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock'";
            let all = i64::try_from(sent.len()).expect("few");
            let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(8);
            while server.number(waiting).await < all {
                assert!(tokio::time::Instant::now() < deadline, "not every change asks again under a lock");
                tokio::task::yield_now().await;
            }
            tx.commit().await.expect("a commit");
        })
        .await;
    local.await;
    let mut answers = Vec::new();
    for answer in sent {
        answers.push(answer.await.expect("an answer"));
    }
    answers
}

async fn world() -> (Server, Caller, i32) {
    let server = Server::configured(&[("MAX_CONNECTIONS", "30")]).await;
    let root = server.administrator().await;
    for collection in ["/roles", "/permissions", "/services"] {
        root.post(collection, json!({"name": "One"})).await.ok();
    }
    let somebody = server.person_with("somebody", &[]).await.id;
    let caller = server.person_with("caller", &[(0, 0)]).await;
    server.backend(1).await;
    (server, caller, somebody)
}

const EVERYTHING: &str = "select md5(string_agg(row, ' ' order by row)) from (
    select p::text from auth.person p where username <> 'caller'
    union all select s::text from auth.services s union all select r::text from auth.role r
    union all select p::text from auth.permission p union all select rp::text from auth.role_permission rp
    union all select sr::text from auth.service_roles sr union all select sk::text from auth.service_keys sk
    union all select psr::text from auth.person_service_role psr where person_id <> 3
) everything (row)";

async fn everything(server: &Server) -> String {
    sqlx::query_scalar(EVERYTHING).fetch_one(server.app.db.pool()).await.expect("a digest")
}

/// Runs `sql` while all changes are under way; each must be told `refusal`, and nothing may have changed.
async fn refuses_all(sql: &'static str, refusal: (u16, &str)) {
    let (server, caller, somebody) = world().await;
    assert_eq!(caller.id, 3);
    let before = everything(&server).await;
    let mut tx = server.app.db.begin().await.expect("a transaction");
    sqlx::query("select from auth.person where id = 3 for no key update").execute(&mut *tx).await.expect("a lock");
    sqlx::raw_sql(sql).execute(&mut *tx).await.expect("a change");
    for answer in meanwhile(&server, &caller, somebody, tx).await {
        assert_eq!(answer.refusal(), refusal, "{answer:?}");
    }
    assert_eq!(everything(&server).await, before, "nothing has changed");
}

#[tokio::test]
async fn who_loses_their_role_midway_changes_nothing() {
    let sql = "delete from auth.person_service_role where person_id = 3";
    refuses_all(sql, (403, "insufficient_permissions")).await;
}

#[tokio::test]
async fn who_is_disabled_midway_changes_nothing() {
    refuses_all("update auth.person set disabled_at = now() where id = 3", (401, "invalid_token")).await;
}

#[tokio::test]
async fn whose_session_ends_midway_changes_nothing() {
    refuses_all("delete from auth.tokens_cache where person_id = 3", (401, "invalid_token")).await;
}

#[tokio::test]
async fn who_stays_what_they_are_changes_what_they_asked_for() {
    let (server, caller, somebody) = world().await;
    let before = everything(&server).await;
    let mut tx = server.app.db.begin().await.expect("a transaction");
    sqlx::query("select from auth.person where id = 3 for no key update").execute(&mut *tx).await.expect("a lock");
    for answer in meanwhile(&server, &caller, somebody, tx).await {
        assert!([200, 201, 400, 404].contains(&answer.status), "they undo each other, and no more: {answer:?}");
    }
    assert_ne!(everything(&server).await, before);
}
