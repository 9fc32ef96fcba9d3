//! `/openapi.json`: valid, complete, and true. That every answer is documented is held against every answer of every
//! test (`support::conformance`).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::document::{DOCUMENT, all_operations, oauth_operations, operations};
use crate::support::{Server, schema};

#[tokio::test]
async fn anybody_may_read_the_document_and_the_reference() {
    let server = Server::on_a_fresh_database().await;
    let anonymous = server.anonymous();
    let document = anonymous.get("/openapi.json").await;
    assert_eq!((document.status, &document.body), (200, &*DOCUMENT));
    let reference = anonymous.get("/docs/").await;
    assert_eq!(reference.status, 200);
    assert!(reference.header("content-security-policy").starts_with("default-src 'self'"));
    let elsewhere = ["http://", "https://", "src=\"//"].iter().find(|other| reference.text.contains(**other));
    assert_eq!(elsewhere, None, "it loads nothing from other hosts");
}

#[test]
fn it_is_openapi_3_1() {
    assert_eq!(DOCUMENT["openapi"], "3.1.0");
    for member in ["title", "version", "description"] {
        assert!(DOCUMENT["info"][member].as_str().is_some_and(|text| !text.is_empty()), "{member}");
    }
    assert!(!DOCUMENT.to_string().contains("\"nullable\""), "3.0's word");
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let mut used = BTreeSet::new();
    references(&DOCUMENT, &mut used);
    for reference in &used {
        assert!(DOCUMENT.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    let schemas = DOCUMENT["components"]["schemas"].as_object().expect("schemas");
    for name in schemas.keys() {
        assert!(used.contains(&format!("#/components/schemas/{name}")), "nothing refers to {name}");
    }
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                found.insert(reference.to_owned());
            }
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn every_operation_introduces_itself() {
    let tags: Vec<&str> =
        DOCUMENT["tags"].as_array().expect("tags").iter().filter_map(|tag| tag["name"].as_str()).collect();
    let mut ids = BTreeSet::new();
    for operation in all_operations() {
        assert!(!operation.id().is_empty() && ids.insert(operation.id()), "{operation}: an id of its own");
        let summary = operation.json["summary"].as_str().unwrap_or_default();
        assert!(!summary.is_empty() && summary.len() < 60 && !summary.ends_with('.'), "{operation}: {summary:?}");
        let tag = operation.json["tags"][0].as_str().unwrap_or_default();
        assert!(tags.contains(&tag), "{operation}: {tag:?}");
        for parameter in operation.json["parameters"].as_array().into_iter().flatten() {
            let description = parameter["description"].as_str().unwrap_or_default();
            assert!(!description.is_empty(), "{operation}: {parameter}");
        }
        let declared = operation.json["parameters"].as_array().into_iter().flatten();
        let declared: BTreeSet<_> = declared.filter(|p| p["in"] == "path").filter_map(|p| p["name"].as_str()).collect();
        let in_path: BTreeSet<_> = operation.path.split(['{', '}']).skip(1).step_by(2).collect();
        assert_eq!(declared, in_path, "{operation}");
    }
}

#[test]
fn every_refusal_is_documented_with_its_codes_and_its_shape() {
    for operation in operations() {
        let responses = operation.json["responses"].as_object().expect("responses");
        for (status, response) in responses {
            let status: u16 = status.parse().expect("a status");
            assert!(response["description"].is_string(), "{operation}: {status}");
            if status >= 400 {
                let content = &response["content"]["application/problem+json"];
                if content.is_null() && response["content"]["text/html"].is_object() {
                    continue;
                }
                assert_eq!(content["schema"]["$ref"], "#/components/schemas/Problem", "{operation}: {status}");
                let codes = operation.codes(status);
                assert!(!codes.is_empty(), "{operation}: {status}");
                for code in codes {
                    let example = &content["examples"][&code]["value"];
                    assert_eq!((&example["error"], &example["status"]), (&code.into(), &status.into()), "{operation}");
                    schema::validate(&content["schema"], example)
                        .unwrap_or_else(|fault| panic!("{operation}: {fault}"));
                }
            }
        }
        let has = |status: &str| responses.contains_key(status);
        assert!(["200", "201", "202", "303"].into_iter().any(has), "{operation}");
        assert!(operation.is_public() || (has("401") && has("503")), "{operation}");
        assert!(operation.request_schema().is_none() || (has("400") && has("413")), "{operation}");
    }
}

#[test]
fn the_refusals_of_oauth_are_documented_as_its_standards_have_them() {
    for operation in oauth_operations() {
        let responses = operation.json["responses"].as_object().expect("responses");
        for (status, response) in responses.iter().filter(|(status, _)| status.as_str() >= "400") {
            let content = response["content"].as_object().expect("a body");
            assert!(!operation.codes(status.parse().expect("a status")).is_empty(), "{operation}: {status}");
            for (media, content) in content {
                let shape = if media == "application/json" { "OAuthError" } else { "Problem" };
                let reference = format!("#/components/schemas/{shape}");
                assert_eq!(content["schema"]["$ref"], reference.as_str(), "{operation}: {status}");
                for (code, example) in content["examples"].as_object().expect("examples") {
                    assert_eq!(example["value"]["error"], code.as_str(), "{operation}");
                    schema::validate(&content["schema"], &example["value"])
                        .unwrap_or_else(|fault| panic!("{operation}: {fault}"));
                }
            }
        }
        assert!(["429", "503"].iter().all(|status| responses.contains_key(*status)), "{operation}");
        assert!(["200", "201", "204"].iter().any(|status| responses.contains_key(*status)), "{operation}");
    }
}

#[test]
fn every_json_body_has_an_example_that_is_as_its_schema_says() {
    let mut faults = Vec::new();
    for operation in operations() {
        let answers = operation.json["responses"].as_object().expect("responses").iter();
        let answers = answers.filter_map(|(_, answer)| answer["content"]["application/json"].get("schema"));
        for body in answers.chain(operation.request_schema()) {
            match schema::example(body) {
                None => faults.push(format!("{operation} has no example of {body}")),
                Some(example) => {
                    let fault = schema::validate(body, &example).err();
                    faults.extend(fault.map(|fault| format!("{operation}: {example}: {fault}")));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Operations that ask for a secret which no example has, or are closed unless a setting opens them.
const NOT_BY_EXAMPLE: &[&str] = &[
    "add_passkey",
    "ask_for_passkey_at_login",
    "change_password",
    "confirm_factor",
    "enrol_at_login",
    "finish_login",
    "log_in_with_passkey",
    "prove_anew",
    "refresh",
    "register",
    "rename_factor",
    "rename_passkey",
    "reset_password",
    "turn_password_on",
    "verify_email",
];

#[tokio::test]
async fn what_the_examples_send_is_taken() {
    let mut faults = Vec::new();
    for operation in operations() {
        let Some(body) = operation.request_schema() else { continue };
        if NOT_BY_EXAMPLE.contains(&operation.id()) {
            continue;
        }
        let server = Server::on_the_demo_data().await;
        let caller = if operation.takes_tokens() { server.demo("adm1").await } else { server.backend(4).await };
        let Some(example) = schema::example(body) else { continue };
        if operation.path.starts_with("/clients/") {
            let client = json!({
                "client_id": "wiki", "client_name": "Wiki", "service_id": 4, "redirect_uris": ["https://wiki.example/"],
            });
            caller.post("/clients", client).await.ok();
        }
        if operation.path.contains("polic") {
            let policy = json!({"table_name": "invoice", "action": "read", "expression": "auth_user.is_admin"});
            caller.post("/services/4/policies", policy).await;
        }
        if operation.path.contains("group") || operation.path.contains("resource") {
            for name in ["Editors", "Team"] {
                caller.post("/groups", json!({"name": name})).await;
            }
        }
        if operation.path.contains("resource") {
            for folder in ["1", "7"] {
                caller.put(&format!("/services/4/resources/folder/{folder}"), json!({})).await;
            }
        }
        if operation.path.contains("issuers/") {
            let issuer = json!({"issuer": "https://issuer.example.com", "secret": "s".repeat(32), "person_claim": "sub", "person_by": "username"});
            caller.post("/services/4/issuers", issuer).await;
        }
        if operation.path == "/providers/{provider}" {
            let provider = json!({"name": "google", "issuer": "https://accounts.google.com", "client_id": "1234"});
            caller.post("/providers", provider).await;
        }
        let mut path = operation.example_path_in_service();
        if operation.path.starts_with("/auth/me/keys") || operation.path.starts_with("/robots/") {
            let robot = caller.post("/robots", json!({"username": "exporter"})).await.ok().id();
            for holder in [1, robot] {
                let grant = json!({"person_id": holder, "service_id": 4, "role_id": 4});
                caller.post("/person-service-roles", grant).await.ok();
            }
            path = path.replacen("/robots/1", &format!("/robots/{robot}"), 1);
            let keys =
                if path.starts_with("/robots/") { format!("/robots/{robot}/keys") } else { "/auth/me/keys".to_owned() };
            caller.post(&keys, json!({"name": "key", "scopes": ["UI Store:read"]})).await.ok();
        }
        let answer = caller.send(operation.method.clone(), &path, &example.to_string()).await;
        if ![200, 201, 202].contains(&answer.status) {
            faults
                .push(format!("{operation} answers its own example {example} with {} {}", answer.status, answer.text));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
