//! API keys of people, and robots, which act by nothing else.

mod acting;
mod checks;
mod decisions;
mod lifecycle;
mod making;
mod narrow;
mod networks;
mod robots;

use serde_json::{Value, json};

use crate::support::{Caller, Server};

/// A key that somebody makes for themselves, with these scopes.
pub async fn key_of(owner: &Caller, scopes: &[&str]) -> Caller {
    made(owner, json!({"name": "nightly export", "scopes": scopes})).await.1
}

/// A key as somebody wants it for themselves: its row, and a caller with it.
pub async fn made(owner: &Caller, new: Value) -> (Value, Caller) {
    let made = owner.post("/auth/me/keys", new).await.ok();
    let key = made.body["key"].as_str().expect("a key").to_owned();
    (made.body, owner.with_token(&key))
}

/// Its path.
pub fn path_of(row: &Value) -> String {
    format!("/auth/me/keys/{}", row["id"])
}

/// What a backend hears of a key in service 4.
pub async fn in_four(server: &Server, key: &Caller) -> Vec<Value> {
    let answer = server.anonymous().post("/check-token", json!({"token": key.token(), "service_id": 4})).await.ok();
    answer.body["permissions"].as_array().expect("permissions").clone()
}
