//! Policies: made, changed, found and deleted by whoever manages their service; types that services declare; what decides.

mod of_old;
mod setup;
mod told;
mod types;

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Caller, Response, Server};

pub const FORBIDDEN: (u16, &str) = (403, "insufficient_permissions");
pub const SHOP: i32 = 1;
pub const BANK: i32 = 2;
/// Carries `read`; Shop and Bank offer it.
pub const EDITOR: i32 = 1;

/// Two services, a role, a permission, and an administrator.
pub async fn world() -> (Server, Caller) {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    root.post("/roles", json!({"name": "Editor"})).await.ok();
    root.post("/permissions", json!({"name": "read"})).await.ok();
    root.post("/role-permissions", json!({"role_id": EDITOR, "permission_id": "read"})).await.ok();
    for service in ["Shop", "Bank"] {
        root.post("/services", json!({"name": service})).await.ok();
        for role in [EDITOR, 0] {
            root.post("/service-roles", json!({"service_id": service, "role_id": role})).await.ok();
        }
    }
    (server, root)
}

/// Makes a policy of Shop.
pub async fn policy(by: &Caller, table: &str, action: &str, expression: &str) -> Response {
    let body = json!({"table_name": table, "action": action, "expression": expression});
    by.post("/services/1/policies", body).await.ok()
}

/// Lets policies decide in Shop.
pub async fn let_policies_decide(by: &Caller) {
    by.patch("/services/1/policy-settings", json!({"policies_decide": true})).await.ok();
}

#[tokio::test]
async fn a_policy_is_made_found_changed_and_deleted() {
    let (_server, root) = world().await;
    let made = policy(&root, "invoice", "read", "  user_id = auth_user.id ").await;
    assert_eq!(made.status, 201);
    for (field, value) in [
        ("service_id", json!(SHOP)),
        ("table_name", json!("invoice")),
        ("action", json!("read")),
        ("expression", json!("user_id = auth_user.id")),
        ("description", Value::Null),
        ("effect", json!("permissive")),
    ] {
        assert_eq!(made.body[field], value, "{field}");
    }
    let path = format!("/services/Shop/policies/{}", made.id());
    let found = root.get(&path).await.ok();
    assert_eq!(found.body, made.body);

    let etag = found.header("etag").to_owned();
    let change = json!({"expression": "auth_user.is_admin", "description": "for administrators"}).to_string();
    let with_tag = |tag: String, body: String| {
        let root = root.clone();
        let path = path.clone();
        async move { root.send_with(Method::PATCH, &path, &body, |request| request.header("if-match", tag)).await }
    };
    let changed = with_tag(etag.clone(), change.clone()).await.ok();
    assert_eq!(changed.body["expression"], "auth_user.is_admin");
    assert_eq!(with_tag(etag, change).await.refusal(), (412, "precondition_failed"));
    assert_eq!(root.patch(&path, json!({})).await.refusal(), (400, "invalid_request_body"));

    assert_eq!(root.get("/services/2/policies").await.body, json!([]), "of another service");
    assert_eq!(root.get(&path.replace("Shop", "Bank")).await.refusal(), (404, "policy_not_found"));
    assert_eq!(root.delete(&path.replace("Shop", "Bank")).await.refusal(), (404, "policy_not_found"));
    let deleted = root.delete(&path).await;
    assert_eq!(deleted.body, json!({"status": "policy_deleted", "service_id": SHOP, "policy_id": made.id()}));
    assert_eq!(root.get(&path).await.refusal(), (404, "policy_not_found"));

    let told = root.get("/audit-events?service=1").await.column("action");
    for action in ["policy.created", "policy.changed", "policy.deleted"] {
        assert!(told.contains(&json!(action)), "{action}: {told:?}");
    }
}

