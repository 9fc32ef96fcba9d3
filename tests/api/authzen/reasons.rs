//! Why: policies, grants, groups, and what is missing.

use serde_json::json;

use super::{ask, by_policies, decision, reason};
use crate::policies::{EDITOR, SHOP, policy, world};

#[tokio::test]
async fn a_policy_that_divides_by_zero_is_a_no_and_the_reason_says_so() {
    let (server, root) = world().await;
    server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let shop = server.backend(SHOP).await;
    by_policies(&root, &[("invoice", "read", "amount::integer / share::integer > 1")]).await;
    let no = ask(&shop, "ada", "read", json!({"amount": 10, "share": 0})).await;
    assert_eq!(decision(&no), Some(false));
    assert!(reason(&no).contains("failed, which is a no") && reason(&no).contains("division by zero"), "{no:?}");
    let policy_told = &no.body["context"]["policies"][0];
    assert_eq!(policy_told["outcome"], "error");
    assert!(policy_told["error"].as_str().is_some_and(|error| error.contains("division by zero")), "{no:?}");
    assert_eq!(decision(&ask(&shop, "ada", "read", json!({"amount": 10, "share": 2})).await), Some(true));

    policy(&root, "invoice", "read", "status = 'open'").await;
    let yes = ask(&shop, "ada", "read", json!({"amount": 10, "share": 0, "status": "open"})).await;
    assert_eq!(decision(&yes), Some(true), "another one permits it");
}

#[tokio::test]
async fn a_yes_names_the_policy_the_role_and_the_group_it_comes_through() {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[]).await;
    let shop = server.backend(SHOP).await;
    let group = root.post("/groups", json!({"name": "Sales"})).await.ok().id();
    server
        .execute("insert into auth.group_service_role (group_id, service_id, role_id) select id, 1, 1 from auth.groups")
        .await;
    let end = server.app.clock.now().unix_timestamp() + 86_400;
    sqlx::query("insert into auth.group_members (group_id, person_id, expires_at) values ($1, $2, to_timestamp($3))")
        .bind(i32::try_from(group).expect("an id"))
        .bind(ada.id)
        .bind(end)
        .execute(server.app.db.pool())
        .await
        .expect("a member");
    by_policies(
        &root,
        &[
            ("invoice", "read", "'Editor' = any(auth_user.roles)"),
            ("invoice", "update", "'read' = any(auth_user.permissions)"),
            ("invoice", "delete", "'Sales' = any(auth_user.groups)"),
        ],
    )
    .await;
    for (action, said) in [
        ("read", "by the role `Editor` through the group `Sales`, until 20"),
        ("update", "`read` by the role `Editor` through the group `Sales`, until 20"),
        ("delete", "in the group `Sales`, until 20"),
    ] {
        let yes = ask(&shop, "ada", action, json!({})).await;
        assert_eq!(decision(&yes), Some(true), "{action}: {yes:?}");
        assert!(reason(&yes).contains(said), "{action}: {yes:?}");
        assert_eq!(yes.body["context"]["grants"][0]["group"], "Sales", "{yes:?}");
        assert_eq!(yes.body["context"]["policies"][0]["outcome"], "true");
    }
}

#[tokio::test]
async fn a_no_names_what_is_missing() {
    let (server, root) = world().await;
    server.person_with("ada", &[(SHOP, EDITOR)]).await;
    root.post("/roles", json!({"name": "Boss"})).await.ok();
    let shop = server.backend(SHOP).await;
    by_policies(&root, &[("invoice", "read", "'Boss' = any(auth_user.roles) and status = 'draft'")]).await;
    let no = ask(&shop, "ada", "read", json!({"status": "draft"})).await;
    assert_eq!(
        no.body["context"]["missing"],
        json!(["the role or permission `Boss`", "'Boss' = any(auth_user.roles) and status = 'draft'"])
    );
    let none = ask(&shop, "ada", "update", json!({})).await;
    assert!(reason(&none).contains("no policy is about `update` on `invoice`"), "{none:?}");
}

#[tokio::test]
async fn who_holds_nothing_in_the_service_is_told_apart_from_nobody_only_by_what_is_permitted() {
    let (server, _root) = world().await;
    server.person_with("idle", &[]).await;
    let shop = server.backend(SHOP).await;
    let (idle, nobody) = (ask(&shop, "idle", "read", json!({})).await, ask(&shop, "nobody", "read", json!({})).await);
    assert_eq!(idle.body, nobody.body);
}
