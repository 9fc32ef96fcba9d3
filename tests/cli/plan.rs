//! What stands in a server as one file: exported, planned, applied.

mod bad;
mod marks;
mod people;
mod providers;
mod races;

use serde_json::{Value, json};

use crate::support::House;

/// A shop with some of everything, made by hand.
async fn shop() -> House {
    let house = House::new().await;
    let run = |line: &[&str]| house.json(line);
    run(&["permission", "add", "read", "--description", "See what is in stock"]);
    run(&["permission", "add", "approve"]);
    run(&["role", "add", "Clerk", "--permission", "read"]);
    run(&["role", "add", "Chief", "--permission", "read", "--permission", "approve", "--permission", "users:read"]);
    run(&["service", "add", "UI Store", "--description", "The shop's \"front\"", "--claim", "department"]);
    run(&["service", "add", "Bank"]);
    run(&["service", "add-role", "UI Store", "Clerk", "Chief"]);
    run(&["policy", "enable", "--service", "UI Store"]);
    run(&[
        "policy",
        "add",
        "invoice",
        "read",
        "user_id = auth_user.id\n  or auth_user.is_admin",
        "--service",
        "UI Store",
    ]);
    run(&["policy", "add", "invoice", "all", "status <> 'void'", "--restrictive", "--service", "UI Store"]);
    run(&["group", "add", "Editors", "--description", "Whoever edits"]);
    run(&["group", "add", "All"]);
    run(&["group", "add-member", "All", "--group", "Editors", "--expires", "30d", "--reason", "for a while"]);
    run(&["group", "give", "Editors", "UI Store", "Clerk"]);
    run(&["group", "give", "All", "portero", "Reader"]);
    let redirect = ["--redirect-uri", "https://wiki.example/cb"];
    let wiki = ["client", "add", "Wiki", "--service", "UI Store", "--id", "wiki", "--scope", "openid Bank:approve"];
    run(&[&wiki[..], &redirect, &["--audience", "Bank"]].concat());
    run(&["client", "add", "Robot", "--service", "Bank", "--id", "robot", "--grant", "client_credentials"]);
    let mut conn = house.conn().await;
    let declare = "insert into auth.resource_types (service_id, name, columns)
                   select id, 'invoice', '{\"user_id\": \"integer\", \"status\": \"text\"}' from auth.services where name = 'UI Store'";
    sqlx::query(declare).execute(&mut conn).await.expect("a type");
    house
}

fn exported(house: &House) -> String {
    let said = house.run(&["export", "--config"]);
    assert_eq!(said.code, 0, "{said:?}");
    said.out
}

/// Which changes a plan or an apply tells of: action and what.
fn changes(answer: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    answer["changes"].as_array().expect("a list").iter().map(|one| (text(&one["action"]), text(&one["what"]))).collect()
}

#[tokio::test]
async fn what_is_exported_makes_the_same_elsewhere() {
    let (house, empty) = (shop().await, House::new().await);
    let text = exported(&house);
    assert_eq!(exported(&house), text, "the same bytes each time");
    for word in ["[services.\"UI Store\"]", "[clients.wiki]", "[[groups.Editors.grants]]", "[roles.Chief]", "is_admin"]
    {
        assert!(text.contains(word), "{word} in {text}");
    }
    let file = empty.file("portero.toml", &text);
    let planned = empty.run(&["plan", &file, "--exit-code"]);
    assert_eq!(planned.code, 2, "{planned:?}");
    assert!(planned.out.contains("+ role `Chief`") && planned.out.contains("to create, 0 to change, 0 to delete"));
    assert_eq!(empty.number("select count(*) from auth.services where id > 0").await, 0, "a plan changes nothing");

    let applied = empty.json(&["apply", &file]);
    assert_eq!(applied["secrets"].as_array().map(Vec::len), Some(2), "{applied}");
    let secret = applied["secrets"][0]["client_secret"].as_str().expect("a secret").to_owned();
    assert!(secret.starts_with("pcs_"), "shown once");
    assert_eq!(exported(&empty), text, "to the byte");
    assert!(!text.contains(&secret) && !text.contains("pcs_"), "no secret is in it");

    let planned = empty.run(&["plan", &file, "--exit-code"]);
    assert!(planned.code == 0 && planned.out.starts_with("Nothing to change."), "{planned:?}");
    let events = empty.number("select count(*) from auth.audit_events").await;
    assert_eq!(changes(&empty.json(&["apply", &file, "--prune"])), []);
    assert_eq!(empty.number("select count(*) from auth.audit_events").await, events, "a second apply does nothing");
    assert_eq!(empty.told("role.created").await.len(), 2, "told as if it were done one by one");
    let json = empty.json(&["export", "--config"]);
    assert_eq!(json["clients"]["wiki"]["audience"], json!(["Bank"]));
}

