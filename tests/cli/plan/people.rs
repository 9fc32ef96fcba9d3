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

#[tokio::test]
async fn what_people_hold_by_hand_keeps_what_it_needs() {
    let house = House::new().await;
    let whole = "[permissions.read]\n[roles.Clerk]\npermissions = [\"read\"]\n[roles.Chief]\n[roles.Guard]\n[roles.Nobody]\n\
                 [services.Shop]\nroles = [\"Clerk\", \"Chief\", \"Nobody\"]\n[groups.H]\n[groups.Empty]\n[groups.Folder]\n";
    house.json(&["apply", &house.file("whole.toml", whole)]);
    house.json_with(&["user", "add", "ada", "--name", "Ada"], "correct horse\n");
    house.json(&["group", "add-member", "H", "ada"]);
    house.json(&["grant", "add", "ada", "Shop", "Clerk"]);
    house.json(&["grant", "add", "ada", "portero", "Guard"]);
    house.json(&["resource", "put", "Shop", "folder", "7"]);
    house.json(&["resource", "grant", "Shop", "folder", "7", "Chief", "--group", "Folder"]);
    let empty = house.file("empty.toml", "[permissions.read]\n");
    let planned = house.run(&["plan", &empty, "--prune"]);
    for line in [
        "- group `Empty`",
        "- role `Nobody`",
        "group `H`: made by hand, `ada` in group `H` needs it",
        "role `Clerk`: made by hand, role `Clerk` in service `Shop` for `ada` needs it",
        "role `Guard`: made by hand, role `Guard` in service `portero` for `ada` needs it",
        "group `Folder`: made by hand, role `Chief` in service `Shop` for group `Folder` needs it",
        "service `Shop`: made by hand",
    ] {
        assert!(planned.out.to_lowercase().contains(&line.to_lowercase()), "{line} in {}", planned.out);
    }
    house.json(&["apply", &empty, "--prune"]);
    let left = house.json(&["export", "--config", "--with-people"]);
    assert_eq!(left["people"]["ada"]["groups"], json!([{"group": "H"}]));
    assert_eq!(left["people"]["ada"]["grants"].as_array().map(Vec::len), Some(2), "{left}");
    assert_eq!(house.number("select count(*) from auth.resource_roles").await, 1);
    // Once nobody has it any more it goes.
    house.json(&["group", "remove-member", "H", "ada"]);
    assert!(house.run(&["plan", &empty, "--prune"]).out.contains("- group `H`"));
}
