//! Why: policies with their parts, roles, groups, grants, who gave them and when they end; for a no, what is missing.

use serde_json::{Value, json};

use super::{at, explain, parts, says};
use crate::authzen::{ask, by_policies, question};
use crate::policies::{BANK, EDITOR, FORBIDDEN, SHOP, let_policies_decide, policy, world};
use crate::support::{Caller, Response, Server};

/// Grants the role Editor in Shop, until in a day, for a reason.
async fn grant(server: &Server, by: &Caller, person: i32) -> i64 {
    let end = server.app.clock.now().unix_timestamp() + 86_400;
    let body = json!({
        "person_id": person, "service_id": SHOP, "role_id": EDITOR, "expires_at": end, "reason": "stands in for Eva",
    });
    by.post("/person-service-roles", body).await.ok();
    end
}

#[tokio::test]
async fn a_yes_leads_back_to_who_granted_the_role_why_and_until_when() {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[]).await;
    grant(&server, &root, ada.id).await;
    by_policies(&root, &[("invoice", "read", "'Editor' = any(auth_user.roles) and status = 'draft'")]).await;
    let told = explain(&root, "ada", "read", json!({"status": "draft"})).await;
    assert_eq!(told.body["decision"], true, "{told:?}");
    let grant = &told.body["grants"][0];
    assert_eq!((&grant["role"], &grant["granted_by"]["username"]), (&json!("Editor"), &json!("root")), "{told:?}");
    assert_eq!(grant["reason"], "stands in for Eva");
    assert!(grant["created_at"].is_string() && grant["expires_at"].is_string(), "{told:?}");
    assert_eq!(
        parts(&told),
        [
            ("'Editor' = any(auth_user.roles) and status = 'draft'".to_owned(), json!(true)),
            ("'Editor' = any(auth_user.roles)".to_owned(), json!(true)),
            ("status = 'draft'".to_owned(), json!(true)),
            ("status".to_owned(), json!("draft")),
        ]
    );
    let decided = ask(&server.backend(SHOP).await, "ada", "read", json!({"status": "draft"})).await;
    assert_eq!(decided.body["context"]["reason"], told.body["reason"], "the same evaluator");
}

