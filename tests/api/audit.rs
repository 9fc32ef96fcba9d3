//! The audit trail: every change leaves an event, with who made it and from where; nothing else does.

use serde_json::{Value, json};

use portero::app::trail::Head;
use time::Duration;

use crate::support::{Caller, PASSWORD, Server};

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
    for act in ["disable", "disable", "enable", "enable"] {
        root.post(&format!("/users/{ada}/{act}"), json!({})).await.ok();
    }
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
        "user.disabled",
        "user.enabled",
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

/// The trail, sealed and verified: what is wrong with it.
async fn faults(server: &Server) -> Vec<(&'static str, Option<i64>)> {
    report(server, None).await.faults.into_iter().map(|fault| (fault.kind, fault.position)).collect()
}

async fn report(server: &Server, noted: Option<Head>) -> portero::app::trail::VerifyReport {
    let mut tx = server.app.db.begin().await.expect("a transaction");
    portero::app::trail::verify(&mut tx, noted).await.expect("Postgres answers")
}

/// Some events, sealed.
async fn sealed_trail() -> Server {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for name in ["A", "B", "C", "D"] {
        root.post("/services", json!({"name": name})).await.ok();
    }
    while portero::app::trail::seal(&server.app).await.expect("sealed") > 0 {}
    assert_eq!(faults(&server).await, []);
    server
}

/// What somebody does who has got hold of the database.
async fn by_force(server: &Server, sql: &str) {
    let mut conn = server.app.db.pool().acquire().await.expect("a connection");
    sqlx::raw_sql("set session_replication_role = replica").execute(&mut *conn).await.expect("a superuser");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut *conn).await.expect(sql);
    sqlx::raw_sql("set session_replication_role = origin").execute(&mut *conn).await.expect("as it was");
}

#[tokio::test]
async fn a_changed_event_is_found() {
    let server = sealed_trail().await;
    by_force(&server, "update auth.audit_events set actor_id = 99 where after->>'name' = 'B'").await;
    assert_eq!(faults(&server).await, [("changed", Some(3))]);
}

#[tokio::test]
async fn a_missing_event_is_found_with_its_seal_or_without() {
    let server = sealed_trail().await;
    by_force(&server, "delete from auth.audit_events where after->>'name' = 'B'").await;
    assert_eq!(faults(&server).await, [("missing", Some(3))]);
    by_force(&server, "delete from auth.audit_seals where position = 3").await;
    assert_eq!(faults(&server).await, [("missing", Some(3)), ("unproved", Some(4))]);
}

#[tokio::test]
async fn no_change_hides_behind_a_seal_that_is_missing() {
    for (position, event) in [(1, 2), (3, 4)] {
        let server = sealed_trail().await;
        let changes = format!(
            "update auth.audit_events set actor_id = 99
             where id = (select event_id from auth.audit_seals where position = {event});
             delete from auth.audit_seals where position = {position}"
        );
        by_force(&server, &changes).await;
        let found = faults(&server).await;
        assert_eq!(found, [("missing", Some(position)), ("unproved", Some(event)), ("inserted", None)]);
        assert!(report(&server, None).await.intact < 4);
    }
}

#[tokio::test]
async fn an_event_that_was_slipped_in_is_found() {
    let server = sealed_trail().await;
    by_force(&server, "insert into auth.audit_events (at, action, actor) values (now(), 'user.deleted', 'system')")
        .await;
    assert_eq!(faults(&server).await, [("inserted", None)]);
}

#[tokio::test]
async fn a_chain_that_was_cut_off_or_written_anew_does_not_go_through_a_head_that_was_noted() {
    let server = sealed_trail().await;
    let noted = report(&server, None).await.head.expect("a head");
    assert_eq!(noted.to_string().parse(), Ok(noted));
    by_force(
        &server,
        "delete from auth.audit_events where id = (select event_id from auth.audit_seals where position = 5);
         delete from auth.audit_seals where position = 5",
    )
    .await;
    assert_eq!(faults(&server).await, [], "by itself the rest is whole");
    let kinds: Vec<_> = report(&server, Some(noted)).await.faults.into_iter().map(|fault| fault.kind).collect();
    assert_eq!(kinds, ["head"]);
}

