//! Everybody, in a file.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::support::House;

const PASSWORD: &str = "correct horse battery\n";

async fn inhabited() -> House {
    let house = House::new().await;
    house.json_with(&["admin", "add", "root"], PASSWORD);
    house.json_with(&["user", "add", "ada", "--name", "=Ada, \"Q\"", "--email", "ada@example.com"], PASSWORD);
    house
}

#[tokio::test]
async fn an_export_has_the_bytes_that_the_api_answers() {
    let house = inhabited().await;
    let token = house.log_in("root", PASSWORD.trim()).await.expect("a token");
    for format in ["csv", "jsonl"] {
        let answered = house.get(&format!("/users/export?format={format}"), &token).await;
        let said = house.run(&["user", "export", "--format", format]);
        assert_eq!((said.code, said.out.as_bytes()), (0, answered.as_slice()), "{format}");
        assert!(said.out.contains("ada@example.com") && !said.out.contains("argon2"), "{said:?}");

        let file = house.files.path().join(format!("people.{format}"));
        let path = file.to_str().expect("a path");
        let written = house.json(&["user", "export", "--output", path]);
        assert_eq!(written, json!({"exported": 2, "format": format, "file": path}), "its name tells what it is");
        assert_eq!(fs::read(&file).expect("a file"), answered);
        assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    }
    let told = house.told("users.exported").await;
    let formats: Vec<_> = told.iter().map(|(_, after)| after["format"].as_str().unwrap_or_default()).collect();
    assert_eq!(formats, ["csv", "csv", "jsonl", "jsonl"]);
}

#[tokio::test]
async fn no_file_is_written_over_and_none_is_left_where_there_is_no_export() {
    let house = inhabited().await;
    let there = house.file("people.csv", "mine");
    house.run(&["user", "export", "--output", &there]).refused(&[&there, "already exists"]);
    assert_eq!(fs::read_to_string(&there).expect("a file"), "mine");
    house.run(&["user", "export", "--output", "/nowhere/people.csv"]).refused(&["/nowhere/people.csv", "No such file"]);
    house.run(&["user", "export", "--json"]).refused(&["--output", "--format jsonl"]);
    assert_eq!(house.run(&["user", "export", "--format", "xml"]).code, 2);
    assert_eq!(house.told("users.exported").await, []);
}

#[tokio::test]
async fn an_export_of_many_has_everybody_once_and_can_be_imported() {
    let house = House::new().await;
    sqlx::query(
        "insert into auth.person (username, name) select 'user-' || n || '-', 'User ' || n from generate_series(1, 2500) n",
    )
    .execute(&mut house.conn().await)
    .await
    .expect("people");
    let file = house.files.path().join("people.csv");
    let path = file.to_str().expect("a path");
    let said = house.run(&["user", "export", "--output", path]);
    assert_eq!((said.code, said.out), (0, format!("Wrote 2500 people to {path}.\n")));
    assert_eq!(fs::read_to_string(&file).expect("a file").lines().count(), 2501);

    let elsewhere = House::new().await;
    elsewhere.json(&["user", "import", path]);
    assert_eq!(elsewhere.number("select count(distinct username) from auth.person").await, 2500);
}
