//! Types of resources that a service declares.

use axum::http::Method;
use axum::http::request::Builder;
use serde_json::json;

use super::{policy, world};

#[tokio::test]
async fn a_type_is_declared_and_policies_are_held_against_it() {
    let (_server, root) = world().await;
    let path = "/services/1/resource-types/invoice";
    let columns = json!({"columns": {"id": "integer", "user_id": "int4", "status": "text", "tags": "text[]"}});
    let made = root.put(path, columns.clone()).await;
    assert_eq!((made.status, &made.body["columns"]["tags"]), (201, &json!("text[]")), "{made:?}");
    assert_eq!(root.put(path, columns).await.status, 200);
    assert_eq!(root.get("/services/1/resource-types").await.column("name"), ["invoice"]);
    assert_eq!(root.get(path).await.body["name"], "invoice");

    for (expression, said) in
        [("owner_id = auth_user.id", "owner_id"), ("user_id = 'a'", ""), ("staus = 'x'", "status")]
    {
        let body = json!({"table_name": "invoice", "action": "read", "expression": expression});
        let refused = root.post("/services/1/policies", body).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{expression}");
        assert!(refused.detail().contains(said), "{refused:?}");
    }
    policy(&root, "invoice", "read", "user_id = auth_user.id and status = 'draft'").await;
    policy(&root, "order", "read", "owner_id = auth_user.id").await;
}

#[tokio::test]
async fn a_type_is_not_changed_beneath_living_policies() {
    let (_server, root) = world().await;
    let path = "/services/1/resource-types/invoice";
    let first = policy(&root, "invoice", "read", "user_id = auth_user.id").await.id();
    let second = policy(&root, "invoice", "update", "user_id = auth_user.id and amount > 3").await.id();
    let refused = root.put(path, json!({"columns": {"user_id": "text"}})).await;
    assert_eq!(refused.refusal(), (409, "policies_in_the_way"));
    assert_eq!(refused.body["policy_ids"], json!([first, second]));
    assert!(refused.detail().contains(&format!("policy {first}: line 1")), "{refused:?}");

    let whole = json!({"columns": {"user_id": "integer", "amount": "numeric"}});
    assert_eq!(root.put(path, whole).await.status, 201);
    let refused = root.put(path, json!({"columns": {"user_id": "integer"}})).await;
    assert_eq!(refused.body["policy_ids"], json!([second]));
    root.delete(&format!("/services/1/policies/{second}")).await.ok();
    assert_eq!(root.put(path, json!({"columns": {"user_id": "integer"}})).await.status, 200);

    let stale = root.send_with(Method::DELETE, path, "", |request| request.header("if-match", "\"old\"")).await;
    assert_eq!(stale.refusal(), (412, "precondition_failed"));
    let deleted = root.delete(path).await;
    assert_eq!(deleted.body, json!({"status": "resource_type_deleted", "service_id": 1, "name": "invoice"}));
    assert_eq!(root.get(path).await.refusal(), (404, "resource_type_not_found"));
    assert_eq!(root.delete(path).await.refusal(), (404, "resource_type_not_found"));
    for said in ["\"old\"", "*"] {
        let headers = |request: Builder| request.header("content-type", "application/json").header("if-match", said);
        let refused = root.send_with(Method::PUT, path, "{\"columns\": {}}", headers).await;
        assert_eq!(refused.refusal(), (412, "precondition_failed"), "what is not there, nobody has seen");
    }
}

#[tokio::test]
async fn what_is_no_type_is_refused() {
    let (_server, root) = world().await;
    for (columns, said) in [
        (json!({"a": "money"}), "columns.a"),
        (json!({"": "text"}), "columns"),
        (json!({"a\u{200b}": "text"}), "columns"),
    ] {
        let refused = root.put("/services/1/resource-types/invoice", json!({"columns": columns})).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"));
        assert!(refused.detail().contains(said), "{refused:?}");
    }
    let many: serde_json::Map<String, serde_json::Value> = (0..201).map(|n| (format!("c{n}"), json!("text"))).collect();
    let refused = root.put("/services/1/resource-types/invoice", json!({"columns": many})).await;
    assert_eq!(refused.refusal(), (400, "invalid_request_body"));
    let none = json!({"columns": {}});
    assert_eq!(root.put("/services/1/resource-types/all", none.clone()).await.refusal(), (400, "invalid_path"));
    assert_eq!(root.put("/services/0/resource-types/a", none).await.refusal(), (409, "built_in"));
}
