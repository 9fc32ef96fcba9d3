use serde_json::json;

use super::{changes, shop};
use crate::support::House;

async fn peopled() -> House {
    let house = shop().await;
    house.json_with(&["user", "add", "ada", "--name", "Ada"], "correct horse\n");
    house.json_with(&["user", "add", "bob", "--name", "Bob"], "correct horse\n");
    house.json(&["group", "add-member", "Editors", "ada", "--reason", "stands in"]);
    house.json(&["grant", "add", "bob", "UI Store", "Chief", "--expires", "30d"]);
    house.json(&["grant", "add", "client:robot", "Bank", "Clerk"]);
    house
}

#[tokio::test]
async fn people_are_in_a_file_only_when_they_are_asked_for() {
    let house = peopled().await;
    let without = house.run(&["export", "--config"]).out;
    assert!(!without.contains("ada") && !without.contains("[people"), "{without}");
    let with = house.run(&["export", "--config", "--with-people"]).out;
    for word in
        ["[[people.ada.groups]]\ngroup = \"Editors\"\nreason = \"stands in\"", "[[people.bob.grants]]", "client:robot"]
    {
        assert!(with.contains(word), "{word} in {with}");
    }
    assert!(!with.contains("correct horse") && !with.contains("argon2"));
    let file = house.file("with.toml", &with);
    house.json(&["apply", &file]);
    let elsewhere = House::new().await;
    for who in ["ada", "bob"] {
        elsewhere.json_with(&["user", "add", who, "--name", "Somebody"], "correct horse\n");
    }
    elsewhere.json(&["apply", &elsewhere.file("with.toml", &with)]);
    assert_eq!(elsewhere.run(&["export", "--config", "--with-people"]).out, with, "also what a new client holds");
    house.json(&["group", "remove-member", "Editors", "ada"]);
    house.json(&["grant", "remove", "bob", "UI Store", "Chief"]);
    let planned = house.json(&["plan", &file]);
    assert_eq!(
        changes(&planned),
        [
            ("create".to_owned(), "`ada` in group `Editors`".to_owned()),
            ("create".to_owned(), "role `Chief` in service `UI Store` for `bob`".to_owned()),
        ]
    );
    house.json(&["apply", &file]);
    assert_eq!(house.run(&["export", "--config", "--with-people"]).out, with);

    // A file that says nothing of people leaves them alone; one that says less takes only what came from a file.
    assert_eq!(changes(&house.json(&["plan", &house.file("without.toml", &without), "--prune"])), []);
    house.json(&["group", "add-member", "All", "bob"]);
    let fewer = house.file("fewer.toml", &format!("{without}\n[people]\n"));
    assert_eq!(house.json(&["plan", &fewer])["left"].as_array().map(Vec::len), Some(3));
    assert_eq!(changes(&house.json(&["apply", &fewer, "--prune"])).len(), 3);
    let left = house.json(&["export", "--config", "--with-people"])["people"].clone();
    assert_eq!(left, json!({"bob": {"groups": [{"group": "All"}]}}), "made by hand");
}

#[tokio::test]
async fn what_has_ended_is_as_good_as_not_said() {
    let house = shop().await;
    let text =
        "[groups.A]\ngrants = [{ service = \"Bank\", role = \"Clerk\", expires_at = \"2020-01-01T00:00:00Z\" }]\n";
    let said = house.run(&["apply", &house.file("over.toml", text)]);
    assert!(said.code == 0 && said.err.contains("come to its end"), "{said:?}");
    assert_eq!(house.number("select count(*) from auth.group_service_role where service_id = 2").await, 0);
}