#[tokio::test]
async fn drift_is_found_and_undone() {
    let house = shop().await;
    let file = house.file("portero.toml", &exported(&house));
    assert!(house.run(&["apply", &file]).err.contains("as managed by this file"));
    house.json(&["permission", "change", "read", "--description", "Look"]);
    house.json(&["role", "add-permission", "Clerk", "approve"]);
    house.json(&["policy", "disable", "--service", "UI Store"]);
    house.json(&["group", "take", "Editors", "UI Store", "Clerk"]);
    house.json(&["client", "change", "wiki", "--name", "Wicki"]);
    let said = house.run(&["plan", &file, "--exit-code"]);
    assert_eq!(said.code, 2, "{said:?}");
    for line in [
        "~ permission `read`\n    description: \"Look\" -> \"See what is in stock\"",
        "~ role `Clerk`\n    permissions: -\"approve\"",
        "policies_decide: false -> true",
        "+ role `Clerk` in service `UI Store` for group `Editors`",
        "client_name: \"Wicki\" -> \"Wiki\"",
        "Plan: 1 to create, 4 to change, 0 to delete.",
    ] {
        assert!(said.out.contains(line), "{line} in {}", said.out);
    }
    let planned = house.json(&["plan", &file]);
    assert_eq!(
        planned["changes"][0]["fields"]["description"],
        json!({"before": "Look", "after": "See what is in stock"})
    );
    let said = house.run(&["apply", &file]);
    assert!(said.out.contains("Applied: 1 created, 4 changed, 0 deleted."), "{said:?}");
    assert_eq!(house.run(&["plan", &file, "--exit-code"]).code, 0);
}

#[tokio::test]
async fn what_is_managed_and_gone_from_the_file_is_left_until_it_is_pruned() {
    let house = House::new().await;
    let first = "[permissions.read]\n[permissions.write]\n[roles.Clerk]\npermissions = [\"read\", \"write\"]\n[roles.Chief]\n\
                 [groups.A]\n[services.Shop]\nroles = [\"Clerk\"]\n[[services.Shop.policies]]\ntable_name = \"invoice\"\n\
                 action = \"read\"\nexpression = \"user_id = auth_user.id\"\n";
    house.json(&["apply", &house.file("first.toml", first)]);
    house.json(&["role", "add", "By hand"]);
    house.json(&["permission", "add", "hand"]);
    house.json(&["group", "add", "Hands"]);
    house.json(&["group", "add-member", "Hands", "--group", "A"]);
    house.json(&["policy", "add", "invoice", "update", "auth_user.is_admin"]);

    let second =
        house.file("second.toml", "[permissions.read]\n[roles.Clark]\npermissions = [\"read\"]\n[services.Shop]\n");
    let planned = house.run(&["plan", &second]);
    for line in [
        "Left, though",
        "  role `Clerk`\n",
        "  permission `write`",
        "to create, 0 to change, 0 to delete",
        "renames nothing",
    ] {
        assert!(planned.out.contains(line), "{line} in {}", planned.out);
    }
    let pruned = house.json(&["apply", &second, "--prune"]);
    let deleted: Vec<String> =
        changes(&pruned).into_iter().filter(|(action, _)| action == "delete").map(|(_, what)| what).collect();
    assert_eq!(
        deleted,
        [
            "permission `write`",
            "role `Chief`",
            "role `Clerk`",
            "role `Clerk` in service `Shop`",
            "policy for read on invoice of service `Shop`",
        ]
    );
    assert_eq!(pruned["left"][0]["what"], "group `A`", "what was made by hand needs it");
    let left = exported(&house);
    assert!(left.contains("\"By hand\"") && left.contains("hand]") && left.contains("auth_user.is_admin"), "{left}");
    assert!(house.json(&["role", "list", "--service", "0"]).as_array().is_some_and(|own| own.len() == 4));
    let empty = house.file("empty.toml", "");
    let pruned = house.json(&["apply", &empty, "--prune"]);
    assert!(pruned["left"].as_array().is_some_and(|left| left.iter().any(|one| one["what"] == "service `Shop`")));
    assert_eq!(house.told("role.deleted").await.len(), 3);
}

