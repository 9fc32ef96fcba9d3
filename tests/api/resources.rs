//! Resources: told of by their service, kept in a tree; roles on them count in decisions about them and all beneath.

mod beyond;
mod decisions;
mod flattened;
mod kept;
mod lines;
pub mod roles;
mod search;

use axum::http::Method;
use axum::http::request::Builder;
use serde_json::{Value, json};

use crate::policies::{BANK, FORBIDDEN, SHOP, world};
use crate::support::{Caller, Response, Server};

/// Shop, its backend, and an administrator.
pub async fn shop() -> (Server, Caller, Caller) {
    let (server, root) = world().await;
    let shop = server.backend(SHOP).await;
    (server, root, shop)
}

/// Tells of a resource of Shop.
pub async fn put(by: &Caller, place: &str, body: Value) -> Response {
    by.put(&format!("/services/1/resources/{place}"), body).await
}

/// A folder, or a document, in a folder.
pub async fn put_in(by: &Caller, place: &str, folder: &str) {
    put(by, place, json!({"parent": {"type": "folder", "id": folder}})).await.ok();
}

#[tokio::test]
async fn a_service_tells_of_a_resource_and_reads_it_back() {
    let (_server, root, shop) = shop().await;
    let made = put(&shop, "folder/7", json!({"properties": {"owner": 9_007_199_254_740_993_i64, "open": true}})).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.body["type"], "folder");
    assert_eq!(made.body["id"], "7");
    assert_eq!(made.body["parent"], Value::Null);
    let inside = put(&shop, "doc/a%2Fb", json!({"parent": {"type": "folder", "id": "7"}})).await;
    assert_eq!((inside.status, &inside.body["id"]), (201, &json!("a/b")));
    assert_eq!(shop.get("/services/Shop/resources/doc/a%2Fb").await.ok().body["parent"]["id"], "7");
    assert_eq!(root.get("/services/1/resources/folder/7").await.ok().body["properties"]["open"], true);
    assert_eq!(shop.get("/services/1/resources/folder/8").await.refusal(), (404, "resource_not_found"));
    // Twice is the same.
    let again = put(&shop, "folder/7", json!({"properties": {"owner": 9_007_199_254_740_993_i64, "open": true}})).await;
    assert_eq!((again.status, &again.body["updated_at"]), (200, &made.body["updated_at"]));
    let listed = shop.get("/services/1/resources?parent_type=folder&parent_id=7&count=true").await.ok();
    assert_eq!(listed.body.as_array().map(Vec::len), Some(1));
    assert_eq!(shop.get("/services/1/resources?type=folder").await.ok().body[0]["id"], "7");
}

#[tokio::test]
async fn a_parent_is_named_by_its_type_and_its_id_and_nothing_else() {
    let (server, _root, shop) = shop().await;
    put(&shop, "folder/1", json!({})).await.ok();
    for parent in [json!({"type": "folder", "id": "1", "surprise": 1}), json!({"type": "folder"}), json!("folder")] {
        let refused = put(&shop, "doc/1", json!({"parent": parent})).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{parent}");
        assert!(refused.detail().contains("parent"), "{refused:?}");
    }
    assert_eq!(server.number("select count(*) from auth.resources").await, 1);
}

#[tokio::test]
async fn what_a_service_has_not_seen_it_does_not_overwrite() {
    let (_server, _root, shop) = shop().await;
    put(&shop, "folder/1", json!({})).await.ok();
    let seen = shop.get("/services/1/resources/folder/1").await.ok().header("etag").to_owned();
    let body = json!({"properties": {"a": 1}});
    let path = "/services/1/resources/folder/1";
    let send = async || {
        let headers = |request: Builder| request.header("content-type", "application/json").header("if-match", &seen);
        shop.send_with(Method::PUT, path, &body.to_string(), headers).await
    };
    send().await.ok();
    assert_eq!(send().await.refusal(), (412, "precondition_failed"));
    // Nor does it bring back what somebody else has deleted.
    shop.delete(path).await.ok();
    for said in [seen.as_str(), "*", "\"e1\", \"e2\""] {
        let headers = |request: Builder| request.header("content-type", "application/json").header("if-match", said);
        let refused = shop.send_with(Method::PUT, path, &body.to_string(), headers).await;
        assert_eq!(refused.refusal(), (412, "precondition_failed"), "{said}");
    }
    assert_eq!(shop.get(path).await.refusal(), (404, "resource_not_found"));
    assert_eq!(put(&shop, "folder/1", body.clone()).await.status, 201);
}