#[tokio::test]
async fn an_event_whose_transaction_ends_late_is_sealed_late_and_holds_up_nobody() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let mut late = server.app.db.begin().await.expect("a transaction");
    sqlx::query("insert into auth.audit_events (at, action, actor) values (now(), 'user.deleted', 'system')")
        .execute(&mut *late)
        .await
        .expect("an event");
    root.post("/services", json!({"name": "A"})).await.ok();
    portero::app::trail::seal(&server.app).await.expect("sealed");
    assert_eq!(server.number("select count(*) from auth.audit_unsealed").await, 0);
    late.commit().await.expect("committed");
    assert_eq!(portero::app::trail::seal(&server.app).await.expect("sealed"), 1);
    assert_eq!(faults(&server).await, []);
    let last = "select event_id from auth.audit_seals order by position desc limit 1";
    assert!(server.number(last).await < server.number("select max(event_id) from auth.audit_seals").await);
}

#[tokio::test]
async fn many_instances_that_seal_while_many_write_make_one_whole_chain() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "8")]).await;
    let elsewhere = server.another_instance().await;
    let root = server.administrator().await;
    let requests = (0..40).map(|n| {
        let (root, app) = (root.clone(), if n % 2 == 0 { server.app.clone() } else { elsewhere.app.clone() });
        async move {
            root.post("/services", json!({"name": format!("S{n}")})).await.ok();
            // Of two that seal at once one is refused.
            let _ = portero::app::trail::seal(&app).await;
        }
    });
    Caller::together(requests).await;
    while portero::app::trail::seal(&server.app).await.expect("sealed") > 0 {}
    let report = report(&server, None).await;
    assert_eq!((report.faults, report.unsealed), (vec![], 0));
    assert_eq!(report.intact, server.number("select count(*) from auth.audit_events").await.unsigned_abs());
}

#[tokio::test]
async fn what_is_older_than_the_retention_goes_from_the_old_end_and_the_rest_can_be_verified() {
    let server = Server::configured(&[("AUDIT_RETENTION_DAYS", "30")]).await;
    let root = server.administrator().await;
    for name in ["A", "B"] {
        root.post("/services", json!({"name": name})).await.ok();
    }
    portero::app::trail::seal(&server.app).await.expect("sealed");
    let noted = report(&server, None).await.head.expect("a head");
    assert_eq!(portero::app::trail::prune(&server.app).await.expect("pruned"), 0, "nothing is old enough");
    server.app.clock.turn(Duration::days(29));
    let root = server.session_of(root.id).await;
    root.post("/services", json!({"name": "C"})).await.ok();
    portero::app::trail::seal(&server.app).await.expect("sealed");
    server.app.clock.turn(Duration::days(2));
    assert_eq!(portero::app::trail::prune(&server.app).await.expect("pruned"), 3);
    portero::app::trail::seal(&server.app).await.expect("sealed");

    let told = events(&server).await;
    assert_eq!(actions(&told), ["session.created", "service.created", "audit.pruned"]);
    assert_eq!((&told[2]["after"]["events"], &told[2]["after"]["position"]), (&json!(3), &json!(3)));
    let report = report(&server, Some(noted)).await;
    assert_eq!((report.faults, report.begins_after, report.intact), (vec![], 3, 3));
    let refused = sqlx::raw_sql("delete from auth.audit_events").execute(server.app.db.pool()).await;
    assert!(refused.is_err(), "what was not pruned stays undeletable");
}

