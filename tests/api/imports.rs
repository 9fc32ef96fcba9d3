//! Many people registered at once, as `portero user import` does.

use std::fmt::Write;
use std::sync::Arc;

use axum::http::Method;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{Caller, PASSWORD_HASH, Response, Server};

async fn import(caller: &Caller, query: &str, media: &str, file: &str) -> Response {
    let path = format!("/users/import{query}");
    caller.send_with(Method::POST, &path, file, |request| request.header("content-type", media)).await
}

fn lines(count: usize) -> String {
    let hash = PASSWORD_HASH.as_str();
    let mut file = "username,name,password_hash,document_type,document_number\n".to_owned();
    for n in 0..count {
        let _ = writeln!(file, "u{n},Somebody {n},\"{hash}\",DNI,{n:08}");
    }
    file
}

async fn here(server: &Server) -> i64 {
    server.number("select count(*) from auth.person where removed_at is null").await
}

#[tokio::test]
async fn five_thousand_lines_are_five_thousand_people() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let dry = import(&root, "?dry_run=true", "text/csv", &lines(5000)).await.ok();
    assert_eq!(
        dry.body,
        json!({"status": "users_imported", "lines": 5000, "imported": 0, "dry_run": true, "remarks": []})
    );
    assert_eq!(here(&server).await, 1);
    let done = import(&root, "", "text/csv; charset=utf-8", &lines(5000)).await.ok();
    assert_eq!(
        done.body,
        json!({"status": "users_imported", "lines": 5000, "imported": 5000, "dry_run": false, "remarks": []})
    );
    assert_eq!(here(&server).await, 5001);
    let told = "select (after->>'people')::bigint from auth.audit_events where action = 'users.imported'";
    assert_eq!(server.number(told).await, 5000);
    let last = root.get("/audit-events?subject=u4999").await.ok().body[0].clone();
    assert_eq!((&last["action"], &last["actor"]["username"]), (&json!("user.created"), &json!("root")));
    assert_eq!(&last["after"]["username"], "u4999");
    assert_eq!(last["after"].get("password_hash"), None);
    server.anonymous().log_in("u4999", crate::support::PASSWORD).await.ok();
}

#[tokio::test]
async fn nobody_is_imported_as_disabled_from_a_moment_that_is_yet_to_come() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let file = |moment: &str| format!("username,name,disabled_at\nada,Ada,{moment}\n");
    let refused = import(&root, "", "text/csv", &file("2999-01-01T00:00:00Z")).await;
    assert_eq!(refused.refusal(), (400, "invalid_import"));
    let fault = "must not be in the future; this moment is yet to come";
    let fault = json!({"line": 2, "field": "disabled_at", "fault": fault});
    assert_eq!(refused.body["faults"], json!([fault]));
    import(&root, "", "text/csv", &file("2020-01-01T00:00:00Z")).await.ok();
    let disabled = "select count(*) from auth.person where disabled_at = '2020-01-01T00:00:00Z'";
    assert_eq!(server.number(disabled).await, 1);
}

#[tokio::test]
async fn all_that_is_wrong_is_named_by_line_and_field_and_nobody_is_registered() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let mut file = lines(5000);
    file.push_str("u7,Twice,\"$argon2id$nonsense\",DNI,x\nroot,Taken,,DNI,\nu8000,\"Two\nlines\",short\n");
    let refused = import(&root, "", "text/csv", &file).await;
    assert_eq!(refused.refusal(), (400, "invalid_import"));
    let faults = refused.body["faults"].as_array().expect("faults");
    let has = |line: i64, field: Value, part: &str| {
        faults.iter().any(|fault| {
            (&fault["line"], &fault["field"]) == (&json!(line), &field)
                && fault["fault"].as_str().is_some_and(|text| text.contains(part))
        })
    };
    assert!(has(5002, json!("username"), "is also in line 9"), "{faults:?}");
    assert!(has(5002, json!("password_hash"), ""), "{faults:?}");
    assert!(has(5003, json!("username"), "is taken"), "{faults:?}");
    assert!(has(5003, json!("document_number"), "one is missing"), "{faults:?}");
    assert!(has(5004, Value::Null, "has 3 cells"), "{faults:?}");
    assert_eq!(refused.body["fault_count"], json!(faults.len()));
    assert_eq!(here(&server).await, 1);
    let many = import(&root, "", "text/csv", &format!("username,name,password\n{}", "12,,\n".repeat(500))).await;
    assert_eq!(many.body["faults"].as_array().map(Vec::len), Some(100), "the first hundred");
    assert_eq!(many.body["fault_count"], json!(1000));
}

