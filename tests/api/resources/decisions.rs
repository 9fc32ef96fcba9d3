//! Decisions about resources that their service has told of, and about those beneath which somebody holds a role.

use serde_json::{Value, json};
use time::Duration;

use super::roles::{ROLES, on};
use super::{put, put_in, shop};
use crate::authzen::{by_policies, decision, evaluate, reason};
use crate::policies::{EDITOR, SHOP};
use crate::support::{Caller, Response};

fn about(subject: &str, action: &str, place: &str) -> Value {
    let (kind, id) = place.split_once('/').expect("a type and an id");
    json!({
        "subject": {"type": "user", "id": subject}, "action": {"name": action}, "resource": {"type": kind, "id": id},
    })
}

async fn ask(shop: &Caller, subject: &str, action: &str, place: &str) -> Response {
    evaluate(shop, about(subject, action, place)).await
}

async fn may(shop: &Caller, subject: &str, place: &str) -> bool {
    decision(&ask(shop, subject, "read", place).await).expect("a decision")
}

/// Folder 1 in folder 0, a document in it, and one elsewhere.
async fn tree(shop: &Caller) {
    put(shop, "folder/0", json!({})).await.ok();
    put_in(shop, "folder/1", "0").await;
    put(shop, "doc/1", json!({"parent": {"type": "folder", "id": "1"}, "properties": {"owner": "ada"}})).await.ok();
    put(shop, "doc/2", json!({})).await.ok();
}

#[tokio::test]
async fn a_role_on_a_folder_counts_for_all_beneath_it_and_nowhere_else() {
    let (server, root, shop) = shop().await;
    server.person_with("ada", &[]).await;
    tree(&shop).await;
    assert!(!may(&shop, "ada", "doc/1").await);
    root.post(ROLES, on("folder/0", json!({"person_id": "ada"}))).await.ok();
    let yes = ask(&shop, "ada", "read", "doc/1").await;
    assert_eq!(decision(&yes), Some(true), "{yes:?}");
    assert!(reason(&yes).contains("by the role `Editor` on folder `0`"), "{yes:?}");
    assert_eq!(yes.body["context"]["grants"][0]["resource"], json!({"type": "folder", "id": "0"}));
    assert!(may(&shop, "ada", "folder/1").await);
    assert!(!may(&shop, "ada", "doc/2").await);
    assert!(!may(&shop, "ada", "doc/3").await, "nobody has told of it");
    // It moves away, and back.
    put(&shop, "folder/1", json!({})).await.ok();
    assert!(!may(&shop, "ada", "doc/1").await);
    put_in(&shop, "folder/1", "0").await;
    assert!(may(&server.another_instance().await.backend(SHOP).await, "ada", "doc/1").await);
    root.delete_with(ROLES, on("folder/0", json!({"person_id": "ada"}))).await.ok();
    assert!(!may(&shop, "ada", "doc/1").await);
}

#[tokio::test]
async fn a_role_on_a_folder_comes_through_a_group_and_ends() {
    let (server, root, shop) = shop().await;
    let ada = server.person_with("ada", &[]).await;
    tree(&shop).await;
    root.post("/groups", json!({"name": "Team"})).await.ok();
    root.post("/groups/1/members", json!({"person_id": ada.id})).await.ok();
    let end = server.app.clock.now() + Duration::hours(1);
    root.post(ROLES, on("folder/0", json!({"group_id": "Team", "expires_at": end.unix_timestamp()}))).await.ok();
    let yes = ask(&shop, "ada", "read", "doc/1").await;
    assert!(reason(&yes).contains("by the role `Editor` on folder `0` through the group `Team`, until "), "{yes:?}");
    server.app.clock.turn(Duration::hours(2));
    assert!(!may(&shop, "ada", "doc/1").await);
}