#[tokio::test]
async fn nobody_prunes_in_silence_and_what_was_cut_off_all_the_same_is_named() {
    let server = sealed_trail().await;
    for statement in [
        "update auth.audit_pruned set position = 2, hash = (select hash from auth.audit_seals where position = 2)",
        "update auth.audit_pruned set position = 3, hash = decode(repeat('00', 32), 'hex')",
        "update auth.audit_pruned set position = 99",
        "delete from auth.audit_pruned",
        "truncate auth.audit_pruned",
    ] {
        assert!(sqlx::raw_sql(statement).execute(server.app.db.pool()).await.is_err(), "{statement}");
    }
    assert_eq!(faults(&server).await, []);
    by_force(
        &server,
        "update auth.audit_pruned set position = 2, hash = (select hash from auth.audit_seals where position = 2);
         delete from auth.audit_events where id in (select event_id from auth.audit_seals where position <= 2);
         delete from auth.audit_seals where position <= 2",
    )
    .await;
    assert_eq!(faults(&server).await, [("missing", Some(2))]);
    by_force(&server, "truncate auth.audit_pruned").await;
    let found = [("missing", Some(1)), ("missing", Some(2)), ("unproved", Some(3))];
    assert_eq!(faults(&server).await, found);
}

#[tokio::test]
async fn an_auditor_finds_events_by_who_what_whom_where_and_when() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let (ada, eva) = (server.person_with("ada", &[]).await, server.person_with("eva", &[]).await);
    let auditor = server.person_with("auditor", &[(0, -3)]).await;
    let role = root.post("/roles", json!({"name": "Clerk"})).await.id();
    let (shop, store) = (
        root.post("/services", json!({"name": "Shop"})).await.id(),
        root.post("/services", json!({"name": "Store"})).await.id(),
    );
    for (person, service) in [(&ada, shop), (&eva, shop), (&ada, store)] {
        let grant = json!({"person_id": person.id, "service_id": service, "role_id": role});
        root.post("/person-service-roles", grant).await.ok();
    }
    let before = server.app.clock.now();
    server.app.clock.turn(Duration::minutes(2));
    root.delete(&format!("/users/{}", eva.id)).await.ok();

    let find = async |query: &str| auditor.get(&format!("/audit-events{query}")).await;
    let count = async |query: &str| find(query).await.ok().body.as_array().map_or(0, Vec::len);
    assert_eq!(count("?action=grant.added").await, 3);
    assert_eq!(count("?action=grant.*,role.created").await, 4);
    let many = "user.created,".repeat(60) + "grant.added";
    assert_eq!(count(&format!("?action={many}&subject=ada")).await, 2, "however many are named");
    assert_eq!(count("?action=grant.added&subject=ada").await, 2);
    assert_eq!(count(&format!("?action=grant.added&service={shop}")).await, 2);
    assert_eq!(count("?action=grant.added&service=Shop&subject=ada&actor=root").await, 1);
    assert_eq!(count("?actor=ada&action=grant.added").await, 0);
    let moment = before.format(&time::format_description::well_known::Rfc3339).expect("a moment");
    assert_eq!(count(&format!("?until={moment}&action=grant.*,user.*")).await, 3);
    let late = find(&format!("?from={moment}&actor=root")).await.ok();
    assert_eq!(late.column("action"), ["user.deleted"]);
    assert_eq!(late.body[0]["subject"], json!({"id": eva.id, "name": "eva"}), "also after their end");
    assert_eq!(late.body[0]["actor"], json!({"type": "person", "id": root.id, "username": "root"}));
    assert_eq!(count(&format!("?subject={}", eva.id)).await, 3);

    let all = count("?limit=1000").await;
    let (mut pages, mut next) = (0, Some("/audit-events?limit=3&actor=root".to_owned()));
    let mut seen = Vec::new();
    while let Some(path) = next {
        let page = auditor.get(&path).await.ok();
        seen.extend(page.column("id"));
        next = page.next();
        pages += 1;
    }
    assert!(pages >= 3 && seen.len() < all);
    assert!(seen.is_sorted_by_key(|id| -id.as_i64().expect("an id")));
}

