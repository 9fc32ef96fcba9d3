//! `portero key` and `portero robot`.

use serde_json::{Value, json};

use crate::support::House;

const PASSWORD: &str = "correct horse battery\n";

fn expired_id(keys: &Value) -> String {
    let over = keys.as_array().expect("keys").iter().find(|key| key["expired"] == true);
    over.expect("one that is over")["id"].to_string()
}

#[tokio::test]
async fn keys_of_a_robot_are_made_shown_once_listed_and_revoked() {
    let house = House::new().await;
    house.json_with(&["admin", "add", "root"], PASSWORD);
    house.json_with(&["user", "add", "ada", "--name", "Ada"], PASSWORD);
    let robot = house.json(&["robot", "add", "exporter", "--owner", "ada"]);
    assert_eq!(
        (&robot["username"], &robot["owner_id"], &robot["name"]),
        (&json!("exporter"), &json!(2), &json!("exporter"))
    );
    house.run(&["robot", "add", "another", "--owner", "exporter"]).refused(&["`--owner`: ", "owned by a person"]);
    house.run(&["robot", "add", "another", "--owner", "nobody"]).refused(&["`--owner`: ", "`nobody`"]);
    house.json(&["grant", "add", "exporter", "portero", "Reader"]);

    let new = ["key", "add", "exporter", "--name", "export", "--scope", "portero:users:read", "--expires", "30d"];
    let made = house.json(&[&new[..], &["--network", "127.0.0.0/8"]].concat());
    let key = made["key"].as_str().expect("a key");
    assert!(key.starts_with("pak_") && key.len() == 76, "{key}");
    assert_eq!((&made["scopes"], &made["networks"]), (&json!(["portero:users:read"]), &json!(["127.0.0.0/8"])));
    let listed = house.run(&["key", "list", "exporter"]).out;
    assert!(listed.contains("export") && listed.contains("127.0.0.0/8") && !listed.contains(&key[4..20]), "{listed}");

    let refused = ["key", "add", "exporter", "--scope", "portero:users:write"];
    house.run(&refused).refused(&["`--scope`: `portero:users:write` is not held"]);
    house.run(&["key", "add", "exporter", "--scope", "nowhere:read"]).refused(&["`--scope`: `nowhere:read`"]);
    house.run(&[&new[..7], &["--expires", "9999d"]].concat()).refused(&["`--expires`: at most"]);
    house.run(&[&new[..8], &["never"]].concat()).refused(&["every API key expires"]);
    assert_eq!(house.run(&["key", "add", "exporter"]).code, 2);

    house.json(&["key", "add", "exporter", "--name", "over", "--scope", "portero:users:read"]);
    let expire = "update auth.api_keys set expires_at = now() - interval '1 day' where name = 'over'";
    sqlx::query(expire).execute(&mut house.conn().await).await.expect("an end");
    assert!(house.run(&["key", "list", "exporter"]).out.contains("(expired)"));
    let expired = house.json(&["key", "list", "exporter"]);
    assert_eq!((&expired[0]["expired"], &expired[1]["expired"]), (&json!(false), &json!(true)));

    let id = made["id"].to_string();
    let change = |more: &[&'static str]| house.run(&[&["key", "change", "exporter", &id][..], more].concat());
    let changed = house.json(&["key", "change", "exporter", &id, "--name", "weekly", "--any-network"]);
    assert_eq!((&changed["name"], &changed["networks"]), (&json!("weekly"), &json!([])));
    assert!(change(&["--network", "10.0.0.0/8", "--expires", "1d"]).out.contains("`weekly` of exporter"));
    change(&[]).refused(&["nothing to change", "`--any-network`"]);
    change(&["--expires", "never"]).refused(&["`--expires`", "every API key expires"]);
    house.run(&["key", "change", "exporter", "weekly", "--name", "k"]).refused(&["`weekly` is not the id"]);
    let over = expired_id(&house.json(&["key", "list", "exporter"]));
    house.run(&["key", "change", "exporter", &over, "--expires", "1d"]).refused(&["has expired"]);

    house.json(&["robot", "pass-on", "exporter", "root"]);
    assert_eq!(house.json(&["robot", "list", "--owner", "root"])[0]["username"], "exporter");
    assert!(house.run(&["robot", "list"]).out.contains("  root  "));
    let revoked = house.json(&["key", "revoke", "exporter"]);
    assert_eq!(revoked, json!({"status": "api_keys_revoked", "revoked": 2}), "the one that is over, too");
    let again = house.run(&["key", "revoke", "exporter"]);
    assert_eq!((again.code, again.out.contains("Nothing to do")), (0, true), "{again:?}");
    assert_eq!(house.told("api-key.created").await.len(), 2);
    assert_eq!(house.told("robot.passed-on").await.len(), 2);
}
