//! What a change of policies would do, by name: the same that asking before and after says.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::authzen::{ask, by_policies, decision};
use crate::policies::{BANK, EDITOR, FORBIDDEN, SHOP, world};
use crate::support::{Caller, Response, Server};

const DIFF: &str = "/services/1/policies/diff";

async fn diff(by: &Caller, change: Value) -> Response {
    by.post(DIFF, change).await.ok()
}

/// `gains delete none all: ada, bob`, one for each difference of a type.
fn told(answer: &Response, kind: &str) -> Vec<String> {
    let differences = answer.body["differences"].as_array().expect("differences").iter();
    let shown = differences.filter(|one| one["type"] == kind).map(|one| {
        let people: Vec<&str> = one["people"].as_array().expect("people").iter().filter_map(Value::as_str).collect();
        let words = ["turn", "action", "before", "after"].map(|field| one[field].as_str().unwrap_or_default());
        assert!(one["count"].as_u64() >= u64::try_from(people.len()).ok(), "{one}");
        format!("{}: {}", words.join(" "), people.join(", "))
    });
    shown.collect()
}

/// Three people: an editor, a boss, and somebody who is both.
async fn people() -> (Server, Caller) {
    let (server, root) = world().await;
    root.post("/roles", json!({"name": "Boss"})).await.ok();
    root.post("/service-roles", json!({"service_id": SHOP, "role_id": "Boss"})).await.ok();
    let boss =
        root.get("/roles").await.body.as_array().expect("roles").iter().find(|role| role["name"] == "Boss").cloned();
    let boss = i32::try_from(boss.expect("a role")["id"].as_i64().expect("an id")).expect("an id");
    for (name, roles) in [("ada", vec![EDITOR]), ("bob", vec![boss]), ("eve", vec![EDITOR, boss])] {
        let roles: Vec<(i32, i32)> = roles.into_iter().map(|role| (SHOP, role)).collect();
        server.person_with(name, &roles).await;
    }
    (server, root)
}

#[tokio::test]
async fn a_change_says_whom_it_gives_and_whom_it_takes_from() {
    let (_server, root) = people().await;
    by_policies(
        &root,
        &[
            ("invoice", "read", "'Editor' = any(auth_user.roles)"),
            ("invoice", "update", "'Editor' = any(auth_user.roles) and status = 'draft'"),
            ("order", "read", "true"),
        ],
    )
    .await;
    let change = json!({"policies": [
        {"table_name": "invoice", "action": "delete", "expression": "'Boss' = any(auth_user.roles)"},
        {"id": 1, "expression": "'Editor' = any(auth_user.roles) and 'Boss' = any(auth_user.roles)"},
        {"id": 2, "expression": "'Editor' = any(auth_user.roles) and status in ('draft', 'sent')"},
    ]});
    let answer = diff(&root, change).await;
    assert_eq!(
        told(&answer, "invoice"),
        ["gains delete none all: bob, eve", "loses read all none: ada", "differs update some some: ada, eve"],
        "{answer:?}"
    );
    assert_eq!(told(&answer, "order"), Vec::<String>::new());
    let summary = answer.body["summary"].as_str().expect("a sentence");
    assert!(
        summary.starts_with("this gives `delete` on `invoice` to 2 people, takes `read` on `invoice` from 1 person"),
        "{summary}"
    );
    assert_eq!(answer.body["people_left_out"], 0);
    assert_eq!(diff(&root, json!({})).await.body["summary"], "this changes nothing for anybody");
    let same = json!({"policies": [{"table_name": "order", "action": "read", "expression": "true"}]});
    assert_eq!(diff(&root, same).await.body["differences"], json!([]), "it is there already");

    let public = json!({"policies": [{"table_name": "all", "action": "print", "expression": ""}]});
    let answer = diff(&root, public).await;
    assert_eq!(answer.body["differences"][0]["anonymous"], true, "{answer:?}");
    assert_eq!(told(&answer, "all"), ["gains print none all: root, ada, bob, eve"]);

    let all = json!({"replace": "all", "policies": [{"table_name": "order", "action": "read", "expression": "true"}]});
    let answer = diff(&root, all).await;
    assert_eq!(told(&answer, "invoice"), ["loses read all none: ada, eve", "loses update some none: ada, eve"]);
    assert_eq!(told(&answer, "order"), Vec::<String>::new(), "it stays");
}