#[tokio::test]
async fn bad_questions_are_refused_with_what_is_wrong_with_them() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for (query, named) in [
        ("action=user.exploded", "action"),
        ("action=*", "action"),
        ("action=user*", "action"),
        ("from=yesterday", "from"),
        ("until=2026-13-01T00:00:00Z", "until"),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=1001", "limit"),
        ("after=x", "after"),
        ("after=99999999999999999999", "after"),
        ("actr=ada", "actr"),
        ("format=csv", "format"),
    ] {
        let answer = root.get(&format!("/audit-events?{query}")).await;
        assert_eq!(answer.refusal(), (400, "invalid_query"), "{query}");
        assert!(answer.body["detail"].as_str().is_some_and(|detail| detail.contains(named)), "{answer:?}");
    }
    assert_eq!(root.get("/audit-events?after=-5").await.ok().body, json!([]));
    assert_eq!(root.get("/audit-events?actor=nobody").await.refusal(), (400, "invalid_user_id"));
    assert_eq!(root.get("/audit-events?subject=4711").await.ok().body, json!([]));
    assert_eq!(root.get("/audit-events?actor='%20or%201=1").await.refusal(), (400, "invalid_user_id"));
    assert_eq!(root.get("/auth/me/activity?actor=1").await.refusal(), (400, "invalid_query"));
    assert_eq!(root.get("/audit-events/export?limit=3").await.refusal(), (400, "invalid_query"));
    assert_eq!(root.get("/audit-events/export?format=xml").await.refusal(), (400, "invalid_query"));
    let beyond = "from=9999-12-31T23:59:59-23:59";
    assert_eq!(root.get(&format!("/audit-events?{beyond}")).await.refusal(), (400, "invalid_query"));
    assert_eq!(root.get(&format!("/audit-events/export?{beyond}")).await.refusal(), (400, "invalid_query"));
}

#[tokio::test]
async fn who_audits_one_service_sees_that_one() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let keeper = server.person_with("keeper", &[(4, -3)]).await;
    adm1.delete_with("/person-service-roles", json!({"person_id": 7, "service_id": 4, "role_id": 4})).await.ok();
    assert_eq!(keeper.get("/audit-events").await.status, 403);
    assert_eq!(keeper.get("/audit-events?service=3").await.status, 403);
    assert_eq!(keeper.get("/audit-events?service=4").await.ok().column("action"), ["grant.removed"]);
}

#[tokio::test]
async fn an_export_has_everything_however_many_and_is_told() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    server
        .execute(
            "insert into auth.audit_events (at, action, actor, client_id)
             select now(), 'login.failed', 'anonymous', '=cmd|'' /C calc''!A0' from generate_series(1, 2500)",
        )
        .await;
    let lines = root.get("/audit-events/export?action=login.failed").await.ok();
    assert_eq!(lines.header("content-type"), "application/jsonl");
    assert_eq!(lines.text.lines().count(), 2500);
    for line in lines.text.lines() {
        let event: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(event["action"], "login.failed");
    }
    let csv = root.get("/audit-events/export?action=login.failed&format=csv").await.ok();
    assert!(csv.header("content-disposition").contains("audit-events.csv"));
    assert_eq!(csv.text.lines().count(), 2501);
    assert!(csv.text.starts_with("id,at,action,"));
    assert!(csv.text.contains(",'=cmd|' /C calc'!A0,"), "no spreadsheet runs it");
    let told = root.get("/audit-events?action=audit.exported").await.ok();
    assert_eq!(told.body.as_array().map(Vec::len), Some(2));
    assert_eq!(told.body[0]["after"]["filter"]["actions"], json!(["login.failed"]));
}