#[tokio::test]
async fn passwords_are_hashed_and_json_lines_are_read() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    server.secrets.add("a passphrase of hers");
    let file = r#"{"username": "ada", "name": "Ada", "password": "a passphrase of hers"}
        {"username": "eva", "name": "Eva", "password": "a passphrase of hers", "person_type": "N"}"#;
    for media in ["application/x-ndjson", "application/jsonl"] {
        let answer = import(&root, if media.contains('x') { "?dry_run=true" } else { "" }, media, file).await.ok();
        assert_eq!(answer.body["lines"], 2);
    }
    server.anonymous().log_in("eva", "a passphrase of hers").await.ok();
}

#[tokio::test]
async fn what_is_no_file_of_people_is_refused() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for (query, media, file, refusal) in [
        ("", "application/x-www-form-urlencoded", "username,name,password", (415, "unsupported_media_type")),
        ("?format=xml", "text/csv", "username,name,password", (400, "invalid_query")),
        ("?dry_run=perhaps", "text/csv", "username,name,password", (400, "invalid_query")),
        ("", "text/csv", "", (400, "invalid_import")),
        ("", "text/csv", "username,name,password\n", (400, "invalid_import")),
        ("", "text/csv", "username,name,colour\n", (400, "invalid_import")),
        ("", "application/jsonl", "[1, 2]", (400, "invalid_import")),
        ("?format=jsonl", "text/csv", "{\"username\": 1}", (400, "invalid_import")),
        ("", "text/csv", "username,name,password\n\"ada", (400, "invalid_import")),
    ] {
        assert_eq!(import(&root, query, media, file).await.refusal(), refusal, "{query} {media} {file}");
    }
    for (line, field, fault) in [
        (r#"{"username": "ada", "name": "Ada", "groups": [1]}"#, "groups", "must be a list of names"),
        (
            r#"{"username": "ada", "name": "Ada", "attributes": {"n": 1e400}}"#,
            "attributes.n",
            "the number is too large",
        ),
    ] {
        let refused = import(&root, "", "application/jsonl", line).await;
        let told = &refused.body["faults"][0];
        assert_eq!(told["field"], field, "{refused:?}");
        assert!(told["fault"].as_str().is_some_and(|told| told.starts_with(fault)), "{refused:?}");
    }
    let long = "{".repeat(64 * 1024 + 1);
    assert_eq!(import(&root, "", "application/jsonl", &long).await.refusal(), (400, "invalid_import"));
    let large = "\n".repeat(32 * 1024 * 1024 + 1);
    let refused = import(&root, "", "application/jsonl", &large).await;
    assert_eq!(refused.refusal(), (413, "request_body_too_large"));
    assert_eq!(here(&server).await, 1);
}

#[tokio::test]
async fn what_was_exported_means_the_same_when_it_is_imported() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let names = ["'=1+1", "''=1", "'-x", "'@x", "'t Hooft", "plain"];
    let hash = PASSWORD_HASH.as_str();
    let mut file = "username,name,password_hash\n".to_owned();
    for (n, name) in names.iter().enumerate() {
        let _ = writeln!(file, "u{n},{name},\"{hash}\"");
    }
    import(&root, "", "text/csv", &file).await.ok();
    let names = root.get("/users?q=u").await.column("name");
    assert_eq!(names, ["=1+1", "'=1", "-x", "@x", "'t Hooft", "plain"]);
}

#[tokio::test]
async fn whoever_loses_their_permission_meanwhile_imports_nobody() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "8")]).await;
    server.administrator().await;
    let writer = server.person_with("writer", &[(0, -1)]).await;
    let mut lock = server.app.db.begin().await.expect("a transaction");
    sqlx::query("delete from auth.person_service_role where person_id = $1")
        .bind(writer.id)
        .execute(&mut *lock)
        .await
        .expect("a loss");
    sqlx::query("update auth.person set name = 'Held' where id = $1")
        .bind(writer.id)
        .execute(&mut *lock)
        .await
        .expect("a lock");
    let local = tokio::task::LocalSet::new();
    let caller = writer.clone();
    let importing = local.spawn_local(async move { import(&caller, "", "text/csv", &lines(10)).await });
    local
        .run_until(async {
            let waiting = "select count(*) from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock'";
            while server.number(waiting).await < 1 {
                tokio::task::yield_now().await;
            }
            let second = import(&writer, "", "text/csv", &lines(10)).await;
            assert_eq!(second.refusal(), (429, "too_many_imports"), "one of theirs is under way");
            lock.commit().await.expect("a commit");
        })
        .await;
    local.await;
    assert_eq!(importing.await.expect("an answer").refusal(), (403, "insufficient_permissions"));
    assert_eq!(here(&server).await, 2);
}

