use std::fmt::Write;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::House;

fn bcrypt(password: &str) -> String {
    bcrypt::hash_with_result(password, 4).expect("a hash").format_for_version(bcrypt::Version::TwoY)
}

#[tokio::test]
async fn people_come_with_passwords_and_with_foreign_hashes() {
    let house = House::new().await;
    let hash = bcrypt("bobs old password");
    let csv = format!(
        "username,name,password,password_hash,person_type,document_type,document_number\n\
         ada,\"Quispe, Ada\",correct horse,,N,DNI,00000001\nbob,Bob,,{hash},,,\n"
    );
    let file = house.file("people.csv", &csv);
    assert_eq!(house.json(&["user", "import", &file, "--dry-run"])["imported"], 0);
    assert_eq!(house.json(&["user", "list"]), json!([]));
    assert_eq!(house.json(&["user", "import", &file])["imported"], 2);
    assert_eq!(house.json(&["user", "show", "ada"])["name"], "Quispe, Ada");
    assert_eq!(house.json(&["user", "show", "2"])["username"], "bob");
    assert!(house.log_in("ada", "correct horse").await.is_some());
    assert!(house.log_in("bob", "bobs old password").await.is_some());
    assert!(house.log_in("bob", &hash).await.is_none());
    assert_eq!(house.number("select count(*) from auth.person where password_hash like '$argon2id$%'").await, 2);
}

#[tokio::test]
async fn people_come_without_a_password_and_from_old_spreadsheets() {
    let house = House::new().await;
    let file = house
        .file("people.csv", "sep=;\r;;\rUsername;Name;E-mail;sessions;\rada;Quispe, Ada;ada@example.com;3;\r;;;;\r");
    house.run(&["user", "import", &file]).refused(&["unknown column `e_mail`, did you mean `email`?"]);
    let file = house
        .file("people.csv", "sep=;\r;;\rUsername;Name;Email;sessions;\rada;Quispe, Ada;ada@example.com;3;\r;;;;\r");
    let said = house.run(&["user", "import", &file, "--json"]);
    assert_eq!(said.json()["imported"], 1, "{said:?}");
    for part in ["sessions", "1 without a password"] {
        assert!(said.json()["remarks"].to_string().contains(part) && said.err.contains(part), "{said:?}");
    }
    house.json(&["user", "add", "eva", "--name", "Eva", "--no-password"]);
    for username in ["ada", "eva"] {
        assert!(house.log_in(username, "").await.is_none());
        house.json_with(&["user", "reset-password", username], "correct horse\n");
        assert!(house.log_in(username, "correct horse").await.is_some());
    }
}

#[tokio::test]
async fn json_lines_come_from_standard_input() {
    let house = House::new().await;
    let lines = "{\"username\":\"ada\",\"name\":\"Ada\",\"password\":\"correct horse\"}\n\n\
                 {\"username\":\"bob\",\"name\":\"Bob\",\"password\":\"correct horse\",\"document_type\":null}\n";
    house.run_with(&["user", "import", "-"], lines, &[]).refused(&["--format"]);
    assert_eq!(house.json_with(&["user", "import", "-", "--format", "jsonl"], lines)["imported"], 2);
    assert!(house.log_in("bob", "correct horse").await.is_some());
    house.run_with(&["user", "import", "-", "--format", "jsonl"], "\n", &[]).refused(&["has no people"]);
    house.run(&["user", "import", "nowhere.csv"]).refused(&["nowhere.csv"]);
    assert_eq!(house.run(&["user", "import"]).code, 2);
}