#[tokio::test]
async fn everybody_sees_their_own_activity_and_no_more_of_others_than_that_they_acted() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let ada = server.person_with("ada", &[]).await;
    let eva = server.person_with("eva", &[]).await;
    root.put(&format!("/users/{}", ada.id), json!({"name": "Ada Q."})).await.ok();
    server.anonymous().log_in("ada", "a wrong password").await;

    let own = ada.get("/auth/me/activity").await.ok();
    assert_eq!(own.column("action"), ["login.failed", "user.changed", "session.created"]);
    assert_eq!(own.body[0]["address"], "127.0.0.1", "where a stranger tried it is theirs to know");
    assert_eq!(own.body[1]["actor"]["username"], "root");
    assert_eq!(own.body[1]["address"], Value::Null, "where the administrator sits is not");
    assert_eq!(eva.get("/auth/me/activity").await.ok().column("action"), ["session.created"]);
    let next = ada.get("/auth/me/activity?limit=1").await.ok().next().expect("more");
    assert_eq!(ada.get(&next).await.ok().column("action"), ["user.changed", "session.created"][..1]);
}

#[tokio::test]
async fn a_start_with_other_settings_is_told_without_secrets() {
    let server = Server::configured(&[("TOKEN_TTL_SECONDS", "60"), ("TOKEN_SECRET", "hunter2-hunter2")]).await;
    for _ in 0..2 {
        portero::app::trail::tell_of_configuration(&server.app).await.expect("told");
    }
    let told = events(&server).await;
    assert_eq!(actions(&told), ["configuration.changed"], "once");
    assert_eq!(told[0]["after"]["TOKEN_TTL_SECONDS"], "60");
    assert_eq!(told[0]["after"]["TOKEN_SECRET"], "***");
    assert_eq!(told[0]["after"]["AUTH_DATABASE_URL"], "***");
    assert_eq!(told[0]["actor"], "system");
    let elsewhere = server.another_instance().await;
    portero::app::trail::tell_of_configuration(&elsewhere.app).await.expect("told");
    let told = events(&server).await;
    assert_eq!(told[1]["before"]["TOKEN_TTL_SECONDS"], "60");
    assert_eq!(told[1]["after"], json!({}));
}

#[tokio::test]
async fn no_password_in_a_url_is_told() {
    let urls = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:hunter2@127.0.0.1:1"),
        ("RESET_PASSWORD_URL", "https://user:hunter2@app.example.com/reset?token={token}&api_key=hunter2"),
        ("SMTP_URL", "smtp://user:hunter2@127.0.0.1"),
        ("MAIL_FROM", "Portero <portero@example.com>"),
    ];
    let server = Server::configured(&urls).await;
    // As a Portero wrote it that still told everything.
    let before = r#"{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://old:hunter2@127.0.0.1:2"}"#;
    let written = "insert into auth.audit_configuration (settings) values ($1::jsonb)";
    let mut conn = server.app.db.pool().acquire().await.expect("a connection");
    sqlx::query(written).bind(before).execute(&mut *conn).await.expect("written");
    drop(conn);
    portero::app::trail::tell_of_configuration(&server.app).await.expect("told");
    let told = events(&server).await;
    assert_eq!(told[0]["action"], "configuration.changed");
    assert_eq!(told[0]["after"]["OTEL_EXPORTER_OTLP_ENDPOINT"], "http://***@127.0.0.1:1");
    assert_eq!(told[0]["after"]["MAIL_FROM"], "Portero <portero@example.com>");
    assert_eq!(told[0]["before"]["OTEL_EXPORTER_OTLP_ENDPOINT"], "http://***@127.0.0.1:2");
    let link = "https://***@app.example.com/reset?token={token}&api_key=***";
    assert_eq!(told[0]["after"]["RESET_PASSWORD_URL"], link);
    assert!(!json!(told).to_string().contains("hunter2"), "{told:?}");
    assert!(!format!("{:?}", server.app.config).contains("hunter2"));
}