#[tokio::test]
async fn policies_see_stored_properties_and_what_is_sent_counts_first() {
    let (server, root, shop) = shop().await;
    server.person_with("ada", &[]).await;
    tree(&shop).await;
    by_policies(
        &root,
        &[("doc", "read", "owner = auth_user.username"), ("doc", "edit", "'Editor' = any(auth_user.roles)")],
    )
    .await;
    assert!(may(&shop, "ada", "doc/1").await);
    let mut sent = about("ada", "read", "doc/1");
    sent["resource"]["properties"] = json!({"owner": "bob"});
    assert_eq!(decision(&evaluate(&shop, sent).await), Some(false));
    assert_eq!(decision(&ask(&shop, "ada", "edit", "doc/1").await), Some(false));
    root.post(ROLES, on("folder/1", json!({"person_id": "ada"}))).await.ok();
    assert_eq!(decision(&ask(&shop, "ada", "edit", "doc/1").await), Some(true));
    assert_eq!(decision(&ask(&shop, "ada", "edit", "doc/2").await), Some(false));
}

#[tokio::test]
async fn expressions_know_the_resources_that_somebody_reaches() {
    let (server, root, shop) = shop().await;
    server.person_with("ada", &[]).await;
    server.person_with("eve", &[(SHOP, EDITOR)]).await;
    tree(&shop).await;
    by_policies(&root, &[("task", "read", "folder = any(auth_user.resources('folder', 'read'))")]).await;
    root.post(ROLES, on("folder/0", json!({"person_id": "ada"}))).await.ok();
    for (subject, folder, allowed) in [
        ("ada", json!("1"), true),
        ("ada", json!("0"), true),
        ("ada", json!("2"), false),
        ("ada", json!(1), true),
        ("ada", Value::Null, false),
        // By a role in the service, on all that there are.
        ("eve", json!("1"), true),
        ("eve", json!("2"), false),
    ] {
        let mut question = about(subject, "read", "task/1");
        question["resource"]["properties"] = json!({"folder": folder});
        assert_eq!(decision(&evaluate(&shop, question).await), Some(allowed), "{subject} {folder}");
    }
    let filter =
        json!({"subject": {"type": "user", "id": "ada"}, "action": {"name": "read"}, "resource": {"type": "task"}});
    let filtered = shop.post("/access/v1/filter", filter).await.ok();
    assert_eq!(filtered.body["kind"], "conditional");
    assert_eq!(filtered.body["parameters"][0]["value"], json!(["0", "1"]), "{filtered:?}");
}

#[tokio::test]
async fn a_filter_keeps_the_rows_of_resources_on_which_a_role_is_held() {
    let (server, root, shop) = shop().await;
    server.person_with("ada", &[]).await;
    tree(&shop).await;
    let ask = async || {
        let filter =
            json!({"subject": {"type": "user", "id": "ada"}, "action": {"name": "read"}, "resource": {"type": "doc"}});
        shop.post("/access/v1/filter", filter).await.ok().body
    };
    assert_eq!(ask().await["kind"], "never");
    root.post(ROLES, on("folder/0", json!({"person_id": "ada"}))).await.ok();
    let by_permission = ask().await;
    assert_eq!(by_permission["parameters"][0]["value"], json!(["1"]), "{by_permission}");
    by_policies(&root, &[("doc", "read", "'Editor' = any(auth_user.roles) and status = 'open'")]).await;
    let by_policy = ask().await;
    assert_eq!(by_policy["kind"], "conditional");
    let bound: Vec<_> =
        by_policy["parameters"].as_array().expect("parameters").iter().map(|one| one["value"].clone()).collect();
    assert_eq!(bound, [json!(["1"]), json!("open")], "{by_policy}");
}

#[tokio::test]
async fn many_questions_each_see_their_own_resource() {
    let (server, root, shop) = shop().await;
    server.person_with("ada", &[]).await;
    tree(&shop).await;
    root.post(ROLES, on("folder/1", json!({"person_id": "ada"}))).await.ok();
    let question = |place: &str| {
        let (kind, id) = place.split_once('/').expect("a type and an id");
        json!({"resource": {"type": kind, "id": id}})
    };
    let asked = json!({
        "subject": {"type": "user", "id": "ada"}, "action": {"name": "read"},
        "evaluations": [question("doc/1"), question("doc/2"), question("folder/0"), question("folder/1")],
    });
    let answers = shop.post("/access/v1/evaluations", asked).await.ok();
    let decisions: Vec<_> =
        answers.body["evaluations"].as_array().expect("answers").iter().map(|one| &one["decision"]).collect();
    assert_eq!(decisions, [true, false, false, true]);
}
