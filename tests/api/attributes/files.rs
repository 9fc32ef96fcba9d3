//! Attributes in exports and imports.

use axum::http::Method;
use serde_json::{Value, json};

use super::help_desk;
use crate::support::{Caller, Response, Server};

async fn import(caller: &Caller, format: &str, file: &str) -> Response {
    caller.send(Method::POST, &format!("/users/import?format={format}"), file).await
}

async fn attributes(caller: &Caller, username: &str) -> Value {
    let id = caller.get(&format!("/users?q={username}")).await.ok().body[0]["id"].clone();
    caller.get(&format!("/users/{id}")).await.ok().body["attributes"].clone()
}

#[tokio::test]
async fn what_is_exported_is_imported_as_it_was() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let people = [
        (
            "ada",
            json!({"department": "=1+1;=2|＝3, \"@ñ\"", "Level": 3, "active": true, "sites": ["=1", "Lima;+2", 7, false]}),
        ),
        ("bob", json!({"department": "3", "Level": -2.5, "active": "true", "sites": []})),
        ("cid", json!({"department": "", "Level": 9_007_199_254_740_993_i64, "active": "null", "sites": "[draft]"})),
        ("dan", json!({"department": " =1 ", "Level": "007", "active": "\"x\"", "sites": "[1]"})),
        ("eva", json!({"department": "'=x", "Level": "-5", "active": false, "sites": "=\"7\""})),
    ];
    for (username, attributes) in &people {
        root.post("/users", json!({"username": username, "name": username, "attributes": attributes})).await.ok();
    }
    for format in ["csv", "jsonl"] {
        let file = root.get(&format!("/users/export?format={format}")).await.ok().text;
        if format == "csv" {
            let head = file.lines().next().expect("a head");
            assert!(head.ends_with(",attribute.Level,attribute.active,attribute.department,attribute.sites"), "{head}");
            for cell in file.split([';', '|', '\t', '\r', '\n']) {
                assert!(!cell.trim_start_matches([' ', '"']).starts_with(['=', '+', '@', '＝']), "{cell}");
            }
        }
        let file: Vec<&str> = file.lines().filter(|line| !line.contains("root")).collect();
        let other = Server::on_a_fresh_database().await;
        let other_root = other.administrator().await;
        assert_eq!(import(&other_root, format, &file.join("\r\n")).await.ok().body["imported"], people.len());
        for (username, expected) in &people {
            assert_eq!(attributes(&other_root, username).await, *expected, "{format} {username}");
        }
        let told = "select count(*) from auth.audit_events where action = 'user.created' and after ? 'attributes'";
        assert_eq!(other.number(told).await, i64::try_from(people.len()).expect("a few"));
    }
}

#[tokio::test]
async fn a_cell_is_what_it_looks_like() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let file = "username;Name;ATTRIBUTE.costCenter; attribute.sites ;attribute.x\n\
                ada;Ada;12;\"[\"\"Lima\"\"; 3]\";=\"0012\"\n\
                bob;Bob;0012;Lima;TRUE\n\
                cid;Cid;;;\n";
    import(&root, "csv", &file.replace("\"; 3", "\", 3")).await.ok();
    assert_eq!(attributes(&root, "ada").await, json!({"costCenter": 12, "sites": ["Lima", 3], "x": "0012"}));
    assert_eq!(attributes(&root, "bob").await, json!({"costCenter": "0012", "sites": "Lima", "x": "TRUE"}));
    assert_eq!(attributes(&root, "cid").await, Value::Null);
}

#[tokio::test]
async fn faults_are_named_with_their_attribute_and_nobody_is_registered() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for (format, file, field, what) in [
        ("csv", "username,name,attribute.a\nada,Ada,1.5E+20\n", "attribute.a", "its digits are lost"),
        ("csv", "username,name,attribute.a\nada,Ada,12345678901234567890\n", "attribute.a", "lies between"),
        ("csv", "username,name,attribute.a\nada,Ada,[null]\n", "attribute.a", "item 1"),
        ("csv", &format!("username,name,attribute.a\nada,Ada,{}\n", "x".repeat(8200)), "attributes", "too large"),
        ("jsonl", r#"{"username": "ada", "name": "Ada", "attributes": {"a": {}}}"#, "attributes.a", "must be a text"),
        ("jsonl", r#"{"username": "ada", "name": "Ada", "attributes": []}"#, "attributes", "a JSON object"),
    ] {
        let refused = import(&root, format, file).await;
        assert_eq!(refused.refusal(), (400, "invalid_import"), "{file}");
        let fault = &refused.body["faults"][0];
        assert_eq!(fault["field"], field, "{fault}");
        assert!(fault["fault"].as_str().is_some_and(|fault| fault.contains(what)), "{fault}");
    }
    for (head, what) in [
        ("username,name,attribute.1a", "`1a` is no name"),
        ("username,name,attribute.", "is no name"),
        ("username,name,attribute.a,Attribute.a", "names `attribute.a` twice"),
        ("username,name,attributes", "unknown column `attributes`"),
    ] {
        let refused = import(&root, "csv", &format!("{head}\n")).await;
        assert!(refused.status == 400 && refused.detail().contains(what), "{head}: {refused:?}");
    }
    assert_eq!(server.number("select count(*) from auth.person where removed_at is null").await, 1);
}

#[tokio::test]
async fn who_may_not_hand_out_roles_imports_people_without_them() {
    let server = Server::on_the_demo_data().await;
    let desk = help_desk(&server).await;
    let with = "username,name,attribute.a\nada,Ada,1\n";
    for query in ["format=csv", "format=csv&dry_run=true"] {
        let refused = desk.send(Method::POST, &format!("/users/import?{query}"), with).await;
        assert_eq!(refused.refusal(), (403, "insufficient_permissions"), "{query}");
    }
    assert_eq!(import(&desk, "csv", "username,name,attribute.a\nada,Ada,\n").await.ok().body["imported"], 1);
}

#[tokio::test]
async fn a_table_has_five_hundred_columns_of_attributes_at_most() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    server
        .execute(
            "insert into auth.person (username, name, attributes)
             select 'u' || n, 'U', (select jsonb_object_agg('a' || (n * 100 + m), m) from generate_series(1, 100) m)
             from generate_series(1, 5) n",
        )
        .await;
    let file = root.get("/users/export?format=csv").await.ok().text;
    assert_eq!(file.lines().next().map(|head| head.matches("attribute.").count()), Some(500));
    server.execute("insert into auth.person (username, name, attributes) values ('ada', 'Ada', '{\"x\": 1}')").await;
    let refused = root.get("/users/export?format=csv").await;
    assert!(refused.refusal() == (400, "invalid_query") && refused.detail().contains("jsonl"), "{refused:?}");
    assert_eq!(root.get("/users/export?format=jsonl").await.ok().text.lines().count(), 7);
}
