use serde_json::json;

use crate::support::House;

async fn furnished() -> House {
    let house = House::new().await;
    house.json_with(&["user", "add", "ada", "--name", "Ada"], "correct horse\n");
    house.json(&["service", "add", "Shop"]);
    house.json(&["role", "add", "Editor"]);
    house
}

#[tokio::test]
async fn groups_are_made_filled_given_roles_and_removed() {
    let house = furnished().await;
    let editors = json!({"id": 1, "name": "Editors", "description": "Whoever edits"});
    assert_eq!(house.json(&["group", "add", "Editors", "--description", "Whoever edits"]), editors);
    assert!(house.run(&["group", "add", "Editors"]).out.contains("Already exists"));
    house.json(&["group", "add", "All"]);
    assert_eq!(house.json(&["group", "list", "--beginning", "e"]), json!([editors]));

    let added = house.json(&["group", "add-member", "Editors", "ada", "--expires", "30d", "--reason", "stands in"]);
    assert_eq!(added, json!({"group_id": 1, "changed": true}));
    let said = house.run(&["group", "add-member", "All", "--group", "Editors"]).out;
    assert_eq!(said, "Done: group `Editors` is in group `All`.\n");
    house.run(&["group", "add-member", "Editors", "--group", "All"]).refused(&["`Editors` in `All` in `Editors`"]);
    assert_eq!(house.run(&["group", "add-member", "Editors"]).code, 2, "nobody named");
    house.json(&["group", "give", "All", "Shop", "Editor"]);
    house.run(&["group", "give", "All", "portero", "Administrator"]).refused(&["people"]);

    let shown = house.json(&["group", "show", "All", "--deep"]);
    assert_eq!(shown["members"][0]["person"]["username"], "ada");
    assert_eq!(shown["roles"][0]["role"]["name"], "Editor");
    let text = house.run(&["group", "show", "All"]).out;
    assert!(text.contains("group Editors (1)") && text.contains("Shop (1)"), "{text}");
    let held = house.json(&["grant", "list", "ada"]);
    assert_eq!((&held[0]["role"], &held[0]["group"]), (&json!("Editor"), &json!("All")));
    assert!(held[0]["expires_at"].is_string(), "with the membership");
    assert!(house.run(&["grant", "list"]).out.contains("All"));

    assert_eq!(house.json(&["group", "take", "All", "Shop", "Editor"])["changed"], true);
    assert_eq!(house.json(&["group", "take", "All", "Shop", "Editor"])["changed"], false);
    assert_eq!(house.json(&["grant", "list", "ada"]), json!([]));
    assert_eq!(house.json(&["group", "change", "All", "--name", "Everybody"])["name"], "Everybody");
    house.json(&["group", "remove-member", "Everybody", "--group", "Editors"]);
    let nothing = house.run(&["group", "remove-member", "Everybody", "ada"]);
    assert!(nothing.out.contains("Nothing to do"), "{nothing:?}");
    house.json(&["group", "remove", "Editors"]);
    house.run(&["group", "remove", "Editors"]).refused(&["no group", "portero group list"]);
    let told = house.told("group-member.added").await;
    assert_eq!(told.len(), 1);
}

#[tokio::test]
async fn an_import_puts_people_into_groups_and_an_export_says_so() {
    let house = furnished().await;
    house.json(&["group", "add", "Editors"]);
    house.json(&["group", "add", "All"]);
    let file = house.file("people.csv", "username,name,groups\nbob,Bob,Editors; All\ncid,Cid,\n");
    assert_eq!(house.json(&["user", "import", &file])["imported"], 2);
    let out = house.run(&["user", "export"]).out;
    let bob = out.lines().find(|line| line.contains("bob")).unwrap_or_default();
    assert!(bob.ends_with(",Editors;All"), "{out}");
    let file = house.file("more.csv", "username,name,groups\ndan,Dan,Nobody\n");
    house.run(&["user", "import", &file]).refused(&["groups: there is no group Nobody"]);
}
