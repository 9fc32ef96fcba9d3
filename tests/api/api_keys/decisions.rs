//! Decisions about whoever acts by a key, and keys that ask for decisions.

use serde_json::{Value, json};

use super::{key_of, made, path_of};
use crate::support::{Caller, Server};

fn question(subject: &Value, action: &str) -> Value {
    json!({"subject": subject, "action": {"name": action}, "resource": {"type": "order", "id": "12"}})
}

async fn decision(asker: &Caller, subject: Value, action: &str) -> Value {
    asker.post("/access/v1/evaluation", question(&subject, action)).await.ok().body["decision"].clone()
}

#[tokio::test]
async fn a_decision_about_a_key_goes_as_far_as_its_scopes() {
    let server = Server::on_the_demo_data().await;
    let (adm2, backend) = (server.demo("adm2").await, server.backend(4).await);
    let (row, key) = made(&adm2, json!({"name": "k", "scopes": ["UI Store:read"]})).await;
    let subject = || json!({"type": "api_key", "id": key.token()});
    for (action, by_key, by_owner) in [("read", true, true), ("write", false, true), ("delete", false, true)] {
        let asked = decision(&backend, subject(), action).await;
        assert_eq!(asked, by_key, "{action} by the key");
        let asked = decision(&backend, json!({"type": "user", "id": "adm2"}), action).await;
        assert_eq!(asked, by_owner, "{action} by its owner");
    }
    let both = json!({"evaluations": [question(&subject(), "read"), question(&subject(), "write")]});
    let answers = backend.post("/access/v1/evaluations", both).await.ok();
    let answers: Vec<&Value> = answers.body["evaluations"].as_array().expect("answers").iter().collect();
    assert_eq!((&answers[0]["decision"], &answers[1]["decision"]), (&json!(true), &json!(false)));
    adm2.delete(&path_of(&row)).await.ok();
    assert_eq!(decision(&backend, subject(), "read").await, false);
}

#[tokio::test]
async fn a_key_of_another_service_or_of_some_networks_is_nobody() {
    let server = Server::on_the_demo_data().await;
    let (adm2, backend) = (server.demo("adm2").await, server.backend(4).await);
    let adm1 = server.demo("adm1").await;
    let elsewhere = key_of(&adm1, &["Service A:read"]).await;
    let (_, bound) =
        made(&adm2, json!({"name": "k", "scopes": ["UI Store:read"], "networks": ["203.0.113.0/24"]})).await;
    for key in [elsewhere, bound] {
        assert_eq!(decision(&backend, json!({"type": "api_key", "id": key.token()}), "read").await, false);
    }
    for text in ["", "pak_made_up", "7"] {
        assert_eq!(decision(&backend, json!({"type": "api_key", "id": text}), "read").await, false, "{text}");
    }
}

#[tokio::test]
async fn a_policy_sees_of_a_key_no_roles_and_no_groups() {
    let server = Server::on_the_demo_data().await;
    let (adm1, adm2, backend) = (server.demo("adm1").await, server.demo("adm2").await, server.backend(4).await);
    for (action, expression) in [
        ("by_role", "'Admin' = any(auth_user.roles)"),
        ("by_permission", "'delete' = any(auth_user.permissions)"),
        ("by_read", "'read' = any(auth_user.permissions)"),
    ] {
        let policy = json!({"table_name": "order", "action": action, "expression": expression});
        adm1.post("/services/4/policies", policy).await.ok();
    }
    adm1.patch("/services/4/policy-settings", json!({"policies_decide": true})).await.ok();
    let key = key_of(&adm2, &["UI Store:read"]).await;
    for (action, by_key) in [("by_role", false), ("by_permission", false), ("by_read", true)] {
        assert_eq!(decision(&backend, json!({"type": "api_key", "id": key.token()}), action).await, by_key, "{action}");
        assert_eq!(decision(&backend, json!({"type": "user", "id": "adm2"}), action).await, true, "{action}");
    }
}

#[tokio::test]
async fn a_key_asks_for_decisions_where_it_may_read_grants() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let key = key_of(&adm1, &["UI Store:grants:read"]).await;
    let about = question(&json!({"type": "user", "id": "juan"}), "read");
    let answer = key.post("/access/v1/evaluation?service=4", about.clone()).await.ok();
    assert_eq!(answer.body["decision"], true);
    let refused = key.post("/access/v1/evaluation?service=1", about.clone()).await;
    assert_eq!(refused.refusal(), (403, "insufficient_permissions"));
    let lesser = key_of(&adm1, &["UI Store:services:read"]).await;
    let refused = lesser.post("/access/v1/evaluation?service=4", about).await;
    assert_eq!(refused.refusal(), (403, "insufficient_permissions"));
}
