//! Roles on resources like any other grant: reviewed, swept up when they are over, and told to backends.

use serde_json::{Value, json};
use time::Duration;

use super::roles::{ROLES, on};
use super::{put, put_in, shop};
use crate::policies::{BANK, EDITOR, SHOP};

#[tokio::test]
async fn a_review_lists_roles_on_resources_and_decides_about_them() {
    let (server, root, shop) = shop().await;
    server.person_with("ada", &[(SHOP, EDITOR)]).await;
    put(&shop, "folder/1", json!({})).await.ok();
    root.post("/groups", json!({"name": "Team"})).await.ok();
    root.post("/group-service-roles", json!({"group_id": 1, "service_id": SHOP, "role_id": EDITOR})).await.ok();
    root.post(ROLES, on("folder/1", json!({"person_id": "ada", "reason": "leads it"}))).await.ok();
    root.post(ROLES, on("folder/1", json!({"group_id": "Team"}))).await.ok();
    // One row a page, in their order: people, groups, those on resources.
    let (mut next, mut rows) = (Some("/services/1/access-review?limit=1&role=Editor".to_owned()), Vec::new());
    while let Some(path) = next {
        let page = root.get(&path).await.ok();
        rows.extend(page.body.as_array().expect("rows").clone());
        next = page.next();
    }
    let shown: Vec<_> = rows
        .iter()
        .map(|row| (row["person"]["username"].clone(), row["group"]["name"].clone(), row["resource"]["id"].clone()))
        .collect();
    assert_eq!(
        shown,
        [
            (json!("ada"), Value::Null, Value::Null),
            (Value::Null, json!("Team"), Value::Null),
            (json!("ada"), Value::Null, json!("1")),
            (Value::Null, json!("Team"), json!("1")),
        ]
    );
    assert_eq!((&rows[2]["reason"], &rows[2]["resource"]["type"]), (&json!("leads it"), &json!("folder")));
    let (of_ada, of_team) = (&rows[2]["resource"]["grant_id"], &rows[3]["resource"]["grant_id"]);
    let decided = json!({"confirm": [{"resource_grant_id": of_ada}], "revoke": [{"resource_grant_id": of_team}]});
    let done = root.post("/services/1/access-review", decided.clone()).await.ok();
    assert_eq!((&done.body["confirmed"], &done.body["revoked"]), (&json!(1), &json!(1)));
    assert_eq!(done.body["revoked_grants"][0]["resource_grant_id"], *of_team);
    let left = root.get("/resource-roles?service_id=1").await.ok();
    assert_eq!(left.body.as_array().map(Vec::len), Some(1));
    assert!(left.body[0]["confirmed_at"].is_string(), "{left:?}");
    let gone = json!({"confirm": [{"resource_grant_id": of_team}]});
    assert_eq!(root.post("/services/1/access-review", gone).await.refusal(), (404, "grant_not_found"));
    let elsewhere = json!({"confirm": [{"resource_grant_id": of_ada}]});
    assert_eq!(root.post("/services/2/access-review", elsewhere).await.refusal(), (404, "grant_not_found"));
    let both = json!({"confirm": [{"resource_grant_id": of_ada}], "revoke": [{"resource_grant_id": of_ada}]});
    assert_eq!(root.post("/services/1/access-review", both).await.refusal(), (400, "invalid_request_body"));
    let mixed = json!({"confirm": [{"resource_grant_id": of_ada, "role_id": 1}]});
    assert_eq!(root.post("/services/1/access-review", mixed).await.refusal(), (400, "invalid_request_body"));
}

#[tokio::test]
async fn what_is_over_is_swept_up_and_told() {
    let (server, root, shop) = shop().await;
    server.person_with("ada", &[]).await;
    put(&shop, "folder/1", json!({})).await.ok();
    let end = server.app.clock.now() + Duration::seconds(50);
    root.post(ROLES, on("folder/1", json!({"person_id": "ada", "expires_at": end.unix_timestamp()}))).await.ok();
    server.app.clock.turn(Duration::seconds(100));
    assert_eq!(portero::access::grants::sweep(&server.app).await.expect("a sweep"), 1);
    assert_eq!(server.number("select count(*) from auth.resource_roles").await, 0);
    let told = server.number("select count(*) from auth.audit_events where action = 'resource-grant.expired'").await;
    assert_eq!(told, 1);
}

#[tokio::test]
async fn backends_hear_of_their_resources_and_of_roles_on_them() {
    let (server, root, shop) = shop().await;
    let ada = server.person_with("ada", &[]).await;
    let bank = server.backend(BANK).await;
    let (mut ours, mut theirs) = (shop.listen(None).await, bank.listen(None).await);
    assert_eq!((ours.event().await.name, theirs.event().await.name), ("ready".to_owned(), "ready".to_owned()));
    put(&shop, "folder/1", json!({})).await.ok();
    assert_eq!(ours.event().await.name, "resources-changed");
    root.post(ROLES, on("folder/1", json!({"person_id": "ada"}))).await.ok();
    let told = ours.event().await;
    assert_eq!((told.name.as_str(), &told.data["user_id"]), ("grants-changed", &json!(ada.id)));
    // The same is no news.
    put(&shop, "folder/1", json!({})).await.ok();
    put_in(&shop, "doc/1", "1").await;
    assert_eq!(ours.event().await.name, "resources-changed");
    root.put("/services/2/resources/folder/1", json!({})).await.ok();
    assert_eq!(theirs.event().await.name, "resources-changed", "nothing of Shop's before it");
}
