//! Many resources at once, as JSON Lines.

use axum::http::Method;
use serde_json::{Value, json};

use super::{put, put_in, shop};
use crate::support::{Caller, Response};

async fn send(by: &Caller, path: &str, lines: &[Value]) -> Response {
    let text = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    send_text(by, path, &text).await
}

async fn send_text(by: &Caller, path: &str, text: &str) -> Response {
    by.send_with(Method::POST, path, text, |request| request.header("content-type", "application/x-ndjson")).await
}

const RESOURCES: &str = "/services/1/resources";
const DELETE: &str = "/services/1/resources/delete";

#[tokio::test]
async fn many_are_told_of_at_once_in_whatever_order() {
    let (_server, _root, shop) = shop().await;
    put(&shop, "folder/old", json!({"properties": {"n": 1}})).await.ok();
    put(&shop, "folder/same", json!({})).await.ok();
    let lines = [
        json!({"type": "doc", "id": "1", "parent": {"type": "folder", "id": "new"}}),
        json!({"type": "folder", "id": "new", "parent": {"type": "folder", "id": "old"}}),
        json!({"type": "folder", "id": "old", "properties": {"n": 2}}),
        json!({"type": "folder", "id": "same"}),
    ];
    let done = send(&shop, RESOURCES, &lines).await.ok();
    assert_eq!(
        (&done.body["created"], &done.body["changed"], &done.body["unchanged"]),
        (&json!(2), &json!(1), &json!(1))
    );
    let again = send(&shop, RESOURCES, &lines).await.ok();
    assert_eq!(again.body["unchanged"], 4);
    assert_eq!(shop.get("/services/1/resources/doc/1").await.ok().body["parent"]["id"], "new");
}

#[tokio::test]
async fn each_fault_is_told_with_its_line_and_nothing_is_changed() {
    let (_server, _root, shop) = shop().await;
    put(&shop, "folder/1", json!({})).await.ok();
    put_in(&shop, "folder/2", "1").await;
    let refused = send(
        &shop,
        RESOURCES,
        &[
            json!({"type": "folder", "id": "fine"}),
            json!({"type": "doc", "id": "1", "parent": {"type": "folder", "id": "nowhere"}}),
            json!({"type": "folder", "id": "1", "parent": {"type": "folder", "id": "2"}}),
            json!({"type": "folder", "id": "fine"}),
        ],
    )
    .await;
    assert_eq!(refused.refusal(), (400, "invalid_resources"));
    let faults = refused.body["faults"].as_array().expect("faults");
    let lines: Vec<_> = faults.iter().map(|fault| fault["line"].clone()).collect();
    assert_eq!(lines, [2, 3, 4], "{refused:?}");
    assert_eq!(refused.body["fault_count"], 3);
    assert!(faults[1]["fault"].as_str().is_some_and(|fault| fault.contains("beneath itself")), "{refused:?}");
    assert_eq!(shop.get("/services/1/resources/folder/fine").await.status, 404);
    for text in ["", "[]", "{\"type\": \"folder\"}", "{\"type\": \"a\", \"id\": \"1\"} {}", "\u{0}"] {
        assert_eq!(send_text(&shop, RESOURCES, text).await.refusal(), (400, "invalid_resources"), "{text}");
    }
    assert_eq!(shop.post(RESOURCES, json!({})).await.refusal(), (415, "unsupported_media_type"));
    let many = "{\"type\": \"folder\", \"id\": \"1\"}\n".repeat(10_001);
    assert_eq!(send_text(&shop, RESOURCES, &many).await.refusal(), (400, "invalid_resources"));
    let large = format!("{}\n", "x".repeat(8 * 1024 * 1024));
    assert_eq!(send_text(&shop, RESOURCES, &large).await.status, 413);
}

#[tokio::test]
async fn ten_thousand_are_told_of_and_deleted() {
    let (server, _root, shop) = shop().await;
    let lines: Vec<Value> = (0..10_000)
        .map(|n| match n {
            0 => json!({"type": "folder", "id": "0"}),
            _ => {
                json!({"type": "folder", "id": n.to_string(), "parent": {"type": "folder", "id": (n / 4).to_string()}})
            }
        })
        .collect();
    let done = send(&shop, RESOURCES, &lines).await.ok();
    assert_eq!(done.body["created"], 10_000);
    assert_eq!(server.number("select count(*) from auth.resource_ancestors where depth = 0").await, 10_000);
    let named = [json!({"type": "folder", "id": "0"}), json!({"type": "folder", "id": "gone"})];
    let refused = send(&shop, DELETE, &named).await;
    assert_eq!(refused.refusal(), (409, "resource_has_children"));
    assert_eq!(refused.body["beneath"], 9_999);
    let done = send(&shop, &format!("{DELETE}?recursive=true"), &named).await.ok();
    assert_eq!((&done.body["deleted"], &done.body["absent"]), (&json!(10_000), &json!(1)));
}

#[tokio::test]
async fn those_beneath_may_go_together_with_what_they_lie_in() {
    let (_server, _root, shop) = shop().await;
    put(&shop, "folder/1", json!({})).await.ok();
    put_in(&shop, "folder/2", "1").await;
    let all = [json!({"type": "folder", "id": "1"}), json!({"type": "folder", "id": "2"})];
    assert_eq!(send(&shop, DELETE, &all).await.ok().body["deleted"], 2);
    assert_eq!(send(&shop, DELETE, &all).await.ok().body["absent"], 2);
}
