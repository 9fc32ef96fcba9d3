//! Why, who, and what if, where a service has told of resources, and somebody holds a role on one.

use serde_json::{Value, json};

use super::at;
use crate::authzen::{by_policies, decision, evaluate};
use crate::resources::roles::{ROLES, on};
use crate::resources::{put, put_in, shop};
use crate::support::{Caller, Response, Server};

/// Documents 1 and 2 in folder 1, and document 3 in none; ada is an editor of the folder, by a group; bob owns document 3.
async fn told() -> (Server, Caller, Caller) {
    let (server, root, shop) = shop().await;
    for name in ["ada", "bob", "eve"] {
        server.person_with(name, &[]).await;
    }
    put(&shop, "folder/1", json!({})).await.ok();
    put_in(&shop, "doc/1", "1").await;
    put_in(&shop, "doc/2", "1").await;
    put(&shop, "doc/3", json!({"properties": {"owner": "bob"}})).await.ok();
    let group = root.post("/groups", json!({"name": "Authors"})).await.ok().id();
    root.post(&format!("/groups/{group}/members"), json!({"person_id": "ada"})).await.ok();
    root.post(ROLES, on("folder/1", json!({"group_id": group, "reason": "they write it"}))).await.ok();
    (server, root, shop)
}

fn about(subject: &str, place: &str) -> Value {
    let (kind, id) = place.split_once('/').expect("a type and an id");
    json!({
        "subject": {"type": "user", "id": subject}, "action": {"name": "read"}, "resource": {"type": kind, "id": id},
    })
}

async fn ask(by: &Caller, path: &str, asked: Value) -> Response {
    by.post(&at(by, path), asked).await.ok()
}

#[tokio::test]
async fn a_role_above_a_resource_is_told_with_who_gave_it_and_where() {
    let (_server, root, shop) = told().await;
    let yes = ask(&root, "explain", about("ada", "doc/1")).await;
    let grant = &yes.body["grants"][0];
    assert_eq!((&yes.body["decision"], &grant["role"]), (&json!(true), &json!("Editor")), "{yes:?}");
    assert_eq!(grant["resource"], json!({"type": "folder", "id": "1"}), "{yes:?}");
    assert_eq!((&grant["reason"], &grant["granted_by"]["username"]), (&json!("they write it"), &json!("root")));
    assert_eq!((&grant["group"], &grant["memberships"][0]["group"]), (&json!("Authors"), &json!("Authors")));
    assert_eq!(grant["is_supposed"], false);
    for (subject, place) in [("ada", "doc/3"), ("bob", "doc/1")] {
        assert_eq!(ask(&root, "explain", about(subject, place)).await.body["decision"], false, "{subject} {place}");
    }
    by_policies(
        &root,
        &[("doc", "read", "owner = auth_user.username or id = any(auth_user.resources('doc', 'read'))")],
    )
    .await;
    for (subject, place, expected) in
        [("ada", "doc/2", true), ("ada", "doc/3", false), ("bob", "doc/3", true), ("bob", "doc/2", false)]
    {
        let explained = ask(&root, "explain", about(subject, place)).await;
        assert_eq!(explained.body["decision"], expected, "{subject} {place}: {explained:?}");
        assert_eq!(decision(&evaluate(&shop, about(subject, place)).await), Some(expected), "{subject} {place}");
    }
}

#[tokio::test]
async fn what_is_supposed_counts_with_what_is_held_on_resources() {
    let (_server, root, _shop) = told().await;
    let mut asked = about("ada", "doc/1");
    // What is held by the folder stays: it is none of the roles that are taken.
    asked["without"] = json!({"roles": ["Editor"]});
    let answer = ask(&root, "simulate", asked.clone()).await;
    assert_eq!(
        (&answer.body["changes"], &answer.body["after"]["decision"]),
        (&json!(false), &json!(true)),
        "{answer:?}"
    );
    asked["policies"] = json!([{"table_name": "doc", "action": "read", "expression": "owner = auth_user.username"}]);
    let answer = ask(&root, "simulate", asked).await;
    assert_eq!(answer.body["after"]["decision"], false, "{answer:?}");
    let mut asked = about("bob", "doc/3");
    asked["policies"] = json!([{"table_name": "doc", "action": "read", "expression": "owner = auth_user.username"}]);
    let answer = ask(&root, "simulate", asked).await;
    assert_eq!(answer.body["after"]["decision"], true, "by what the service has told of it: {answer:?}");
}

