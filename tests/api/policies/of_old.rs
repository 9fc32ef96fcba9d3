//! `/auth_policies`, as the predecessor had it.

use serde_json::json;

use super::{BANK, FORBIDDEN, SHOP, world};

#[tokio::test]
async fn a_backend_reads_and_writes_its_own_policies_in_the_shape_of_old() {
    let (server, root) = world().await;
    let backend = server.backend(SHOP).await;
    let new = json!({
        "table_name": "todos", "action": "read", "expression": "user_id = auth_user.id", "description": "their own",
    });
    let made = backend.post("/auth_policies", new.clone()).await.ok();
    let id = made.id();
    let mut expected = new.clone();
    expected["id"] = json!(id);
    assert_eq!((made.status, &made.body), (200, &expected));
    assert_eq!(backend.get("/auth_policies").await.body, json!([expected]));
    assert_eq!(root.get("/auth_policies?service=Shop").await.body, json!([expected]));
    assert_eq!(root.get("/auth_policies?service=Bank").await.body, json!([]));
    for query in ["id=eq.ID", "id=ID", "table_name=eq.todos", "action=read"] {
        let path = format!("/auth_policies?{}", query.replace("ID", &id.to_string()));
        assert_eq!(backend.get(&path).await.body, json!([expected]), "{path}");
    }
    assert_eq!(backend.get("/auth_policies?table_name=eq.others").await.body, json!([]));

    let changed = backend.put(&format!("/auth_policies?id=eq.{id}"), json!({"expression": ""})).await.ok();
    assert_eq!(changed.body["expression"], "");
    let changed = backend.put("/auth_policies", json!({"id": id, "description": ""})).await.ok();
    assert_eq!((&changed.body["expression"], &changed.body["description"]), (&json!(""), &json!("")));
    assert_eq!(backend.put("/auth_policies", json!({"expression": ""})).await.refusal(), (400, "invalid_query"));

    let deleted = backend.delete(&format!("/auth_policies?id=eq.{id}")).await.ok();
    assert_eq!(deleted.id(), id);
    assert_eq!(backend.delete(&format!("/auth_policies?id={id}")).await.refusal(), (404, "policy_not_found"));
    assert_eq!(backend.delete("/auth_policies").await.refusal(), (400, "invalid_query"));
    assert_eq!(backend.delete("/auth_policies?id=x").await.refusal(), (400, "invalid_query"));

    let told = root.get("/audit-events?service=1&action=policy.created").await;
    assert_eq!(told.body[0]["actor"]["type"], "service-key", "{told:?}");
}

#[tokio::test]
async fn nobody_writes_policies_of_a_service_that_is_not_theirs() {
    let (server, root) = world().await;
    let (backend, editor) = (server.backend(SHOP).await, server.person_with("ada", &[(SHOP, super::EDITOR)]).await);
    let new = json!({"table_name": "todos", "action": "read", "expression": ""});
    let theirs = root.post("/auth_policies?service=Bank", new.clone()).await.ok().id();
    let elsewhere = (403, "forbidden_service_lookup");
    assert_eq!(backend.post("/auth_policies?service=Bank", new.clone()).await.refusal(), elsewhere);
    assert_eq!(backend.get("/auth_policies?service=2").await.refusal(), elsewhere);
    assert_eq!(backend.delete(&format!("/auth_policies?id={theirs}")).await.refusal(), (404, "policy_not_found"));
    let path = format!("/auth_policies?id={theirs}");
    assert_eq!(backend.put(&path, json!({"action": "all"})).await.refusal(), (404, "policy_not_found"));
    assert_eq!(editor.post("/auth_policies?service=Shop", new.clone()).await.refusal(), FORBIDDEN);
    assert_eq!(root.post("/auth_policies", new).await.refusal(), (400, "invalid_query"), "of which service?");
    let count = server.number("select count(*) from auth.policies where service_id = 2").await;
    assert_eq!((count, BANK), (1, 2));
}

#[tokio::test]
async fn whoever_turns_a_service_round_is_told() {
    let (server, root) = world().await;
    let backend = server.backend(SHOP).await;
    let new = |action: &str| json!({"table_name": "todos", "action": action, "expression": "auth_user.is_admin"});
    let of_shop = "/services/1/policies";
    let (by_policies, by_permissions) = ("policies decide in this service", "permissions decide in this service");
    let first = root.post(of_shop, new("read")).await.ok();
    assert!(first.header("warning").starts_with("299 portero \"from now on policies"), "{first:?}");
    let second = root.post(of_shop, new("update")).await.ok();
    assert_eq!(root.post(of_shop, new("read")).await.ok().header("warning"), "", "it is there already");
    let changed = root.patch(&format!("{of_shop}/{}", second.id()), json!({"action": "delete"})).await.ok();
    let one_less = root.delete(&format!("{of_shop}/{}", second.id())).await.ok();
    assert_eq!((second.header("warning"), changed.header("warning"), one_less.header("warning")), ("", "", ""));
    let last = root.delete(&format!("{of_shop}/{}", first.id())).await.ok();
    assert!(last.header("warning").contains(by_permissions), "{last:?}");

    let first = backend.post("/auth_policies", new("read")).await.ok();
    assert!(first.header("warning").contains(by_policies), "{first:?}");
    let last = backend.delete(&format!("/auth_policies?id={}", first.id())).await.ok();
    assert!(last.header("warning").contains(by_permissions), "{last:?}");

    let settle = async |settings| root.patch("/services/1/policy-settings", settings).await.ok();
    settle(json!({"permissions_decide": false})).await;
    let first = root.post(of_shop, new("read")).await.ok();
    let last = root.delete(&format!("{of_shop}/{}", first.id())).await.ok();
    assert!(last.header("warning").contains("everything is refused"), "{last:?}");
    settle(json!({"policies_decide": false})).await;
    assert_eq!(root.post(of_shop, new("read")).await.ok().header("warning"), "", "they do not decide");
    assert!(settle(json!({"policies_decide": null})).await.header("warning").contains(by_policies));
}
