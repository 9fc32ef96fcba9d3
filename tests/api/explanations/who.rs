//! Who can do it, and what can they do?

use serde_json::{Value, json};

use super::at;
use crate::authzen::by_policies;
use crate::policies::{EDITOR, SHOP, world};
use crate::support::{Caller, Response};

async fn who_can(by: &Caller, action: &str, page: Value) -> Response {
    let asked = json!({
        "action": {"name": action}, "resource": {"type": "invoice", "id": "12", "properties": {"status": "draft"}}, "page": page,
    });
    by.post(&at(by, "who-can"), asked).await.ok()
}

fn names(answer: &Response) -> Vec<&str> {
    let results = answer.body["results"].as_array().expect("results");
    results.iter().map(|one| one["username"].as_str().expect("a username")).collect()
}

#[tokio::test]
async fn who_can_names_people_and_by_what_they_can() {
    let (server, root) = world().await;
    for name in ["ada", "bob"] {
        server.person_with(name, &[(SHOP, EDITOR)]).await;
    }
    server.person_with("idle", &[]).await;
    by_policies(
        &root,
        &[
            ("invoice", "read", "'Editor' = any(auth_user.roles)"),
            ("invoice", "update", "status = 'draft' and auth_user.username <> 'bob'"),
            ("invoice", "print", ""),
        ],
    )
    .await;
    let shop = server.backend(SHOP).await;
    let read = who_can(&shop, "read", json!({})).await;
    assert_eq!((names(&read), &read.body["anonymous"]), (vec!["ada", "bob"], &json!(false)), "{read:?}");
    assert_eq!(read.body["results"][0]["how"]["grants"][0]["role"], "Editor");
    assert_eq!(names(&who_can(&shop, "update", json!({})).await), ["ada"]);
    assert_eq!(names(&who_can(&root, "update", json!({})).await), ["root", "ada", "idle"], "who sees all finds all");
    assert_eq!(who_can(&shop, "print", json!({})).await.body["anonymous"], true);
    assert_eq!(names(&who_can(&shop, "delete", json!({})).await), Vec::<&str>::new());

    let first = who_can(&shop, "read", json!({"limit": 1})).await;
    let next = who_can(&shop, "read", json!({"token": first.body["page"]["next_token"]})).await;
    assert_eq!((names(&first), names(&next)), (vec!["ada"], vec!["bob"]));
    assert_eq!(server.number("select count(*) from auth.service_uses").await, 0, "who is looked at uses nothing");
}

#[tokio::test]
async fn what_can_tells_actions_by_type_and_whether_it_depends_on_the_row() {
    let (server, root) = world().await;
    server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let shop = server.backend(SHOP).await;
    let what_can = async |resource: Value| {
        let asked = json!({"subject": {"type": "user", "id": "ada"}, "resource": resource});
        let told = shop.post("/access/v1/what-can", asked).await.ok();
        let results = told.body["results"].as_array().expect("results").clone();
        let shown = results.iter().map(|one| {
            let actions = one["actions"].as_array().expect("actions").iter();
            let actions = actions.map(|action| format!("{}:{}", action["name"], action["rows"]).replace('"', ""));
            format!("{} {}", one["type"].as_str().expect("a type"), actions.collect::<Vec<_>>().join(" "))
        });
        shown.collect::<Vec<_>>()
    };
    root.post("/permissions", json!({"name": "order:pay"})).await.ok();
    root.post("/role-permissions", json!({"role_id": EDITOR, "permission_id": "order:pay"})).await.ok();
    let held = what_can(Value::Null).await;
    assert!(held.contains(&"all order:pay:all read:all".to_owned()), "permissions decide: {held:?}");
    assert!(held.iter().any(|one| one.starts_with("order ") && one.contains(" pay:all")), "{held:?}");

    by_policies(
        &root,
        &[
            ("invoice", "read", "'Editor' = any(auth_user.roles)"),
            ("invoice", "update", "status = 'draft'"),
            ("invoice", "delete", "auth_user.is_admin"),
            ("order", "all", "user_id = auth_user.id"),
        ],
    )
    .await;
    assert_eq!(
        what_can(Value::Null).await,
        ["invoice read:all update:some", "order create:some delete:some read:some read_mine:some update:some all:some",]
    );
    assert_eq!(what_can(json!({"type": "invoice"})).await, ["invoice read:all update:some"]);
    assert_eq!(
        what_can(json!({"type": "invoice", "properties": {"status": "draft"}})).await,
        ["invoice read:all update:all"]
    );
    assert_eq!(what_can(json!({"type": "invoice", "properties": {"status": "paid"}})).await, ["invoice read:all"]);
    assert_eq!(what_can(json!({"type": "letter"})).await, Vec::<String>::new());
}