#[tokio::test]
async fn who_can_and_what_can_know_of_roles_on_resources() {
    let (_server, root, shop) = told().await;
    let who = async |place: &str| {
        let mut asked = about("", place);
        asked.as_object_mut().expect("an object").remove("subject");
        let answer = ask(&shop, "who-can", asked).await;
        let results = answer.body["results"].as_array().expect("results");
        results.iter().map(|one| one["username"].clone()).collect::<Vec<Value>>()
    };
    assert_eq!(who("doc/1").await, ["ada"]);
    assert_eq!(who("doc/3").await, Vec::<Value>::new());
    let what = async |subject: &str, resource: Value| {
        let asked = json!({"subject": {"type": "user", "id": subject}, "resource": resource});
        ask(&root, "what-can", asked).await.body["results"].clone()
    };
    let some = json!([{"type": "doc", "actions": [{"name": "read", "rows": "some"}]}]);
    assert_eq!(what("ada", json!({"type": "doc"})).await, some);
    assert_eq!(what("bob", json!({"type": "doc"})).await, json!([]));
    let all = json!([{"type": "doc", "actions": [{"name": "read", "rows": "all"}]}]);
    assert_eq!(what("ada", json!({"type": "doc", "id": "2"})).await, all);
    by_policies(
        &root,
        &[
            ("doc", "read", "id = any(auth_user.resources('doc', 'read'))"),
            ("doc", "all", "'Editor' = any(auth_user.roles)"),
        ],
    )
    .await;
    let both = json!([{"type": "doc", "actions": [
        {"name": "all", "rows": "some"}, {"name": "create", "rows": "some"}, {"name": "delete", "rows": "some"},
        {"name": "read", "rows": "some"}, {"name": "read_mine", "rows": "some"}, {"name": "update", "rows": "some"},
    ]}]);
    let mut told = what("ada", json!({"type": "doc"})).await;
    told[0]["actions"].as_array_mut().expect("actions").sort_by_key(|action| action["name"].to_string());
    assert_eq!(told, both);
    assert_eq!(what("bob", json!({"type": "doc"})).await, json!([]));
}

#[tokio::test]
async fn a_change_of_policies_is_looked_at_over_the_resources_that_there_are() {
    let (_server, root, _shop) = told().await;
    by_policies(&root, &[("doc", "read", "'Editor' = any(auth_user.roles)")]).await;
    let change = json!({"policies": [
        {"id": 1, "expression": "owner = auth_user.username"},
        {"table_name": "doc", "action": "update", "expression": "id = any(auth_user.resources('doc', 'read'))"},
        {"table_name": "doc", "action": "print", "expression": "auth_user.username = 'eve'"},
        {"table_name": "letter", "action": "read", "expression": "owner = auth_user.username"},
    ]});
    let answer = root.post("/services/1/policies/diff", change.clone()).await.ok();
    let shown = |one: &Value| {
        let words = ["type", "action", "turn", "before", "after"].map(|field| one[field].as_str().unwrap_or_default());
        format!("{} {}: {}", words.join(" "), one["resources_looked_at"], one["people"])
    };
    let differences = answer.body["differences"].as_array().expect("differences");
    let told: Vec<String> = differences.iter().filter(|one| one["type"] == "doc").map(shown).collect();
    assert_eq!(
        told,
        [
            r#"doc print gains none all 3: ["eve"]"#,
            r#"doc read gains none some 3: ["bob"]"#,
            r#"doc read loses some none 3: ["ada"]"#,
            r#"doc update gains none some 3: ["ada"]"#,
        ],
        "{answer:?}"
    );
    let letter = differences.iter().find(|one| one["type"] == "letter").expect("a difference");
    assert_eq!(
        (letter["after"].as_str(), letter.get("resources_looked_at")),
        (Some("some"), None),
        "nothing is told of it"
    );

    let mut of_rows = change;
    of_rows["resources"] = json!([{"type": "doc", "id": "3"}, {"type": "doc", "id": "1"}]);
    let answer = root.post("/services/1/policies/diff", of_rows).await.ok();
    let told: Vec<String> = answer.body["differences"]
        .as_array()
        .expect("differences")
        .iter()
        .filter(|one| one["action"] == "read" && one["type"] == "doc")
        .map(|one| format!("{} {} {}", one["resource"], one["turn"], one["people"]))
        .collect();
    assert_eq!(told, [r#""1" "loses" ["ada"]"#, r#""3" "gains" ["bob"]"#], "{answer:?}");
}

#[tokio::test]
async fn what_can_finds_types_that_are_known_by_their_resources_alone() {
    let (_server, root, shop) = told().await;
    put(&shop, "memo/1", json!({"parent": {"type": "folder", "id": "1"}})).await.ok();
    let asked = json!({"subject": {"type": "user", "id": "ada"}});
    let found = ask(&root, "what-can", asked).await;
    let types: Vec<&str> =
        found.body["results"].as_array().expect("results").iter().filter_map(|one| one["type"].as_str()).collect();
    assert_eq!(types, ["doc", "folder", "memo"], "{found:?}");
}

#[tokio::test]
async fn a_type_without_a_column_id_has_no_filter_where_roles_on_resources_count() {
    let (_server, root, shop) = told().await;
    root.put("/services/1/resource-types/doc", json!({"columns": {"status": "text"}})).await.ok();
    by_policies(&root, &[("doc", "read", "not ('Editor' = any(auth_user.roles))")]).await;
    let filter = |subject: &str| {
        json!({
            "subject": {"type": "user", "id": subject}, "action": {"name": "read"}, "resource": {"type": "doc"},
        })
    };
    let refused = shop.post("/access/v1/filter", filter("ada")).await;
    assert_eq!(refused.refusal(), (422, "not_sayable"));
    assert!(refused.detail().contains("column id"), "{refused:?}");
    assert_eq!(shop.post("/access/v1/filter", filter("bob")).await.ok().body["kind"], "always");
}