#[tokio::test]
async fn every_bad_line_is_named_and_nothing_is_written() {
    let house = House::new().await;
    house.json_with(
        &["user", "add", "taken", "--name", "x", "--document-type", "CE", "--document-number", "9"],
        "correct horse\n",
    );
    let hash = bcrypt("x");
    let dear = hash.replace("$04$", "$31$");
    let csv = format!(
        "username,name,password,password_hash,person_type,document_type,document_number\n\
         ada,Ada,correct horse,,N,DNI,1\n\
         12,Number,correct horse,,,,\n\
         bob,Bob,hunter2,,,,\n\
         cid,Cid,,{dear},,,\n\
         dan,Dan,,$2y$10$hunter2,,,\n\
         eve,Eve,correct horse\n\
         ada,Other,correct horse,,,,\n\
         fay,Fay,correct horse,,,DNI,1\n\
         taken,Gus,correct horse,,,,\n\
         hal,Hal,correct horse,,,CE,9\n\
         ivy,,correct horse,,X,DNI,\n\
         jon,\"Jon\nJonson\",correct horse,,,,\n\
         good,Good,correct horse,,,,\n"
    );
    let file = house.file("people.csv", &csv);
    let said = house.run(&["user", "import", &file]);
    said.refused(&["nothing was imported", "13 faults in 11 lines"]);
    assert!(!said.err.contains("hunter2"), "{said:?}");
    for (line, word) in [
        (3, "username: a name can't be a number"),
        (4, "too short"),
        (5, "costs more"),
        (6, "can't be read"),
        (7, "has 3 cells"),
        (8, "ada is also in line 2"),
        (9, "DNI 1 is also in line 2"),
        (10, "taken by the person with the id 1"),
        (11, "is that of taken (id 1)"),
        (12, "name: missing"),
        (12, "unknown word `X`"),
        (12, "one is missing"),
        (13, "control characters"),
    ] {
        let start = format!("people.csv:{line}: ");
        let named = said.err.lines().any(|told| told.contains(&start) && told.contains(word));
        assert!(named, "{line} {word} in {}", said.err);
    }
    let numbers: Vec<u32> =
        said.err.lines().filter_map(|line| line.split_once("people.csv:")?.1.split(':').next()?.parse().ok()).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");

    let said = house.run(&["user", "import", &file, "--json"]);
    assert_eq!(said.code, 1);
    assert_eq!(said.json()["faults"].as_array().map(Vec::len), Some(13));
    assert_eq!(said.json()["faults"][0]["line"], 3);
    assert_eq!(house.number("select count(*) from auth.person").await, 1);
}

#[tokio::test]
async fn a_hundred_thousand_lines_with_hashes_are_quick() {
    let house = House::new().await;
    let hash = bcrypt("a password");
    let mut csv = "username,name,password_hash,document_type,document_number\n".to_owned();
    for n in 0..100_000 {
        let _ = writeln!(csv, "user-{n}-,User {n},{hash},DNI,{n:08}");
    }
    let file = house.file("people.csv", &csv);
    let start = Instant::now();
    assert_eq!(house.json(&["user", "import", &file])["imported"], 100_000);
    let took = start.elapsed();
    println!("imported in {took:?}");
    assert!(took < Duration::from_mins(1), "{took:?}");
    assert!(house.log_in("user-99999-", "a password").await.is_some());

    let said = house.run(&["user", "import", &file, "--quiet"]);
    said.refused(&["200000 faults in 100000 lines"]);
    assert_eq!(said.err.lines().count(), 200_001);
    assert_eq!(house.number("select count(*) from auth.person").await, 100_000);
}

#[tokio::test]
async fn more_passwords_than_the_queue_holds_are_hashed() {
    let house = House::new().await;
    let mut lines = String::new();
    for n in 0..100 {
        let _ = writeln!(
            lines,
            "{}",
            json!({ "username": format!("user{n}x"), "name": "x", "password": format!("zanahorias {n}") })
        );
    }
    let one_thread = [("PASSWORD_HASH_THREADS", "1")];
    let said = house.run_with(&["user", "import", "-", "--format", "jsonl", "--json"], &lines, &one_thread);
    assert_eq!(said.json()["imported"], 100, "{said:?}");
    assert!(house.log_in("user42x", "zanahorias 42").await.is_some());
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_asked_what_it_holds() {
    let house = House::new().await;
    house.run(&["user", "import", "/nonexistent"]).refused(&["can't read /nonexistent", "No such file"]);
    let directory = house.files.path().to_str().expect("a path").to_owned();
    house.run(&["user", "import", &directory]).refused(&["is a directory"]);
}
