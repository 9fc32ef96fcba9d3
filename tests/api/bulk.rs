//! Many people removed at once, and everybody exported.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Caller, PASSWORD_HASH, Response, Server};

async fn register(server: &Server, count: i32) -> Vec<i32> {
    sqlx::query_scalar(
        "insert into auth.person (username, name, password_hash)
         select 'u' || n, 'Somebody', $2 from generate_series(1, $1) n returning id",
    )
    .bind(count)
    .bind(PASSWORD_HASH.as_str())
    .fetch_all(server.app.db.pool())
    .await
    .expect("people")
}

async fn here(server: &Server) -> i64 {
    server.number("select count(*) from auth.person where removed_at is null").await
}

async fn delete(caller: &Caller, ids: impl Into<Value>) -> Response {
    caller.post("/users/delete", json!({ "user_ids": ids.into() })).await
}

#[tokio::test]
async fn many_are_removed_in_one_request_and_each_is_told() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let mut ids = register(&server, 1000).await;
    server.session_of(ids[0]).await;
    let deleted = delete(&root, ids.clone()).await.ok();
    ids.sort_unstable();
    assert_eq!(deleted.body, json!({"status": "users_deleted", "user_ids": ids, "revoked_tokens": 1}));
    assert_eq!(here(&server).await, 1);
    let events = "select count(distinct subject_id) from auth.audit_events where action = 'user.deleted'";
    assert_eq!(server.number(events).await, 1000);
}

#[tokio::test]
async fn one_who_is_not_there_keeps_all_and_is_named() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let ids = register(&server, 3).await;
    let refused = delete(&root, json!([ids[0], 4711, ids[1], 4712, 4711])).await;
    assert_eq!(refused.refusal(), (404, "user_not_found"));
    assert_eq!(refused.body["unknown_user_ids"], json!([4711, 4712]));
    assert_eq!(here(&server).await, 4);
    let twice = delete(&root, json!([ids[0], ids[0], ids[1].to_string()])).await.ok();
    assert_eq!(twice.body["user_ids"], json!([ids[0], ids[1]]), "one given twice counts once");
    assert_eq!(delete(&root, json!([ids[0]])).await.refusal(), (404, "user_not_found"));
}

#[tokio::test]
async fn a_list_has_1_to_1000_ids() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for bad in [json!([]), json!(vec![1; 1001]), json!("7"), json!([1.5]), json!([null]), json!({})] {
        assert_eq!(delete(&root, bad).await.refusal(), (400, "invalid_request_body"));
    }
    assert_eq!(delete(&root, json!(["ada"])).await.refusal(), (400, "invalid_user_id"));
    assert_eq!(delete(&root, json!([99_999_999_999_i64])).await.refusal(), (404, "user_not_found"));
}

#[tokio::test]
async fn nobody_removes_whoever_holds_more_nor_the_last_administrator() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let writer = server.person_with("writer", &[(0, -1)]).await;
    let ids = register(&server, 2).await;
    let beyond = delete(&writer, json!([ids[0], root.id, ids[1]])).await;
    assert_eq!(beyond.refusal(), (403, "insufficient_permissions"));
    let last = delete(&root, json!([ids[0], root.id])).await;
    assert_eq!(last.refusal(), (409, "last_administrator"));
    assert_eq!(here(&server).await, 4);
    delete(&writer, json!([writer.id, ids[0]])).await.ok();
    assert_eq!(writer.get("/auth/profile").await.status, 401, "also oneself");
}

#[tokio::test]
async fn two_lists_in_opposite_orders_do_not_wait_for_each_other_in_a_circle() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "8")]).await;
    let (root, chief) = (server.administrator().await, server.person_with("chief", &[(0, 0)]).await);
    for _ in 0..5 {
        let ids = register(&server, 50).await;
        server.execute("update auth.person set username = username || '-' || id where username ~ '^u[0-9]+$'").await;
        let backwards: Vec<i32> = ids.iter().rev().copied().collect();
        let both = [(root.clone(), ids), (chief.clone(), backwards)];
        let answers = Caller::together(both.map(|(caller, ids)| async move { delete(&caller, ids).await })).await;
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 404], "{answers:?}");
    }
}

async fn export(caller: &Caller, query: &str, accept: &str) -> Response {
    let path = format!("/users/export{query}");
    caller.send_with(Method::GET, &path, "", |request| request.header("accept", accept)).await
}

#[tokio::test]
async fn everybody_is_exported_as_csv_or_as_json_lines_and_no_hash_is() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    root.post("/users", crate::users::ada()).await.ok();
    register(&server, 2500).await;
    let csv = export(&root, "", "*/*").await.ok();
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(csv.header("content-disposition"), "attachment; filename=\"users.csv\"");
    let mut lines = csv.text.lines();
    let head = "id,username,name,person_type,document_type,document_number,email,email_verified_at,locale,created_at,\
                last_login_at,disabled_at,sessions,groups";
    assert_eq!(lines.next(), Some(head));
    assert!(lines.nth(1).is_some_and(|ada| ada.contains(",ada,Ada Quispe,N,DNI,45678912,,,")), "{}", &csv.text[..500]);
    assert_eq!(csv.text.lines().count(), 1 + 2502, "across pages, with one header");
    for (query, accept) in [("", "application/x-ndjson"), ("?format=jsonl", "text/csv")] {
        let jsonl = export(&root, query, accept).await.ok();
        assert_eq!(jsonl.header("content-type"), "application/jsonl");
        let people: Vec<Value> =
            jsonl.text.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect();
        assert_eq!(people.len(), 2502);
        assert_eq!((&people[1]["username"], &people[1]["document_type"]), (&json!("ada"), &json!("DNI")));
    }
    assert_eq!(server.number("select count(*) from auth.audit_events where action = 'users.exported'").await, 3);
    assert_eq!(export(&root, "?format=xml", "*/*").await.refusal(), (400, "invalid_query"));
}

#[tokio::test]
async fn what_a_spreadsheet_would_run_is_exported_as_text() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let names = ["=HYPERLINK(\"http://x\")", "+1", "-1+1", "@SUM(A1)", "'=1", "O'Higgins", "a,\"b\"", "'t Hooft"];
    for (n, name) in names.iter().enumerate() {
        let mut somebody = crate::users::with(crate::users::ada(), "username", format!("hostile{n}"));
        somebody["name"] = (*name).into();
        somebody["document_number"] = format!("-{n}").into();
        root.post("/users", somebody).await.ok();
    }
    let exported = export(&root, "", "text/csv").await.ok();
    let mut reader = csv::Reader::from_reader(exported.text.as_bytes());
    for record in reader.records() {
        for cell in &record.expect("a record") {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
        }
    }
    assert!(exported.text.contains("'t Hooft") && exported.text.contains(",O'Higgins,"));
}