#[tokio::test]
async fn its_names_are_those_that_asking_before_and_after_gives() {
    let (server, root) = people().await;
    let shop = server.backend(SHOP).await;
    by_policies(&root, &[("invoice", "read", "status = 'draft'"), ("all", "all", "'Boss' = any(auth_user.roles)")])
        .await;
    let rows = [json!({"status": "draft", "amount": 0}), json!({"status": "paid", "amount": 5})];
    let resources: Vec<Value> =
        rows.iter().zip(["1", "2"]).map(|(row, id)| json!({"type": "invoice", "id": id, "properties": row})).collect();
    for change in [
        json!({"policies": [{"id": 1, "expression": "'Editor' = any(auth_user.roles)"}]}),
        json!({"policies": [{"table_name": "invoice", "action": "all", "expression": "10 / amount > 1"}]}),
        json!({"policies": [{"table_name": "all", "action": "all", "expression": "status = 'paid'", "effect": "restrictive"}]}),
        json!({"without_policies": [1]}),
        json!({"without_policies": [2]}),
    ] {
        let mut asked = change.clone();
        asked["resources"] = json!(resources);
        let answer = diff(&root, asked).await;
        let asked_of_all = async || {
            let mut may = BTreeSet::new();
            for name in ["root", "ada", "bob", "eve"] {
                for action in ["read", "update", "pay"] {
                    for (row, id) in rows.iter().zip(["1", "2"]) {
                        if decision(&ask(&shop, name, action, row.clone()).await) == Some(true) {
                            may.insert((name.to_owned(), action.to_owned(), id.to_owned()));
                        }
                    }
                }
            }
            may
        };
        let before = asked_of_all().await;
        for policy in change["policies"].as_array().into_iter().flatten() {
            match policy.get("id") {
                Some(id) => {
                    let fields = json!({"expression": policy["expression"]});
                    root.patch(&format!("/services/1/policies/{id}"), fields).await.ok()
                }
                None => root.post("/services/1/policies", policy.clone()).await.ok(),
            };
        }
        for id in change["without_policies"].as_array().into_iter().flatten() {
            root.delete(&format!("/services/1/policies/{id}")).await.ok();
        }
        let after = asked_of_all().await;
        let mut predicted = before.clone();
        for one in
            answer.body["differences"].as_array().expect("differences").iter().filter(|one| one["type"] == "invoice")
        {
            for action in ["read", "update", "pay"] {
                // `all` is each action that no policy names.
                let is_this = one["action"] == action || action == "pay" && one["action"] == "all";
                for name in one["people"].as_array().expect("people").iter().filter(|_| is_this) {
                    let key = (
                        name.as_str().expect("a name").to_owned(),
                        action.to_owned(),
                        one["resource"].as_str().expect("a row").to_owned(),
                    );
                    let _ = if one["turn"] == "gains" { predicted.insert(key) } else { predicted.remove(&key) };
                }
            }
        }
        assert_eq!(predicted, after, "{change}: {answer:?}");
    }
}

#[tokio::test]
async fn what_would_happen_if_policies_began_to_decide() {
    let (_server, root) = people().await;
    let change = json!({"policies_decide": true, "policies": [
        {"table_name": "invoice", "action": "read", "expression": "'Boss' = any(auth_user.roles)"},
    ]});
    let answer = diff(&root, change.clone()).await;
    assert!(told(&answer, "invoice").contains(&"gains read none all: bob".to_owned()), "{answer:?}");
    assert!(told(&answer, "invoice").contains(&"loses read all none: ada".to_owned()), "{answer:?}");
    let mut idle = change;
    idle["policies_decide"] = json!(false);
    let answer = diff(&root, idle).await;
    assert_eq!((&answer.body["policies_decide"], &answer.body["differences"]), (&json!(false), &json!([])));
}

