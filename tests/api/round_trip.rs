//! What is exported can be imported again, and no spreadsheet runs it.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Caller, Response, Server};

async fn import(caller: &Caller, format: &str, file: &str) -> Response {
    caller.send_with(Method::POST, &format!("/users/import?format={format}"), file, |request| request).await
}

/// People as an export shows them, without what is new with each registration.
fn lasting(export: &str) -> Vec<Value> {
    let lines = export.lines().map(|line| serde_json::from_str::<Value>(line).expect("a JSON line"));
    let lasting = lines.map(|mut person| {
        let fields = person.as_object_mut().expect("an object");
        for given in ["id", "created_at", "last_login_at", "sessions", "email_verified_at"] {
            fields.remove(given).unwrap_or_else(|| panic!("{given}"));
        }
        person
    });
    lasting.filter(|person| person["username"] != "root").collect()
}

/// A server with people of whom everything is known that can be, or nothing.
async fn peopled() -> (Server, Caller, String) {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for person in [
        json!({
            "username": "ada", "password": "a passphrase of hers", "name": "=1+1;=2|＝3, \"@ñ\"", "person_type": "N",
            "document_type": "DNI", "document_number": "00123456", "email": "+ada@example.com", "locale": "es",
        }),
        json!({"username": "bob;=1+1;x", "name": "'t Hooft", "document_type": "CE", "document_number": "-7"}),
        json!({"username": "'=cid", "name": "'", "email": "cid@example.com", "locale": "en"}),
    ] {
        root.post("/users", person).await.ok();
    }
    root.post("/users/4/disable", json!({})).await.ok();
    let people = root.get("/users/export?format=jsonl").await.text;
    (server, root, people)
}

#[tokio::test]
async fn an_export_is_imported_again_as_the_same_people() {
    let (_server, root, people) = peopled().await;
    for format in ["csv", "jsonl"] {
        let file = root.get(&format!("/users/export?format={format}")).await.text;
        let without_root: Vec<&str> = file.lines().filter(|line| !line.contains("root")).collect();
        let file = without_root.join("\r\n");

        let empty = Server::on_a_fresh_database().await;
        let other_root = empty.administrator().await;
        let imported = import(&other_root, format, &file).await.ok();
        assert_eq!(imported.body["imported"], 3, "{imported:?}");
        let remarks = imported.body["remarks"].to_string();
        for field in ["id", "created_at", "sessions"] {
            assert!(remarks.contains(field), "{remarks}");
        }
        assert!(remarks.contains("3 without a password") && remarks.contains("1 of them"), "{remarks}");
        let again = other_root.get("/users/export?format=jsonl").await.text;
        assert_eq!(lasting(&again), lasting(&people), "{format}");
        assert_eq!(empty.anonymous().log_in("ada", "a passphrase of hers").await.status, 401);

        // Here they are all in their own way, and after they were removed no more.
        let taken = import(&root, format, &file).await;
        assert_eq!(taken.refusal(), (400, "invalid_import"), "{format}");
    }
    root.post("/users/delete", json!({"user_ids": [2, 3, 4]})).await.ok();
    import(&root, "jsonl", &people.lines().skip(1).collect::<Vec<_>>().join("\n")).await.ok();
    assert_eq!(lasting(&root.get("/users/export?format=jsonl").await.text), lasting(&people));
}

#[tokio::test]
async fn no_cell_is_a_formula_whatever_separates_cells_for_the_reader() {
    let (_server, root, _) = peopled().await;
    let signs = ['=', '+', '@', '＝'];
    for path in ["/users/export?format=csv", "/audit-events/export?format=csv"] {
        let text = root.get(path).await.text;
        assert!(text.contains("bob"), "{text}");
        for cell in text.split([';', '|', '\t', '\r', '\n']) {
            let cell = cell.trim_start_matches([' ', '"']);
            assert!(!cell.starts_with(signs), "{path}: {cell}");
        }
    }
    let mut audit = csv::Reader::from_reader(
        root.get("/audit-events/export?format=csv").await.text.as_bytes().to_vec().leak() as &[u8],
    );
    let after = audit.headers().expect("a head").iter().position(|column| column == "after").expect("a column");
    let names: Vec<Value> = audit
        .records()
        .filter_map(|record| serde_json::from_str::<Value>(&record.expect("a record")[after]).ok())
        .map(|after| after["username"].clone())
        .collect();
    assert!(names.contains(&json!("bob;=1+1;x")), "the JSON means what it meant: {names:?}");
}
