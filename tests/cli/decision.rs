//! Why, who, and what if, on the command line.

use serde_json::{Value, json};

use crate::support::House;

/// A service whose policies decide, and two people, of whom ada is an editor.
async fn furnished() -> House {
    let house = House::new().await;
    for name in ["ada", "bob"] {
        house.json_with(&["user", "add", name, "--name", name], "correct horse\n");
    }
    house.json(&["permission", "add", "read"]);
    house.json(&["service", "add", "Shop"]);
    house.json(&["role", "add", "Editor", "--permission", "read", "--service", "Shop"]);
    house.json(&["grant", "add", "ada", "Shop", "Editor", "--expires", "30d", "--reason", "stands in"]);
    house.json(&["policy", "add", "invoice", "read", "'Editor' = any(auth_user.roles)"]);
    house.json(&["policy", "add", "invoice", "update", "'Editor' = any(auth_user.roles) and status = 'draft'"]);
    house.json(&["policy", "enable"]);
    house
}

#[tokio::test]
async fn a_decision_is_explained_and_simulated() {
    let house = furnished().await;
    let said = house.run(&["explain", "ada", "read", "invoice/12"]);
    for text in
        ["yes: policy 1 (read on invoice) permits it", "'Editor' = any(auth_user.roles)  -> true", ": stands in"]
    {
        assert!(said.code == 0 && said.out.contains(text), "{text}: {said:?}");
    }
    let draft = ["--properties", r#"{"status": "paid"}"#];
    let said = house.run(&[&["explain", "ada", "update", "invoice"][..], &draft].concat());
    assert!(said.out.contains("no: ") && said.out.contains(r#"needs status = 'draft' [status is "paid"]"#), "{said:?}");
    let later = house.json(&["explain", "ada", "read", "invoice", "--at", "60d", "--service", "Shop"]);
    assert_eq!(later["decision"], false, "{later}");
    assert_eq!(house.json(&["explain", "-", "read", "invoice"])["decision"], false);

    for (change, expected) in [
        (vec!["--with-role", "Editor"], true),
        (vec!["--policy", "invoice", "read", "auth_user.username = 'bob'"], true),
        (vec!["--attributes", r#"{"x": 1}"#], false),
        (vec!["--at", "1d"], false),
    ] {
        let told = house.json(&[&["simulate", "bob", "read", "invoice"][..], &change].concat());
        assert_eq!(
            (&told["before"]["decision"], &told["after"]["decision"]),
            (&json!(false), &json!(expected)),
            "{change:?}"
        );
    }
    let said = house.run(&["simulate", "ada", "read", "invoice", "--without-policy", "1"]);
    assert!(said.out.starts_with("Now: yes") && said.out.contains("Then: no"), "{said:?}");
    assert!(said.out.ends_with("Changes to no.\n"), "{said:?}");
    let said = house.run(&["simulate", "bob", "read", "invoice", "--policies-decide=false"]);
    assert!(said.out.ends_with("Nothing changes.\n") && said.out.contains("neither the permission"), "{said:?}");
    house.run(&["simulate", "ada", "read", "invoice", "--with-role", "Nobody"]).refused(&[
        "with.roles[0]",
        "`Nobody`",
        "add-role",
    ]);
    for command in ["explain", "simulate"] {
        house.run(&[command, "anna", "read", "invoice"]).refused(&["there is no person `anna`"]);
    }
    house.run(&["what-can", "anna"]).refused(&["there is no person `anna`"]);
    house.run(&["explain", "ada", "read", "invoice", "--at", "never"]).refused(&["--at"]);
    let said = house.run(&["explain", "ada", "read", "invoice", "--properties", "[]"]);
    assert!(said.code == 2 && said.err.contains("object"), "{said:?}");
}

#[tokio::test]
async fn who_can_and_what_can_are_listed() {
    let house = furnished().await;
    let who = house.json(&["who-can", "read", "invoice/12"]);
    assert_eq!((who.as_array().map(Vec::len), &who[0]["username"]), (Some(1), &json!("ada")));
    assert!(house.run(&["who-can", "read", "invoice"]).out.contains("policy 1 (read on invoice) permits it"));
    let nobody = house.run(&["who-can", "update", "invoice"]);
    assert!(nobody.code == 0 && nobody.err.contains("the row has no column status"), "{nobody:?}");
    assert!(house.run(&["who-can", "approve", "letter"]).err.contains("no policy is about `approve`"));
    let what = house.json(&["what-can", "ada"]);
    let actions = json!([{"name": "read", "rows": "all"}, {"name": "update", "rows": "some"}]);
    assert_eq!(
        what.as_array().and_then(|all| all.iter().find(|one| one["type"] == "invoice")).map(|one| &one["actions"]),
        Some(&actions)
    );
    let row = house.json(&["what-can", "ada", "invoice/1", "--properties", r#"{"status": "paid"}"#]);
    assert_eq!(row[0]["actions"], json!([{"name": "read", "rows": "all"}]));
    assert_eq!(house.json(&["what-can", "bob", "invoice"]), json!([]));
}

#[tokio::test]
async fn a_change_of_policies_is_looked_at_before_it_is_made() {
    let house = furnished().await;
    let told = house.json(&["policy", "diff", "invoice", "delete", "'Editor' = any(auth_user.roles)"]);
    assert_eq!(told["summary"], "this gives `delete` on `invoice` to 1 person", "{told}");
    let said = house.run(&["policy", "diff", "--without", "1", "--service", "Shop"]);
    assert!(said.out.contains("this takes `read` on `invoice` from 1 person") && said.out.contains("ada"), "{said:?}");
    let file = house.file("policies.json", r#"[{"table_name": "invoice", "action": "read", "expression": ""}]"#);
    let told = house.json(&["policy", "diff", "--file", &file, "--replace-all"]);
    let turns: Vec<&Value> = told["differences"].as_array().expect("a list").iter().map(|one| &one["turn"]).collect();
    assert_eq!(turns, ["gains", "loses"], "{told}");
    let said = house.run(&["policy", "diff"]);
    assert!(said.code == 2 && said.err.contains("required"), "{said:?}");
    house.run(&["policy", "diff", "--without", "9"]).refused(&["no policy 9"]);
    assert_eq!(house.number("select count(*) from auth.policies").await, 2, "nothing was changed");
    house.json(&["policy", "disable"]);
    assert!(house.run(&["policy", "diff", "--without", "1"]).err.contains("--policies-decide"));
    assert!(!house.run(&["policy", "diff", "--policies-decide=false"]).err.contains("--policies-decide"));
}