#[tokio::test]
async fn names_are_for_who_may_see_what_people_hold_and_all_of_it_for_who_may_change_policies() {
    let (server, root) = people().await;
    by_policies(&root, &[("invoice", "read", "'Editor' = any(auth_user.roles)")]).await;
    server
        .execute(
            "insert into auth.role (id, name) values (9001, 'Author'), (9002, 'Auditor');
             insert into auth.role_permission (role_id, permission_id) values (9001, -7), (9002, -8);
             insert into auth.service_roles (service_id, role_id) values (1, 9001), (1, 9002), (2, 9001);",
        )
        .await;
    let change = json!({"without_policies": [1]});
    let author = server.person_with("author", &[(SHOP, 9001)]).await;
    let answer = diff(&author, change.clone()).await;
    let difference = &answer.body["differences"][0];
    assert_eq!((&difference["count"], &difference["people"]), (&json!(2), &json!([])), "{answer:?}");
    let keeper = server.person_with("keeper", &[(SHOP, 9001), (SHOP, 9002)]).await;
    assert_eq!(told(&diff(&keeper, change.clone()).await, "invoice"), ["loses read all none: ada, eve"]);
    let (auditor, elsewhere) =
        (server.person_with("auditor", &[(SHOP, 9002)]).await, server.person_with("else", &[(BANK, 9001)]).await);
    for stranger in [&auditor, &elsewhere] {
        assert_eq!(stranger.post(DIFF, change.clone()).await.refusal(), FORBIDDEN);
    }
    assert_eq!(server.anonymous().post(DIFF, change.clone()).await.status, 401);
    for (bad, field) in [
        (json!({"without_policies": [99]}), "without_policies[0]"),
        (
            json!({"policies": [{"table_name": "invoice", "action": "read", "expression": "1 +"}]}),
            "policies[0].expression",
        ),
        (json!({"replace": "some"}), "replace"),
        (json!({"replace": "all", "without_policies": [1]}), "without_policies"),
        (json!({"resources": vec![json!({"type": "invoice", "id": "1"}); 101]}), "resources"),
        (json!({"polices": []}), "polices"),
    ] {
        let answer = root.post(DIFF, bad.clone()).await;
        assert_eq!(answer.refusal(), (400, "invalid_request_body"), "{bad}");
        assert!(answer.detail().contains(field), "{bad}: {answer:?}");
    }
    assert_eq!(root.post("/services/9/policies/diff", change.clone()).await.refusal(), (404, "service_not_found"));
    assert_eq!(root.post("/services/0/policies/diff", change).await.refusal(), (404, "service_not_found"));
}

#[tokio::test]
async fn too_many_people_are_counted_and_not_left_out_in_silence() {
    let (server, root) = people().await;
    by_policies(&root, &[("invoice", "read", "false")]).await;
    server
        .execute(
            "insert into auth.person (username, name) select 'p' || n, 'P' from generate_series(1, 1200) n;
             insert into auth.person_service_role (person_id, service_id, role_id)
             select id, 1, 1 from auth.person where username like 'p%';",
        )
        .await;
    // Many types and actions, so that fewer people are looked at.
    let policies: Vec<Value> =
        (0..600).map(|n| json!({"table_name": format!("t{n}"), "action": "read", "expression": "true"})).collect();
    let answer = diff(&root, json!({"policies": policies})).await;
    assert_eq!(answer.body["truncated"], true, "500 pairs");
    let summary = answer.body["summary"].as_str().expect("a sentence");
    assert!(summary.ends_with("; not all was looked at"), "{summary}");
    let (people, left_out) = (answer.body["people"].as_u64(), answer.body["people_left_out"].as_u64());
    let (people, left_out) = (people.expect("a number"), left_out.expect("a number"));
    assert!((1..=500).contains(&people), "{people}: fewer on a slow machine");
    assert_eq!(people + left_out, 1204, "root, three people, and 1200");
    let first = &answer.body["differences"][0];
    let named = first["people"].as_array().map(|named| named.len() as u64);
    assert_eq!((&first["count"], named), (&json!(people), Some(people.min(100))));
}
