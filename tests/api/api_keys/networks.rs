//! Keys that may be used from some networks only.

use axum::http::Method;
use serde_json::{Value, json};

use super::made;
use crate::support::{Caller, Server};

async fn bound(owner: &Caller, networks: &[&str]) -> Caller {
    made(owner, json!({"name": "k", "scopes": ["portero:users:read"], "networks": networks})).await.1
}

async fn from(address: &str, caller: &Caller, path: &str) -> u16 {
    caller.send_with(Method::GET, path, "", |request| request.header("x-forwarded-for", address)).await.status
}

#[tokio::test]
async fn a_key_is_good_from_its_networks_and_from_nowhere_else() {
    let server = Server::configured(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let adm = server.administrator().await;
    let key = bound(&adm, &["203.0.113.0/24", "2001:db8::/32"]).await;
    for path in ["/auth/profile", "/users", "/check-token"] {
        for good in ["203.0.113.9", "2001:db8:7::1", "::ffff:203.0.113.9"] {
            assert_eq!(from(good, &key, path).await, 200, "{path} from {good}");
        }
        for bad in ["203.0.114.9", "2001:db9::1", "127.0.0.1", "203.0.113.9, 198.51.100.1"] {
            assert_eq!(from(bad, &key, path).await, 401, "{path} from {bad}");
        }
    }
    let key = bound(&adm, &[]).await;
    assert_eq!(from("198.51.100.1", &key, "/users").await, 200);
}

#[tokio::test]
async fn an_address_that_a_stranger_forges_is_none() {
    let server = Server::on_a_fresh_database().await;
    let key = bound(&server.administrator().await, &["203.0.113.0/24"]).await;
    assert_eq!(from("203.0.113.9", &key, "/users").await, 401);
    let refused = key.get("/users").await;
    assert_eq!(refused.refusal(), (401, "invalid_token"));
    assert!(refused.detail().contains("address"), "{refused:?}");
}

#[tokio::test]
async fn a_backend_that_checks_a_key_says_from_where_it_came() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let key = bound(&adm1, &["203.0.113.0/24"]).await;
    let anonymous = server.anonymous();
    let ask = |address: Value| anonymous.post("/check-token", json!({"token": key.token(), "address": address}));
    assert_eq!(ask(json!("203.0.113.9")).await.status, 200);
    assert_eq!(ask(json!("198.51.100.1")).await.refusal(), (401, "invalid_token"));
    assert_eq!(ask(Value::Null).await.refusal(), (401, "invalid_token"), "nobody has said");
    let nowhere = adm1.post("/check-token", json!({"address": "here"})).await;
    assert_eq!(nowhere.refusal(), (400, "invalid_request_body"));
    let said = key.post("/check-token", json!({"address": "203.0.113.9"})).await;
    assert_eq!(said.status, 200, "a backend that passes the header on");

    let backend = server.backend(4).await;
    let tokens = [key.token(), key.token(), key.token(), adm1.token()];
    let addresses = json!(["203.0.113.9", "198.51.100.1", null, null]);
    let answer = backend.post("/check-tokens", json!({"tokens": tokens, "addresses": addresses})).await.ok();
    assert_eq!(answer.column("valid"), [true, false, false, true]);
    let answer = backend.post("/check-tokens", json!({ "tokens": tokens })).await.ok();
    assert_eq!(answer.column("valid"), [false, false, false, true]);
}

#[tokio::test]
async fn a_question_with_a_fault_is_told_what_it_is_and_not_that_the_key_is_bad() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let key = bound(&adm1, &["203.0.113.0/24"]).await;
    let (backend, nobody) = (server.backend(4).await, server.anonymous());
    for (asker, question) in [
        (&nobody, json!({"token": key.token(), "address": "nope"})),
        (&nobody, json!({"token": 5})),
        (&backend, json!({"token": key.token(), "address": "203.0.113.9:4711"})),
        (&key, json!({"address": "nope"})),
        (&key, json!({"addres": "203.0.113.9"})),
        (&key, json!({"permission": 5, "address": "203.0.113.9"})),
        (&adm1, json!({"address": "nope"})),
    ] {
        let refused = asker.post("/check-token", question.clone()).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{question}");
    }
    let question = json!({"address": "nope"});
    assert_eq!(backend.post("/check-token", question.clone()).await.refusal(), (403, "service_key_not_allowed"));
    assert_eq!(nobody.post("/check-token", question.clone()).await.refusal(), (401, "missing_token_header"));
    let dead = nobody.with_token(&format!("ptk_{}", "0".repeat(72)));
    assert_eq!(dead.post("/check-token", question).await.status, 401);
}