#[tokio::test]
async fn types_and_policies_change_together() {
    let house = House::new().await;
    let file = |column: &str, expression: &str| {
        format!(
            "[services.Shop]\n[services.Shop.resource_types.invoice]\n{column}\n[[services.Shop.policies]]\n\
             table_name = \"invoice\"\naction = \"read\"\nexpression = \"{expression}\"\n"
        )
    };
    house.json(&["apply", &house.file("a.toml", &file("owner = \"text\"", "owner = 'a'"))]);
    let changed = house.file("b.toml", &file("owner_id = \"integer\"", "owner_id = auth_user.id"));
    let planned = house.run(&["plan", &changed]);
    assert!(planned.out.contains("expression: \"owner = 'a'\" -> \"owner_id = auth_user.id\""), "{planned:?}");
    let applied = house.json(&["apply", &changed]);
    assert_eq!(changes(&applied).len(), 2, "{applied}");
    assert_eq!(house.number("select min(id)::bigint from auth.policies").await, 1, "it is the same policy");
    let plain =
        "[services.Shop]\n[[services.Shop.policies]]\ntable_name = \"invoice\"\naction = \"read\"\nexpression = \"\"\n";
    house.json(&["apply", &house.file("c.toml", plain), "--prune"]);
    assert_eq!(house.number("select count(*) from auth.resource_types").await, 0);
}

#[tokio::test]
async fn a_plan_tells_whom_its_policies_give_and_take_what() {
    let house = House::new().await;
    for name in ["ada", "bob"] {
        house.json_with(&["user", "add", name, "--name", name], "correct horse\n");
    }
    let file = |types: &str, expression: &str| {
        format!(
            "[permissions.read]\n[roles.Editor]\npermissions = [\"read\"]\n[services.Shop]\nroles = [\"Editor\"]\n{types}\n\
             [[services.Shop.policies]]\ntable_name = \"invoice\"\naction = \"read\"\nexpression = \"{expression}\"\n"
        )
    };
    let first = house.file("a.toml", &file("", "'Editor' = any(auth_user.roles)"));
    let planned = house.json(&["plan", &first]);
    assert_eq!(planned["decisions"], json!([]), "nobody holds anything in a service that is not there");
    house.json(&["apply", &first]);
    house.json(&["grant", "add", "ada", "Shop", "Editor"]);
    let typed = "[services.Shop.resource_types.invoice]\nowner = \"text\"\n";
    let second = house.file("b.toml", &file(typed, "auth_user.username = 'bob' or owner = auth_user.username"));
    let planned = house.run(&["plan", &second]);
    for text in
        ["In service `Shop`", "gives `read` on `invoice` to 1 person", "(some rows instead of all) from 1 person"]
    {
        assert!(planned.out.contains(text), "{text}: {planned:?}");
    }
    let diff = &house.json(&["plan", &second])["decisions"][0];
    assert_eq!(
        (&diff["service"], &diff["diff"]["differences"][0]["turn"]),
        (&json!("Shop"), &json!("gains")),
        "{diff}"
    );
    assert_eq!(
        house.number("select count(*) from auth.policies where expression like '%bob%'").await,
        0,
        "only planned"
    );
    house.json(&["apply", &second]);
    assert_eq!(house.json(&["plan", &second])["decisions"], json!([]));
}

#[tokio::test]
async fn the_example_can_be_applied() {
    let house = House::new().await;
    let example = house.file("example.toml", include_str!("../../examples/portero.toml"));
    assert_eq!(house.json(&["apply", &example])["secrets"].as_array().map(Vec::len), Some(1));
    assert_eq!(house.run(&["plan", &example, "--exit-code", "--prune"]).code, 0);
    let text = exported(&house);
    assert!(
        text.contains("user_id = auth_user.id\nor department"),
        "an expression of several lines is read as it was written: {text}"
    );
}

#[tokio::test]
async fn that_a_file_renames_nothing_is_said_once_for_a_kind() {
    let house = House::new().await;
    let many: Vec<String> = (0..20).map(|n| format!("[groups.G{n}]")).collect();
    house.json(&["apply", &house.file("many.toml", &many.join("\n"))]);
    let said = house.run(&["plan", &house.file("other.toml", "[groups.New]\n")]);
    assert_eq!(said.out.matches("renames nothing").count(), 1, "{said:?}");
    assert!(said.out.contains("no new group is one of those that are deleted or left"), "{said:?}");
}
