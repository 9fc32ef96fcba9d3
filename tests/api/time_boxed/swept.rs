//! What is over is swept up, once, and told.

use portero::access::grants::sweep;
use serde_json::json;
use time::Duration;

use super::{PERMISSIONS, ROLES, after, role, share, told, until};
use crate::support::{Caller, Server};

#[tokio::test]
async fn a_sweep_tells_the_trail_and_the_backends_once_whatever_the_number_of_instances() {
    let server = Server::on_the_demo_data().await;
    let other = server.another_instance().await;
    let adm1 = server.demo("adm1").await;
    let end = after(&server, 50);
    let mut stream = server.backend(4).await.listen(None).await;
    stream.expect("ready").await;
    for person in 1..=15 {
        adm1.post(ROLES, until(role(person, 4, "Editor"), end)).await.ok();
        adm1.post(PERMISSIONS, until(share(person, 4), end)).await.ok();
    }
    // Two of them held it already, for good: now they hold it for a time. Each direct grant tells twice: its role is new.
    for _ in 0..45 {
        stream.expect("grants-changed").await;
    }
    stream.silence().await;
    assert_eq!(sweep(&server.app).await.expect("a sweep"), 0);
    server.app.clock.turn(Duration::seconds(50));
    let apps = [&server.app, &other.app, &server.app, &other.app].map(portero::app::App::clone);
    let sweeps = Caller::together(apps.into_iter().map(|app| async move { sweep(&app).await })).await;
    let mut swept: u64 = sweeps.into_iter().map(|swept| swept.expect("a sweep")).sum();
    // What two wanted at once neither waits for: the next one finds it.
    swept += sweep(&server.app).await.expect("a sweep");
    assert_eq!(swept, 30);
    let events =
        "select count(*) from auth.audit_events where actor = 'system' and service_id = 4 and request_id is null
        and action in ('grant.expired', 'direct-grant.expired') and before ? 'expires_at' and after is null";
    assert_eq!(server.number(events).await, 30);
    assert_eq!(
        server
            .number("select count(distinct (subject_id, before)) from auth.audit_events where actor = 'system'")
            .await,
        30
    );
    assert_eq!(server.number("select count(*) from auth.role where direct_person_id is not null").await, 0);
    let mut heard = std::collections::BTreeSet::new();
    while heard.len() < 15 {
        heard.insert(stream.expect("grants-changed").await.data["user_id"].as_i64());
    }
}

#[tokio::test]
async fn a_direct_role_goes_with_the_last_of_its_permissions() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    let grant = |permission: &str| json!({"person_id": 7, "service_id": 4, "permission_name": permission});
    adm1.post(PERMISSIONS, until(grant("share"), after(&server, 50))).await.ok();
    adm1.post(PERMISSIONS, until(grant("write"), after(&server, 100))).await.ok();
    adm1.post(PERMISSIONS, grant("delete")).await.ok();
    let held = async || {
        let held = juan.get("/people/juan/services/4").await.body;
        (held["roles"].as_array().map(Vec::len), held["permissions"].clone(), held.get("valid_until").is_some())
    };
    assert_eq!(held().await, (Some(2), json!(["read", "write", "delete", "share"]), true));
    server.app.clock.turn(Duration::seconds(60));
    assert_eq!(held().await, (Some(2), json!(["read", "write", "delete"]), true));
    adm1.delete_with(PERMISSIONS, grant("delete")).await.ok();
    let ends = juan.get("/people/juan/services/4/roles").await.column("expires_at");
    assert_eq!(ends.iter().filter(|end| end.is_string()).count(), 1);
    server.app.clock.turn(Duration::seconds(60));
    assert_eq!(held().await, (Some(1), json!(["read"]), false));
    adm1.delete("/permissions/2").await.ok();
    assert_eq!(sweep(&server.app).await.expect("a sweep"), 1, "`write` went with its permission");
    assert_eq!(server.number("select count(*) from auth.role where direct_person_id is not null").await, 0);
}

#[tokio::test]
async fn whoever_is_being_changed_is_swept_the_next_time() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for person in [7, 8] {
        adm1.post(ROLES, until(role(person, 4, "Editor"), after(&server, 20))).await.ok();
        adm1.post(PERMISSIONS, until(share(person, 4), after(&server, 20))).await.ok();
    }
    server.app.clock.turn(Duration::seconds(30));
    let mut tx = server.app.db.begin().await.expect("a transaction");
    sqlx::query("select from auth.person where id = 7 for update").execute(&mut *tx).await.expect("a lock");
    assert_eq!(sweep(&server.app).await.expect("a sweep"), 2);
    tx.rollback().await.expect("an end");
    assert_eq!(sweep(&server.app).await.expect("a sweep"), 2);
}

#[tokio::test]
async fn lengthened_swept_up_and_taken_at_once_it_is_held_or_not_as_the_last_said() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "12")]).await;
    let root = server.administrator().await;
    root.post("/services", json!({"name": "Shop"})).await.ok();
    root.post("/roles", json!({"name": "Clerk"})).await.ok();
    root.post("/permissions", json!({"name": "share"})).await.ok();
    let ada = server.person_with("ada", &[]).await;
    for round in 0..6 {
        for grant in [(ROLES, role(ada.id, 1, 1)), (PERMISSIONS, share(ada.id, 1))] {
            root.post(grant.0, until(grant.1, after(&server, 2))).await.ok();
        }
        server.app.clock.turn(Duration::seconds(3));
        let takes = round % 2 == 0;
        let requests = (0..18).map(|n| {
            let (root, app, ada) = (root.clone(), server.app.clone(), ada.id);
            let end = after(&server, 600);
            async move {
                match n % 6 {
                    0 => drop(sweep(&app).await.expect("a sweep")),
                    1 if takes => drop(root.delete_with(ROLES, role(ada, 1, 1)).await.ok()),
                    2 if takes => drop(root.delete_with(PERMISSIONS, share(ada, 1)).await.ok()),
                    3 => drop(root.post(PERMISSIONS, until(share(ada, 1), end)).await.ok()),
                    _ => drop(root.post(ROLES, until(role(ada, 1, 1), end)).await.ok()),
                }
            }
        });
        Caller::together(requests).await;
        sweep(&server.app).await.expect("a sweep");
        let held = ada.get("/people/ada/services/1").await.body;
        if !takes {
            assert_eq!((&held["roles"][0], &held["permissions"]), (&json!("Clerk"), &json!(["share"])), "{held}");
        }
        assert_eq!(server.number("select count(*) from auth.person_service_role where expires_at < now()").await, 0);
        root.delete_with(ROLES, role(ada.id, 1, 1)).await.ok();
        root.delete_with(PERMISSIONS, share(ada.id, 1)).await.ok();
        assert_eq!(ada.get("/people/ada/services/1").await.body["roles"], json!([]));
    }
    // Whatever came when: what was given and what went add up.
    for kind in ["grant", "direct-grant"] {
        let events = told(&server).await;
        let count = |what: &str| events.iter().filter(|(action, ..)| *action == format!("{kind}.{what}")).count();
        let over = events.iter().filter(|(action, before, _)| *action == format!("{kind}.added") && !before.is_null());
        assert_eq!(count("added"), count("removed") + count("expired") + over.count(), "{kind}");
    }
}