#[tokio::test]
async fn a_role_that_is_held_through_groups_in_groups_leads_there_step_by_step() {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[]).await;
    let mut groups = Vec::new();
    for name in ["Lima", "North", "Sales"] {
        groups.push(root.post("/groups", json!({"name": name})).await.ok().id());
    }
    let add = async |group: i64, member: Value| {
        root.post(&format!("/groups/{group}/members"), member).await.ok();
    };
    add(groups[0], json!({"person_id": ada.id, "reason": "new"})).await;
    add(groups[1], json!({"group_id": groups[0]})).await;
    add(groups[2], json!({"group_id": groups[1]})).await;
    let held = json!({"group_id": groups[2], "service_id": SHOP, "role_id": EDITOR, "reason": "they sell"});
    root.post("/group-service-roles", held).await.ok();

    let told = explain(&root, "ada", "read", json!({})).await;
    assert_eq!(told.body["decision"], true, "a permission decides: {told:?}");
    let grant = &told.body["grants"][0];
    assert_eq!((&grant["role"], &grant["permission"]), (&json!("Editor"), &json!("read")));
    assert_eq!((&grant["group"], &grant["reason"]), (&json!("Sales"), &json!("they sell")));
    let steps = grant["memberships"].as_array().expect("steps");
    let names: Vec<&Value> = steps.iter().map(|step| &step["group"]).collect();
    assert_eq!(names, ["Lima", "North", "Sales"], "{told:?}");
    assert_eq!((&steps[0]["reason"], &steps[0]["added_by"]["username"]), (&json!("new"), &json!("root")));

    by_policies(&root, &[("invoice", "read", "'North' = any(auth_user.groups)")]).await;
    let told = explain(&root, "ada", "read", json!({})).await;
    let grant = &told.body["grants"][0];
    assert_eq!((&grant["group"], &grant["role"]), (&json!("North"), &Value::Null), "{told:?}");
    assert_eq!(grant["memberships"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_direct_grant_of_a_permission_is_told() {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[]).await;
    let body = json!({"person_id": ada.id, "service_id": SHOP, "permission_name": "read", "reason": "asked for it"});
    root.post("/person-service-permissions", body).await.ok();
    let told = explain(&root, "ada", "read", json!({})).await;
    let grant = &told.body["grants"][0];
    assert_eq!((&grant["permission"], &grant["role"]), (&json!("read"), &Value::Null), "{told:?}");
    assert_eq!((&grant["reason"], &grant["granted_by"]["username"]), (&json!("asked for it"), &json!("root")));
}

#[tokio::test]
async fn an_attribute_is_shown_to_who_may_see_people_and_not_to_a_backend() {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let path = format!("/users/{}", ada.id);
    root.patch(&path, json!({"attributes": {"department": "sales", "level": 3}})).await.ok();
    by_policies(&root, &[("invoice", "read", "department = auth_user.department and auth_user.level + 1 > floor")])
        .await;
    let row = json!({"department": "law", "floor": 9});
    let told = explain(&root, "ada", "read", row.clone()).await;
    assert!(parts(&told).contains(&("auth_user.department".to_owned(), json!("sales"))), "{told:?}");
    assert!(says(&told.body["missing"], r#"department is "law", auth_user.department is "sales""#), "{told:?}");

    let shop = server.backend(SHOP).await;
    let told = explain(&shop, "ada", "read", row).await;
    assert!(!told.text.contains("sales"), "{told:?}");
    let parts = parts(&told);
    for hidden in ["auth_user.department", "auth_user.level", "auth_user.level + 1"] {
        assert!(parts.contains(&(hidden.to_owned(), json!("hidden"))), "{hidden}: {parts:?}");
    }
    assert!(parts.contains(&("department = auth_user.department".to_owned(), json!(false))), "{parts:?}");
    assert!(says(&told.body["missing"], r#"department = auth_user.department [department is "law"]"#), "{told:?}");
}

#[tokio::test]
async fn a_policy_that_divides_by_zero_names_the_part() {
    let (server, root) = world().await;
    server.person_with("ada", &[(SHOP, EDITOR)]).await;
    by_policies(&root, &[("invoice", "read", "amount::integer / share::integer > 1")]).await;
    let told = explain(&root, "ada", "read", json!({"amount": 10, "share": 0})).await;
    assert_eq!((&told.body["decision"], &told.body["policies"][0]["outcome"]), (&json!(false), &json!("error")));
    assert!(parts(&told).contains(&("amount::integer / share::integer".to_owned(), json!("division by zero"))));
    assert!(says(&told.body["missing"], "[division by zero, amount is 10, share is 0]"), "{told:?}");
}

#[tokio::test]
async fn a_no_names_what_would_have_to_be_true_and_which_role_would_help() {
    let (server, root) = world().await;
    server.person_with("ada", &[(SHOP, EDITOR)]).await;
    root.post("/roles", json!({"name": "Boss"})).await.ok();
    root.post("/permissions", json!({"name": "delete"})).await.ok();
    root.post("/role-permissions", json!({"role_id": "Boss", "permission_id": "delete"})).await.ok();
    let told = explain(&root, "ada", "delete", json!({})).await;
    assert!(says(&told.body["missing"], "`delete`: this service offers no role that is called so"), "{told:?}");
    root.post("/service-roles", json!({"service_id": SHOP, "role_id": "Boss"})).await.ok();
    let told = explain(&root, "ada", "delete", json!({})).await;
    assert_eq!(told.body["missing"][0], "a role that carries `delete`: `Boss`", "{told:?}");

    for (action, expression) in [
        ("update", "status = 'draft' and not locked"),
        ("read", "status = 'draft' or user_id = auth_user.id"),
        ("delete", "'Boss' = any(auth_user.roles) and status not in ('paid', 'void')"),
    ] {
        policy(&root, "invoice", action, expression).await;
    }
    let_policies_decide(&root).await;
    let row = json!({"status": "paid", "user_id": 0, "locked": true});
    for (action, needs) in [
        (
            "update",
            "policy 1 (update on invoice) needs (status = 'draft' [status is \"paid\"] and not (locked) [locked is true])",
        ),
        (
            "read",
            "policy 2 (read on invoice) needs (status = 'draft' [status is \"paid\"] or user_id = auth_user.id [user_id is 0, ",
        ),
        ("delete", "('Boss' = any(auth_user.roles) and status not in ('paid', 'void') [status is \"paid\"])"),
        ("delete", "the role `Boss`"),
    ] {
        let told = explain(&root, "ada", action, row.clone()).await;
        assert!(says(&told.body["missing"], needs), "{action}: {told:?}");
    }
    let none = explain(&root, "ada", "pay", json!({})).await;
    assert!(says(&none.body["missing"], "a policy for `pay`"), "{none:?}");
}

#[tokio::test]
async fn whoever_is_not_logged_in_has_no_grants_to_explain() {
    let (server, root) = world().await;
    by_policies(&root, &[("page", "read", ""), ("page", "update", "auth_user.is_authenticated")]).await;
    let shop = server.backend(SHOP).await;
    let anonymous = |action: &str| json!({"subject": {"type": "anonymous", "id": "-"}, "action": {"name": action}, "resource": {"type": "page", "id": "1"}});
    let yes = shop.post("/access/v1/explain", anonymous("read")).await.ok();
    assert_eq!((&yes.body["decision"], &yes.body["grants"]), (&json!(true), &json!([])), "{yes:?}");
    let no = shop.post("/access/v1/explain", anonymous("update")).await.ok();
    assert!(says(&no.body["missing"], "auth_user.is_authenticated is false"), "{no:?}");
}

#[tokio::test]
async fn a_backend_sees_no_givers_no_reasons_and_no_memberships() {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[]).await;
    grant(&server, &root, ada.id).await;
    let group = root.post("/groups", json!({"name": "Sales"})).await.ok().id();
    root.post(&format!("/groups/{group}/members"), json!({"person_id": ada.id})).await.ok();
    root.post("/group-service-roles", json!({"group_id": group, "service_id": SHOP, "role_id": EDITOR})).await.ok();
    let shop = server.backend(SHOP).await;
    let told = explain(&shop, "ada", "read", json!({})).await;
    assert_eq!((&told.body["decision"], told.body["grants"].as_array().map(Vec::len)), (&json!(true), Some(2)));
    assert!(!told.text.contains("stands in") && !told.text.contains("root"), "{told:?}");
    assert!(told.body["grants"].as_array().expect("grants").iter().all(|grant| grant.get("memberships").is_none()));

    let keeper = server.person_with("keeper", &[(SHOP, 0)]).await;
    let told = explain(&keeper, "ada", "read", json!({})).await;
    assert!(told.text.contains("stands in"), "as in an access review: {told:?}");
    assert!(!told.text.contains("memberships"), "who is in a group is for who sees all grants: {told:?}");
}

#[tokio::test]
async fn a_backend_hears_of_who_holds_nothing_what_it_hears_of_nobody() {
    let (server, root) = world().await;
    server.person_with("idle", &[]).await;
    let shop = server.backend(SHOP).await;
    let mut told = Vec::new();
    for subject in ["idle", "nobody"] {
        let Response { mut body, .. } = explain(&shop, subject, "read", json!({})).await;
        body["at"] = Value::Null;
        told.push(body);
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0]["missing"], json!(["the permission `read`", "the permission `invoice:read`"]));
    let told = explain(&root, "idle", "read", json!({})).await;
    assert!(
        says(&told.body["missing"], "a role that carries `read`: `Editor`"),
        "who sees all people hears it: {told:?}"
    );
}

#[tokio::test]
async fn only_who_may_ask_for_decisions_may_ask_for_reasons() {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let (shop, keeper) = (server.backend(SHOP).await, server.person_with("keeper", &[(BANK, 0)]).await);
    let asked = question("ada", "read", json!({}));
    for path in ["explain", "simulate", "who-can", "what-can"] {
        let path = format!("/access/v1/{path}");
        let of_shop = format!("{path}?service=1");
        assert_eq!(server.anonymous().post(&path, asked.clone()).await.status, 401, "{path}");
        for stranger in [&ada, &keeper] {
            assert_eq!(stranger.post(&of_shop, asked.clone()).await.refusal(), FORBIDDEN, "{path}");
        }
        let other = shop.post(&format!("{path}?service=2"), asked.clone()).await;
        assert_eq!(other.refusal(), (403, "forbidden_service_lookup"), "{path}");
        let foreign = shop.post(&format!("{path}?service=2"), json!([])).await;
        assert_eq!(foreign.status, 403, "{path}: whose it is comes before what it says");
        assert_eq!(root.post(&path, asked.clone()).await.refusal(), (400, "invalid_query"), "{path}");
        assert_eq!(shop.post(&path, json!({"subject": 1})).await.refusal(), (400, "invalid_request_body"), "{path}");
    }
    let mut body = asked;
    body["context"] = json!({"x": "x".repeat(20_000)});
    assert_eq!(shop.post(&at(&shop, "explain"), body).await.refusal(), (400, "invalid_request_body"));
}