#[tokio::test]
async fn the_same_policy_twice_is_one() {
    let (_server, root) = world().await;
    let first = policy(&root, "invoice", "read", "user_id = auth_user.id").await;
    let second = policy(&root, "invoice", "read", "user_id = auth_user.id").await;
    assert_eq!((second.status, second.id()), (200, first.id()));
    let other = json!({
        "table_name": "invoice", "action": "read", "expression": "user_id = auth_user.id", "description": "another",
    });
    assert_eq!(root.post("/services/1/policies", other).await.refusal(), (409, "policy_exists"));
    let restrictive = json!({
        "table_name": "invoice", "action": "read", "expression": "user_id = auth_user.id", "effect": "restrictive",
    });
    let restrictive = root.post("/services/1/policies", restrictive).await.ok();
    assert_ne!(restrictive.id(), first.id(), "it says another thing");
    let path = format!("/services/1/policies/{}", restrictive.id());
    assert_eq!(root.patch(&path, json!({"effect": "permissive"})).await.refusal(), (409, "policy_exists"));
}

#[tokio::test]
async fn a_list_of_policies_has_pages_and_filters() {
    let (_server, root) = world().await;
    for (table, action) in [("invoice", "read"), ("invoice", "update"), ("order", "read"), ("all", "all")] {
        policy(&root, table, action, "").await;
    }
    let first = root.get("/services/1/policies?limit=3").await;
    assert_eq!(first.column("table_name"), ["invoice", "invoice", "order"]);
    assert_eq!(root.get(&first.next().expect("more")).await.column("table_name"), ["all"]);
    assert_eq!(root.get("/services/1/policies?q=INV").await.column("action"), ["read", "update"]);
    let read = root.get("/services/1/policies?action=read&limit=1").await;
    assert_eq!(read.column("table_name"), ["invoice"]);
    assert_eq!(root.get(&read.next().expect("more")).await.column("table_name"), ["order"]);
    assert_eq!(root.get("/services/1/policies?table_name=all").await.column("action"), ["all"]);
}

#[tokio::test]
async fn what_means_nothing_is_refused_where_it_stands() {
    let (_server, root) = world().await;
    for (expression, said) in [
        ("user_id =", "line 1"),
        ("a = 1 and\nnosuch(a)", "line 2, column 1"),
        ("1", "line 1"),
        ("id in (select 1)", "line 1"),
        ("a = 1; drop table x", "line 1"),
    ] {
        let body = json!({"table_name": "invoice", "action": "read", "expression": expression});
        let refused = root.post("/services/1/policies", body).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{expression}");
        assert!(refused.detail().starts_with("`expression`: ") && refused.detail().contains(said), "{refused:?}");
    }
    for (field, value) in [
        ("table_name", json!("")),
        ("table_name", json!("x".repeat(129))),
        ("action", json!("a\u{200b}")),
        ("expression", json!("x".repeat(4001))),
        ("expression", json!("a = '\u{0}'")),
        ("expression", Value::Null),
        ("effect", json!("both")),
    ] {
        let mut body = json!({"table_name": "invoice", "action": "read", "expression": "true"});
        body[field] = value.clone();
        let refused = root.post("/services/1/policies", body).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{field} {value}");
        assert!(refused.detail().contains(field), "{refused:?}");
    }
    let none = json!({"table_name": "invoice", "action": "read"});
    assert_eq!(root.post("/services/1/policies", none).await.status, 400, "nobody permits everybody by leaving it out");
}

#[tokio::test]
async fn an_attribute_that_nobody_has_and_looks_like_another_is_refused_as_a_typo() {
    let (server, root) = world().await;
    let made = async |expression: &str| {
        let body = json!({"table_name": "invoice", "action": "read", "expression": expression});
        root.post("/services/1/policies", body).await
    };
    let standing = made("region = auth_user.depatment").await.ok().id();
    let ada = server.person_with("ada", &[]).await;
    root.patch(&format!("/users/{}", ada.id), json!({"attributes": {"department": "sales"}})).await.ok();
    for typo in ["owner = auth_user.depatment", "owner = auth_user.email"] {
        let refused = made(typo).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{typo}");
        assert!(refused.detail().contains("line 1, column 9"), "{refused:?}");
    }
    assert!(made("owner = auth_user.depatment").await.detail().contains("did you mean department?"));
    root.patch(&format!("/services/1/policies/{standing}"), json!({"description": "of their region"})).await.ok();
    made("owner = auth_user.attributes.depatment and unit = auth_user.department").await.ok();
}