#[tokio::test]
async fn a_resource_with_others_beneath_it_is_not_deleted_by_the_way() {
    let (_server, _root, shop) = shop().await;
    put(&shop, "folder/1", json!({})).await.ok();
    put_in(&shop, "folder/2", "1").await;
    put_in(&shop, "doc/3", "2").await;
    let path = "/services/1/resources/folder/1";
    let refused = shop.delete(path).await;
    assert_eq!(refused.refusal(), (409, "resource_has_children"));
    assert_eq!(refused.body["beneath"], 2);
    assert_eq!(shop.delete(&format!("{path}?recursive=true")).await.ok().body["deleted"], 3);
    assert_eq!(shop.get("/services/1/resources").await.ok().body, json!([]));
}

#[tokio::test]
async fn a_resource_is_never_beneath_itself_nor_too_deep_nor_beneath_what_is_not_there() {
    let (_server, _root, shop) = shop().await;
    put(&shop, "folder/1", json!({})).await.ok();
    put_in(&shop, "folder/2", "1").await;
    put_in(&shop, "folder/3", "2").await;
    let refused = put(&shop, "folder/1", json!({"parent": {"type": "folder", "id": "3"}})).await;
    assert_eq!(refused.refusal(), (409, "resource_circle"));
    assert_eq!(refused.body["circle"], json!(["folder `1`", "folder `3`", "folder `2`", "folder `1`"]));
    assert_eq!(
        put(&shop, "folder/1", json!({"parent": {"type": "folder", "id": "1"}})).await.refusal(),
        (409, "resource_circle")
    );
    let absent = put(&shop, "doc/1", json!({"parent": {"type": "folder", "id": "9"}})).await;
    assert_eq!(absent.refusal(), (400, "invalid_request_body"));
    for depth in 4..=33 {
        put_in(&shop, &format!("folder/{depth}"), &(depth - 1).to_string()).await;
    }
    assert_eq!(
        put(&shop, "doc/1", json!({"parent": {"type": "folder", "id": "33"}})).await.refusal(),
        (409, "resource_too_deep")
    );
    // Nor by what lies above it being moved.
    put(&shop, "folder/0", json!({})).await.ok();
    assert_eq!(
        put(&shop, "folder/1", json!({"parent": {"type": "folder", "id": "0"}})).await.refusal(),
        (409, "resource_too_deep")
    );
}

#[tokio::test]
async fn strangers_and_keys_of_other_services_are_refused() {
    let (server, root, shop) = shop().await;
    let bank = server.backend(BANK).await;
    put(&shop, "folder/1", json!({})).await.ok();
    let path = "/services/1/resources/folder/1";
    for at in [path, "/services/1/resources", "/services/nowhere/resources"] {
        assert_eq!(bank.get(at).await.refusal(), (403, "forbidden_service_lookup"));
    }
    assert_eq!(bank.put(path, json!({})).await.refusal(), (403, "forbidden_service_lookup"));
    assert_eq!(bank.delete(path).await.refusal(), (403, "forbidden_service_lookup"));
    let ana = server.person_with("ana", &[]).await;
    assert_eq!(ana.get(path).await.refusal(), FORBIDDEN);
    assert_eq!(ana.put(path, json!({})).await.refusal(), FORBIDDEN);
    assert_eq!(root.put("/services/0/resources/folder/1", json!({})).await.refusal(), (409, "built_in"));
}

#[tokio::test]
async fn bad_resources_are_told_what_is_wrong_with_them() {
    let (_server, _root, shop) = shop().await;
    for body in [
        json!({"properties": []}),
        json!({"properties": {"text": "x".repeat(17_000)}}),
        json!({"parent": "folder/1"}),
        json!({"parent": {"type": "folder"}}),
        json!({"owner": 1}),
    ] {
        assert_eq!(put(&shop, "folder/1", body).await.refusal(), (400, "invalid_request_body"));
    }
    assert_eq!(put(&shop, "all/1", json!({})).await.refusal(), (400, "invalid_path"));
    assert_eq!(put(&shop, &format!("folder/{}", "x".repeat(257)), json!({})).await.refusal(), (400, "invalid_path"));
    assert_eq!(shop.get("/services/1/resources?parent_type=folder").await.refusal(), (400, "invalid_query"));
    assert_eq!(shop.delete("/services/1/resources/folder/1?recursive=maybe").await.refusal(), (400, "invalid_query"));
}

#[tokio::test]
async fn a_removed_service_takes_its_resources_along() {
    let (server, root, shop) = shop().await;
    put(&shop, "folder/1", json!({})).await.ok();
    put_in(&shop, "folder/2", "1").await;
    root.delete("/services/1").await.ok();
    assert_eq!(server.number("select count(*) from auth.resources").await, 0);
    assert_eq!(server.number("select count(*) from auth.resource_ancestors").await, 0);
}