#[tokio::test]
async fn an_import_under_a_key_is_done_once() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let once = async |file: &str| {
        root.send_with(Method::POST, "/users/import?format=csv", file, |request| {
            request.header("idempotency-key", "an import")
        })
        .await
    };
    let first = once(&lines(3)).await.ok();
    let again = once(&lines(3)).await.ok();
    assert_eq!((first.body, again.header("idempotency-replayed")), (again.body.clone(), "true"));
    assert_eq!(once(&lines(4)).await.refusal(), (422, "idempotency_key_reused"));
    assert_eq!(here(&server).await, 4);
}

#[tokio::test]
async fn whoever_sends_half_a_file_holds_nobody_up_and_is_cut_off_with_their_session_or_their_permission() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "8")]).await;
    let root = server.administrator().await;
    let half = lines(3);
    let local = tokio::task::LocalSet::new();
    let mut slow = Vec::new();
    for name in ["one", "two", "three"] {
        let writer = server.person_with(name, &[(0, -1)]).await;
        let (caller, half, reads) = (writer.clone(), half.clone(), Arc::new(Notify::new()));
        let told = Arc::clone(&reads);
        let sends = async move { caller.send_half("/users/import", "text/csv", &half, told).await };
        slow.push((writer, local.spawn_local(sends)));
        local.run_until(reads.notified()).await;
    }
    local
        .run_until(async {
            let again = import(&slow[0].0, "", "text/csv", &lines(1)).await;
            assert_eq!(again.refusal(), (429, "too_many_imports"));
            assert!(!again.header("retry-after").is_empty());
            let open = "select count(*) from pg_stat_activity
                where datname = current_database() and state = 'idle in transaction'";
            assert_eq!(server.number(open).await, 0, "no transaction waits for a sender");
            import(&root, "", "text/csv", &lines(10)).await.ok();
            slow[0].0.post("/auth/logout", json!({})).await.ok();
            let take = json!({"person_id": slow[1].0.id, "service_id": 0, "role_id": -1});
            root.delete_with("/person-service-roles", take).await.ok();
            root.delete(&format!("/users/{}", slow[2].0.id)).await.ok();
        })
        .await;
    local.await;
    let mut refusals = Vec::new();
    for (_, answer) in slow {
        let answer = answer.await.expect("an answer");
        refusals.push((answer.status, answer.error().to_owned()));
    }
    assert_eq!(refusals[0], (401, "invalid_token".to_owned()));
    assert_eq!(refusals[1], (403, "insufficient_permissions".to_owned()));
    assert_eq!(refusals[2], (401, "invalid_token".to_owned()));
    assert_eq!(here(&server).await, 3 + 10, "root, one and two, and whom root has sent");
}

#[tokio::test]
async fn an_export_that_nobody_reads_takes_its_persons_share_only_and_ends_with_their_session() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "8")]).await;
    server
        .execute(
            "insert into auth.person (username, name, password_hash)
             select 'extra' || n, 'Extra', '' from generate_series(1, 2500) n",
        )
        .await;
    let (root, chief) = (server.administrator().await, server.person_with("chief", &[(0, 0)]).await);
    let unread = [root.unread("/users/export").await, root.unread("/audit-events/export").await];
    for path in ["/users/export", "/audit-events/export?format=csv"] {
        let third = root.get(path).await;
        assert_eq!(third.refusal(), (429, "too_many_exports"), "{path}");
        chief.get(path).await.ok();
    }
    drop(unread);
    assert_eq!(root.get("/users/export").await.ok().text.lines().count(), 2503);
    let mut unread = root.unread("/users/export").await;
    assert!(unread.frame().await.is_some_and(|frame| frame.is_ok()));
    root.post("/auth/logout", json!({})).await.ok();
    assert!(unread.frame().await.is_some_and(|frame| frame.is_err()), "the rest is for nobody who has logged out");
}
