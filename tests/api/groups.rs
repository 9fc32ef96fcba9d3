//! Groups: who is in them by whatever way, what they hold, and who may change that.

mod cover;
mod feed;
mod files;
mod flattened;
mod members;
mod roles;
mod services;
mod swept;

use serde_json::{Value, json};

use crate::support::{Caller, Server};

const GRANTS: &str = "/group-service-roles";

/// A group of that name; answers its id.
async fn group(by: &Caller, name: &str) -> i64 {
    by.post("/groups", json!({"name": name})).await.id()
}

/// Puts somebody, or a group, into a group.
async fn put(by: &Caller, group: i64, member: Value) -> crate::support::Response {
    by.post(&format!("/groups/{group}/members"), member).await
}

/// So many seconds from now.
fn after(server: &Server, seconds: i64) -> i64 {
    server.app.clock.now().unix_timestamp() + seconds
}

/// What somebody holds in service 4, by the check of their token.
async fn held(caller: &Caller) -> (Value, Value) {
    let answer = caller.post("/check-token", json!({"service_id": 4})).await.ok();
    (answer.body["roles"].clone(), answer.body["permissions"].clone())
}
