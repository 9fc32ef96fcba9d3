use serde_json::json;

use crate::support::House;

#[tokio::test]
async fn resources_are_told_of_held_and_deleted() {
    let house = House::new().await;
    house.json_with(&["user", "add", "ada", "--name", "Ada"], "correct horse\n");
    house.json(&["service", "add", "Shop"]);
    house.json(&["role", "add", "Editor"]);
    house.json(&["group", "add", "Team"]);

    let made = house.json(&["resource", "put", "Shop", "folder", "7", "--properties", r#"{"name": "Plans"}"#]);
    assert_eq!((&made["id"], &made["properties"]), (&json!("7"), &json!({"name": "Plans"})));
    let lines = "{\"type\":\"doc\",\"id\":\"1\",\"parent\":{\"type\":\"folder\",\"id\":\"7\"}}\n{\"type\":\"folder\",\"id\":\"8\"}\n";
    let file = house.file("resources.jsonl", lines);
    assert_eq!(house.json(&["resource", "put", "Shop", "--file", &file])["created"], 2);
    let bad =
        house.file("bad.jsonl", "{\"type\":\"doc\",\"id\":\"2\",\"parent\":{\"type\":\"folder\",\"id\":\"9\"}}\n");
    let named = format!("{bad}:1: `parent`: the service has no folder `9`");
    house.run(&["resource", "put", "Shop", "--file", &bad]).refused(&["1 fault in 1 line", &named]);
    let unread =
        house.file("unread.jsonl", "{\"type\":\"doc\",\"id\":\"2\"}\n\n{\"type\":\"doc\",\"idd\":\"3\"}\n[]\n");
    let said = house.run(&["resource", "put", "Shop", "--file", &unread]);
    said.refused(&[
        "2 faults in 3 lines",
        &format!("{unread}:3: "),
        "idd",
        &format!("{unread}:4: is not one JSON object"),
    ]);
    let said = house.run(&["resource", "put", "Shop", "--file", &unread, "--json"]);
    assert_eq!((&said.json()["created"], &said.json()["faults"][0]["line"]), (&json!(0), &json!(3)));
    house.run(&["resource", "put", "Shop", "folder", "8", "--parent", "folder", "8"]).refused(&["beneath itself"]);
    assert_eq!(house.run(&["resource", "put", "Shop"]).code, 2, "nothing named");
    house.json(&["resource", "put", "Shop", "folder", "8", "--parent", "folder", "7"]);
    assert_eq!(house.json(&["resource", "list", "Shop", "--type", "doc"])[0]["parent"]["id"], "7");

    let given =
        house.json(&["resource", "grant", "Shop", "folder", "7", "Editor", "--person", "ada", "--expires", "30d"]);
    assert_eq!((&given["changed"], &given["resource"]["id"]), (&json!(true), &json!("7")));
    house.json(&["resource", "grant", "Shop", "folder", "7", "Editor", "--group", "Team"]);
    assert_eq!(house.run(&["resource", "grant", "Shop", "folder", "7", "Editor"]).code, 2, "nobody named");
    let held = house.run(&["resource", "roles", "Shop"]).out;
    assert!(held.contains("ada (") && held.contains("group Team (1)"), "{held}");
    let taken = ["resource", "revoke", "Shop", "folder", "7", "Editor", "--person", "ada"];
    assert_eq!(house.json(&taken)["changed"], true);
    assert_eq!(house.json(&taken)["changed"], false);
    assert_eq!(house.told("resource-grant.added").await.len(), 2);

    house
        .run(&["resource", "delete", "Shop", "folder", "7"])
        .refused(&["2 other resources lie beneath", "`--recursive`"]);
    house
        .run(&["resource", "put", "Shop", "doc", "2", "--parent", "folder", "9"])
        .refused(&["no folder `9`: create it first"]);
    assert_eq!(house.json(&["resource", "delete", "Shop", "folder", "7", "--recursive"])["deleted"], 3);
    assert_eq!(house.json(&["resource", "list", "Shop"]), json!([]));
}
