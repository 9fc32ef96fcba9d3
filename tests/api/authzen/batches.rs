//! Many questions at once.

use serde_json::{Value, json};

use super::{by_policies, decision, reason};
use crate::policies::{EDITOR, SHOP, world};
use crate::support::{Caller, Response, Server};

async fn ada_and_bob() -> (Server, Caller, [i32; 2]) {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let bob = server.person_with("bob", &[(SHOP, EDITOR)]).await;
    by_policies(&root, &[("invoice", "read", "user_id = auth_user.id"), ("invoice", "write", "status = 'draft'")])
        .await;
    let shop = server.backend(SHOP).await;
    (server, shop, [ada.id, bob.id])
}

async fn ask(shop: &Caller, body: Value) -> Response {
    shop.post("/access/v1/evaluations", body).await
}

fn decisions(answer: &Response) -> Vec<bool> {
    let all = answer.body["evaluations"].as_array().unwrap_or_else(|| panic!("evaluations in {answer:?}"));
    all.iter().map(|one| one["decision"].as_bool().expect("a decision")).collect()
}

#[tokio::test]
async fn each_question_takes_what_it_leaves_out_from_beside_the_list() {
    let (_server, shop, [ada, _]) = ada_and_bob().await;
    let answer = ask(
        &shop,
        json!({
            "subject": {"type": "user", "id": "ada"},
            "action": {"name": "read"},
            "resource": {"type": "invoice", "id": "1", "properties": {"user_id": ada}},
            "evaluations": [
                {},
                {"subject": {"type": "user", "id": "bob"}},
                {"subject": {"id": "bob"}},
                {"resource": {"id": "2"}},
                {"resource": {"type": "invoice", "id": "3", "properties": {"user_id": ada, "status": "draft"}}},
                {"action": {"name": "write"}},
                {"action": {"name": "write"}, "resource": {"properties": {"status": "draft"}}},
            ],
        }),
    )
    .await;
    assert_eq!(decisions(&answer), [true, false, false, false, true, false, true], "{answer:?}");
    assert!(answer.body.get("decision").is_none());
}

#[tokio::test]
async fn one_that_cannot_be_read_is_a_no_and_the_others_are_answered() {
    let (_server, shop, [ada, _]) = ada_and_bob().await;
    let good = json!({"type": "invoice", "id": "1", "properties": {"user_id": ada}});
    let answer = ask(
        &shop,
        json!({
            "subject": {"type": "user", "id": "ada"},
            "action": {"name": "read"},
            "evaluations": [
                {"resource": good}, {}, 5, [], null, {"resource": "x"}, {"resource": {"type": "invoice"}},
                {"resource": good, "action": {"name": 1}}, {"resource": good, "context": {"a": "x".repeat(20_000)}},
                {"resource": good, "unknown": true},
            ],
        }),
    )
    .await;
    assert_eq!(decisions(&answer), [true, false, false, false, false, false, false, false, false, true], "{answer:?}");
    let said = answer.body["evaluations"][1]["context"]["reason"].as_str().expect("a reason");
    assert!(said.contains("`resource`: is missing"), "{said}");
}

#[tokio::test]
async fn the_list_ends_with_the_one_that_decides() {
    let (_server, shop, [ada, _]) = ada_and_bob().await;
    let with = |owner: i32| json!({"resource": {"type": "invoice", "id": "1", "properties": {"user_id": owner}}});
    let asked = |semantic: Value| {
        json!({
            "subject": {"type": "user", "id": "ada"}, "action": {"name": "read"},
            "evaluations": [with(ada), with(0), {}, with(ada)],
            "options": {"evaluations_semantic": semantic, "another": 1},
        })
    };
    for (semantic, expected) in [
        ("execute_all", vec![true, false, false, true]),
        ("deny_on_first_deny", vec![true, false]),
        ("permit_on_first_permit", vec![true]),
    ] {
        assert_eq!(decisions(&ask(&shop, asked(json!(semantic))).await), expected, "{semantic}");
    }
    for unknown in [json!("first"), json!(1), Value::Null] {
        assert_eq!(ask(&shop, asked(unknown)).await.refusal(), (400, "invalid_request_body"));
    }
}

#[tokio::test]
async fn without_a_list_it_is_one_question() {
    let (_server, shop, [ada, _]) = ada_and_bob().await;
    let one = json!({
        "subject": {"type": "user", "id": "ada"}, "action": {"name": "read"},
        "resource": {"type": "invoice", "id": "1", "properties": {"user_id": ada}},
    });
    let mut empty = one.clone();
    empty["evaluations"] = json!([]);
    for asked in [one, empty] {
        let answer = ask(&shop, asked).await.ok();
        assert_eq!(decision(&answer), Some(true));
        assert!(answer.body.get("evaluations").is_none() && !reason(&answer).is_empty(), "{answer:?}");
    }
    let incomplete = json!({"subject": {"type": "user", "id": "ada"}, "evaluations": []});
    assert_eq!(ask(&shop, incomplete).await.refusal(), (400, "invalid_request_body"));
    for wrong in [
        json!({"evaluations": {}}),
        json!({"evaluations": [{}], "subject": "ada"}),
        json!({"evaluations": [{}], "options": 1}),
    ] {
        assert_eq!(ask(&shop, wrong).await.refusal(), (400, "invalid_request_body"));
    }
}

#[tokio::test]
async fn a_thousand_questions_are_answered_and_one_more_is_refused() {
    let (_server, shop, [ada, bob]) = ada_and_bob().await;
    let questions = |count: usize| -> Vec<Value> {
        let one = |n: usize| {
            let (name, owner) = if n.is_multiple_of(2) { ("ada", ada) } else { ("bob", bob) };
            let owner = if n.is_multiple_of(3) { 0 } else { owner };
            json!({
                "subject": {"type": "user", "id": name},
                "resource": {"type": "invoice", "id": n.to_string(), "properties": {"user_id": owner}},
            })
        };
        (0..count).map(one).collect()
    };
    let answer = ask(&shop, json!({"action": {"name": "read"}, "evaluations": questions(1000)})).await.ok();
    let expected: Vec<bool> = (0..1000).map(|n| n % 3 != 0).collect();
    assert_eq!(decisions(&answer), expected);
    let refused = ask(&shop, json!({"action": {"name": "read"}, "evaluations": questions(1001)})).await;
    assert_eq!(refused.refusal(), (400, "invalid_request_body"));
    assert!(refused.detail().contains("at most 1000"), "{refused:?}");
}