#[tokio::test]
async fn who_manages_a_service_manages_its_policies() {
    let (server, root) = world().await;
    let keeper = server.person_with("keeper", &[(SHOP, 0)]).await;
    let editor = server.person_with("editor", &[(SHOP, EDITOR)]).await;
    let backend = server.backend(SHOP).await;
    let body = json!({"table_name": "invoice", "action": "read", "expression": ""});
    let settings = json!({"policies_decide": true});
    assert_eq!(keeper.post("/services/1/policies", body.clone()).await.status, 201);
    assert_eq!(keeper.patch("/services/1/policy-settings", settings.clone()).await.status, 200);
    assert_eq!(keeper.post("/services/2/policies", body.clone()).await.refusal(), FORBIDDEN);
    assert_eq!(keeper.get("/services/2/policies").await.refusal(), FORBIDDEN);
    assert_eq!(editor.get("/services/1/policies").await.refusal(), FORBIDDEN);
    assert_eq!(editor.post("/services/1/policies", body.clone()).await.refusal(), FORBIDDEN);
    let refused = backend.post("/services/1/policies", body.clone()).await;
    assert_eq!(refused.refusal(), (403, "service_key_not_allowed"));
    for opened in ["GET /changes", "/access/v1", "/auth_policies", "/services/{service}/resources"] {
        assert!(refused.detail().contains(opened), "{refused:?}");
    }
    assert_eq!(root.post("/services/0/policies", body).await.refusal(), (409, "built_in"));
    assert_eq!(root.patch("/services/0/policy-settings", settings).await.refusal(), (409, "built_in"));
}

#[tokio::test]
async fn a_service_that_lets_policies_decide_gets_three_unless_it_has_some() {
    let (_server, root) = world().await;
    let settings = root.get("/services/1/policy-settings").await;
    assert_eq!(settings.body, json!({"policies_decide": null, "permissions_decide": true}));
    let_policies_decide(&root).await;
    let policies = root.get("/services/1/policies").await;
    assert_eq!(policies.column("table_name"), ["auth_policies", "auth_users", "all"]);
    assert_eq!(policies.column("expression"), ["auth_user.is_admin", "auth_user.is_admin", "user_id = auth_user.id"]);
    assert_eq!(policies.column("action"), ["all", "all", "all"]);

    for policy in policies.column("id") {
        root.delete(&format!("/services/1/policies/{policy}")).await.ok();
    }
    let_policies_decide(&root).await;
    assert_eq!(root.get("/services/1/policies").await.body, json!([]), "they had begun to decide before");

    root.post("/services/2/policies", json!({"table_name": "a", "action": "b", "expression": ""})).await.ok();
    root.patch("/services/2/policy-settings", json!({"policies_decide": true})).await.ok();
    assert_eq!(root.get("/services/2/policies").await.column("table_name"), ["a"]);
    assert_eq!(root.patch("/services/1/policy-settings", json!({})).await.refusal(), (400, "invalid_request_body"));
}

#[tokio::test]
async fn backends_hear_that_what_decides_has_changed() {
    let (server, root) = world().await;
    let (shop, bank) = (server.backend(SHOP).await, server.backend(BANK).await);
    let (mut ours, mut theirs) = (shop.listen(None).await, bank.listen(None).await);
    assert_eq!((ours.event().await.name, theirs.event().await.name), ("ready".to_owned(), "ready".to_owned()));
    policy(&root, "invoice", "read", "").await;
    assert_eq!(ours.event().await.name, "policies-changed");
    root.post("/services/2/policies", json!({"table_name": "a", "action": "b", "expression": ""})).await.ok();
    let told = theirs.event().await;
    assert_eq!(told.name, "policies-changed", "and nothing of another service's");
    let_policies_decide(&root).await;
    assert_eq!(ours.event().await.name, "policies-changed");
}

#[tokio::test]
async fn a_service_that_goes_takes_its_policies_along() {
    let (server, root) = world().await;
    policy(&root, "invoice", "read", "").await;
    root.put("/services/1/resource-types/invoice", json!({"columns": {"id": "integer"}})).await.ok();
    root.delete("/services/1").await.ok();
    for table in ["policies", "resource_types"] {
        let sql = if table == "policies" {
            "select count(*) from auth.policies"
        } else {
            "select count(*) from auth.resource_types"
        };
        assert_eq!(server.number(sql).await, 0, "{table}");
    }
    assert_eq!(server.number("select count(*) from auth.policy_settings").await, 1, "that of the other one");
}
