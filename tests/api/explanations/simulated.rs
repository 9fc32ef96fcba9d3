//! What if: a simulation says what is true once the change is made, and makes none.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use time::Duration;

use super::at;
use crate::authzen::{ask, by_policies, decision, question};
use crate::policies::{EDITOR, SHOP, policy, world};
use crate::support::{Caller, Response, Server};

/// Asks what would be, with this supposed.
async fn simulate(by: &Caller, subject: &str, action: &str, properties: Value, supposed: Value) -> Response {
    let mut asked = question(subject, action, properties);
    for (name, value) in supposed.as_object().expect("an object") {
        asked[name] = value.clone();
    }
    by.post(&at(by, "simulate"), asked).await
}

fn decisions(told: &Response) -> (Option<bool>, Option<bool>) {
    (told.body["before"]["decision"].as_bool(), told.body["after"]["decision"].as_bool())
}

#[tokio::test]
async fn what_would_be_with_other_roles_attributes_and_policies() {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[(SHOP, EDITOR)]).await;
    server.person_with("bob", &[]).await;
    root.post("/roles", json!({"name": "Boss"})).await.ok();
    root.post("/service-roles", json!({"service_id": SHOP, "role_id": "Boss"})).await.ok();
    by_policies(
        &root,
        &[
            ("invoice", "read", "'Editor' = any(auth_user.roles)"),
            ("invoice", "delete", "'Boss' = any(auth_user.roles)"),
            ("invoice", "update", "department = auth_user.department"),
        ],
    )
    .await;
    let row = json!({"department": "sales"});
    for (subject, action, supposed, expected) in [
        ("bob", "read", json!({"with": {"roles": ["Editor"]}}), (false, true)),
        ("bob", "read", json!({"with": {"roles": [EDITOR]}}), (false, true)),
        ("ada", "read", json!({"without": {"roles": ["Editor"]}}), (true, false)),
        ("ada", "delete", json!({"with": {"roles": ["Boss"]}}), (false, true)),
        ("ada", "update", json!({"with": {"attributes": {"department": "sales"}}}), (false, true)),
        ("ada", "read", json!({"without_policies": [1]}), (true, false)),
        ("ada", "read", json!({"policies": [{"id": 1, "expression": "false"}]}), (true, false)),
        ("ada", "read", json!({"policies": [{"id": 1, "action": "print"}]}), (true, false)),
        (
            "ada",
            "read",
            json!({"policies": [{"table_name": "all", "action": "read", "expression": "", "effect": "restrictive"}]}),
            (true, true),
        ),
        (
            "bob",
            "read",
            json!({"policies": [{"table_name": "invoice", "action": "read", "expression": ""}]}),
            (false, true),
        ),
        ("ada", "read", json!({}), (true, true)),
    ] {
        let told = simulate(&root, subject, action, row.clone(), supposed.clone()).await.ok();
        assert_eq!(decisions(&told), (Some(expected.0), Some(expected.1)), "{subject} {action} {supposed}: {told:?}");
        assert_eq!(told.body["changes"], expected.0 != expected.1);
    }
    let told = simulate(&root, "bob", "read", row.clone(), json!({"with": {"roles": ["Editor"]}})).await.ok();
    let grant = &told.body["after"]["grants"][0];
    assert_eq!((&grant["role"], &grant["is_supposed"]), (&json!("Editor"), &json!(true)), "{told:?}");
    let new = json!({"policies": [{"table_name": "invoice", "action": "print", "expression": "true"}]});
    let told = simulate(&root, "ada", "print", row, new).await.ok();
    assert_eq!(told.body["after"]["policies"][0]["id"], -1, "{told:?}");
    assert_eq!(ada.username, "ada");
}

#[tokio::test]
async fn what_would_be_at_another_moment() {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[]).await;
    let now = server.app.clock.now().unix_timestamp();
    let grant = json!({"person_id": ada.id, "service_id": SHOP, "role_id": EDITOR, "expires_at": now + 3600});
    root.post("/person-service-roles", grant).await.ok();
    let shop = server.backend(SHOP).await;
    let later = |seconds: i64| json!({"at": now + seconds});
    assert_eq!(decisions(&simulate(&shop, "ada", "read", json!({}), later(1800)).await), (Some(true), Some(true)));
    assert_eq!(decisions(&simulate(&shop, "ada", "read", json!({}), later(7200)).await), (Some(true), Some(false)));
    let past = simulate(&shop, "ada", "read", json!({}), later(-7200)).await;
    assert_eq!(past.refusal(), (400, "invalid_request_body"), "{past:?}");
    by_policies(&root, &[("invoice", "read", "closes_at > now()")]).await;
    let row = json!({"closes_at": "2999-01-01T00:00:00Z"});
    let far = json!({"at": "3000-01-01T00:00:00Z"});
    let told = simulate(&shop, "ada", "read", row, far).await;
    assert_eq!(decisions(&told), (Some(true), Some(false)), "{told:?}");
    assert!(told.body["after"]["at"].as_str().is_some_and(|at| at.starts_with("3000-")), "{told:?}");
}

#[tokio::test]
async fn what_would_be_if_policies_began_to_decide() {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let supposed = json!({"policies_decide": true});
    let own = json!({"user_id": ada.id});
    for action in ["read", "pay"] {
        let told = simulate(&root, "ada", action, own.clone(), supposed.clone()).await.ok();
        root.patch("/services/1/policy-settings", json!({"policies_decide": true})).await.ok();
        let real = ask(&server.backend(SHOP).await, "ada", action, own.clone()).await;
        assert_eq!(told.body["after"]["decision"].as_bool(), decision(&real), "{action}: the three usual ones");
        root.patch("/services/1/policy-settings", json!({"policies_decide": false})).await.ok();
        server.execute("truncate auth.policies").await;
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_the_field_named() {
    let (server, root) = world().await;
    server.person_with("ada", &[(SHOP, EDITOR)]).await;
    root.post("/roles", json!({"name": "Elsewhere"})).await.ok();
    by_policies(&root, &[("invoice", "read", "true")]).await;
    for (supposed, field) in [
        (json!({"with": {"roles": ["Nobody"]}}), "with.roles[0]"),
        (json!({"with": {"roles": ["Elsewhere"]}}), "with.roles[0]"),
        (json!({"with": {"role": ["Editor"]}}), "with"),
        (json!({"without": {"roles": ["Editor", "Nobody"]}}), "without.roles[1]"),
        (json!({"without_policies": [9]}), "without_policies[0]"),
        (json!({"without_policies": [1, 1]}), "without_policies[1]"),
        (json!({"policies": [{"id": 9}]}), "policies[0].id"),
        (json!({"policies": [{"table_name": "invoice", "expression": ""}]}), "policies[0].action"),
        (json!({"policies": [{"id": 1, "expression": "status ="}]}), "policies[0].expression"),
        (json!({"policies": [{"id": 1, "expression": "auth_user.rols = 1"}]}), "policies[0].expression"),
        (json!({"at": "yesterday"}), "at"),
        (json!({"surprise": 1}), "surprise"),
        (json!({"without_policies": vec![1; 101]}), "without_policies"),
        (json!({"subject": {"type": "anonymous", "id": "-"}, "with": {"roles": ["Editor"]}}), "with"),
    ] {
        let told = simulate(&root, "ada", "read", json!({}), supposed.clone()).await;
        assert_eq!(told.refusal(), (400, "invalid_request_body"), "{supposed}: {told:?}");
        assert!(told.detail().contains(field), "{supposed}: {told:?}");
    }
}

#[tokio::test]
async fn who_may_not_write_policies_may_not_try_them_on_people() {
    let (server, root) = world().await;
    server.person_with("ada", &[(SHOP, EDITOR)]).await;
    by_policies(&root, &[("invoice", "read", "true")]).await;
    server
        .execute(
            "insert into auth.role (id, name) values (9002, 'Auditor');
             insert into auth.role_permission (role_id, permission_id) values (9002, -8);
             insert into auth.service_roles (service_id, role_id) values (1, 9002);",
        )
        .await;
    let auditor = server.person_with("auditor", &[(SHOP, 9002)]).await;
    let spying = json!({"policies": [{"id": 1, "expression": "auth_user.salary > 1000"}]});
    let told = simulate(&auditor, "ada", "read", json!({}), spying).await;
    assert_eq!(told.refusal(), (403, "insufficient_permissions"), "{told:?}");
    let told = simulate(&auditor, "ada", "read", json!({}), json!({"without_policies": [1]})).await;
    assert_eq!(decisions(&told), (Some(true), Some(false)));
}

#[tokio::test]
async fn nothing_is_written_by_a_simulation() {
    let (server, root) = world().await;
    server.person_with("ada", &[(SHOP, EDITOR)]).await;
    by_policies(&root, &[("invoice", "read", "true")]).await;
    let written = "
        select hashtextextended(concat_ws(' ', count(*), (select count(*) from auth.audit_events), (select count(*) from auth.changes),
            (select count(*) from auth.service_uses), (select string_agg(version::text, ' ' order by service_id) from auth.policy_settings)), 0)
        from auth.person_service_role";
    let before = server.number(written).await;
    let supposed = json!({
        "with": {"roles": ["Editor"], "attributes": {"a": 1}}, "without": {"roles": ["Editor"]},
        "policies": [{"id": 1, "expression": "false"}], "policies_decide": true,
    });
    simulate(&root, "ada", "read", json!({}), supposed).await.ok();
    root.post("/services/1/policies/diff", json!({"policies": [{"id": 1, "expression": "false"}]})).await.ok();
    super::explain(&root, "ada", "read", json!({})).await;
    assert_eq!(server.number(written).await, before);
}

/// A change, as it is supposed and as it is made.
#[derive(Clone, Debug)]
enum Made {
    Grant(&'static str),
    Withdraw(&'static str),
    Attribute(&'static str),
    New(&'static str, &'static str, &'static str, &'static str),
    Change(usize, Value),
    Delete(usize),
    Decide(bool),
}

const PEOPLE: [&str; 2] = ["ada", "bob"];

fn expression() -> impl Strategy<Value = &'static str> {
    select(vec![
        "",
        "false",
        "'Editor' = any(auth_user.roles)",
        "'Boss' = any(auth_user.roles) or status = 'draft'",
        "'read' = any(auth_user.permissions)",
        "department = auth_user.department",
        "auth_user.department is not null and amount::integer / share::integer > 1",
        "user_id = auth_user.id",
        "not 'Boss' = any(auth_user.roles)",
    ])
}

fn change() -> impl Strategy<Value = Made> {
    let role = || select(vec!["Editor", "Boss"]);
    let table = || select(vec!["invoice", "all"]);
    let action = || select(vec!["read", "update", "all"]);
    let effect = || select(vec!["permissive", "permissive", "restrictive"]);
    prop_oneof![
        3 => role().prop_map(Made::Grant),
        2 => role().prop_map(Made::Withdraw),
        2 => select(vec!["sales", "law"]).prop_map(Made::Attribute),
        4 => (table(), action(), expression(), effect()).prop_map(|(t, a, e, f)| Made::New(t, a, e, f)),
        2 => (0..20_usize, expression()).prop_map(|(n, e)| Made::Change(n, json!({"expression": e}))),
        1 => (0..20_usize, table(), action()).prop_map(|(n, t, a)| Made::Change(n, json!({"table_name": t, "action": a}))),
        1 => (0..20_usize, effect()).prop_map(|(n, e)| Made::Change(n, json!({"effect": e}))),
        2 => (0..20_usize).prop_map(Made::Delete),
        1 => prop::bool::weighted(0.8).prop_map(Made::Decide),
    ]
}

impl Made {
    /// What is to be supposed; nothing where there is no such policy.
    fn supposed(&self, ids: &[Value]) -> Option<Value> {
        let id = |n: usize| (!ids.is_empty()).then(|| ids[n % ids.len()].clone());
        Some(match self {
            Self::Grant(role) => json!({"with": {"roles": [role]}}),
            Self::Withdraw(role) => json!({"without": {"roles": [role]}}),
            Self::Attribute(department) => json!({"with": {"attributes": {"department": department}}}),
            Self::New(table, action, expression, effect) => json!({"policies": [
                {"table_name": table, "action": action, "expression": expression, "effect": effect},
            ]}),
            Self::Change(n, fields) => {
                let mut policy = fields.clone();
                policy["id"] = id(*n)?;
                json!({"policies": [policy]})
            }
            Self::Delete(n) => json!({"without_policies": [id(*n)?]}),
            Self::Decide(decide) => json!({"policies_decide": decide}),
        })
    }

    /// Makes it; answers whether it was made.
    async fn make(&self, root: &Caller, person: i32, supposed: &Value) -> bool {
        let role = |role: &str| json!({"person_id": person, "service_id": SHOP, "role_id": role});
        let answer = match self {
            Self::Grant(name) => root.post("/person-service-roles", role(name)).await,
            Self::Withdraw(name) => {
                root.delete_with("/person-service-roles", role(name)).await;
                return true;
            }
            Self::Attribute(_) => {
                let attributes = json!({"attributes": supposed["with"]["attributes"]});
                root.patch(&format!("/users/{person}"), attributes).await
            }
            Self::New(..) => root.post("/services/1/policies", supposed["policies"][0].clone()).await,
            Self::Change(_, fields) => {
                let id = &supposed["policies"][0]["id"];
                let changed = root.patch(&format!("/services/1/policies/{id}"), fields.clone()).await;
                if changed.status == 409 {
                    return false;
                }
                changed
            }
            Self::Delete(_) => root.delete(&format!("/services/1/policies/{}", supposed["without_policies"][0])).await,
            Self::Decide(_) => root.patch("/services/1/policy-settings", supposed.clone()).await,
        };
        answer.ok();
        true
    }
}

async fn rows(server: &Server) -> Vec<Value> {
    let ada = server.number("select id::bigint from auth.person where username = 'ada'").await;
    vec![
        json!({"user_id": ada, "status": "draft", "department": "sales", "amount": 10, "share": 0}),
        json!({"user_id": 0, "status": "paid", "department": "law", "amount": 10, "share": 2}),
        json!({"user_id": null, "status": null, "department": null, "amount": null, "share": 1}),
    ]
}

#[tokio::test]
async fn a_simulation_says_what_is_true_once_the_change_is_made() {
    let (server, root) = world().await;
    let mut ids = Vec::new();
    for name in PEOPLE {
        ids.push(server.person_with(name, &[]).await.id);
    }
    root.post("/roles", json!({"name": "Boss"})).await.ok();
    root.post("/service-roles", json!({"service_id": SHOP, "role_id": "Boss"})).await.ok();
    policy(&root, "invoice", "read", "'Editor' = any(auth_user.roles)").await;
    root.patch("/services/1/policy-settings", json!({"policies_decide": true})).await.ok();
    let (shop, rows) = (server.backend(SHOP).await, rows(&server).await);
    let mut runner = TestRunner::default();
    let (mut changed, mut made) = (0, 0);
    for step in 0..60 {
        let change = change().new_tree(&mut runner).expect("a change").current();
        let policies = root.get("/services/1/policies").await.column("id");
        let Some(supposed) = change.supposed(&policies) else { continue };
        let whom = step % PEOPLE.len();
        let mut questions = Vec::new();
        for action in ["read", "update", "pay"] {
            for row in &rows {
                let told = simulate(&root, PEOPLE[whom], action, row.clone(), supposed.clone()).await.ok();
                assert_eq!(
                    told.body["before"]["decision"].as_bool(),
                    decision(&ask(&shop, PEOPLE[whom], action, row.clone()).await)
                );
                changed += usize::from(told.body["changes"] == true);
                questions.push((action, row, told));
            }
        }
        if !change.make(&root, ids[whom], &supposed).await {
            continue;
        }
        made += 1;
        for (action, row, told) in questions {
            let real = ask(&shop, PEOPLE[whom], action, row.clone()).await;
            assert_eq!(
                told.body["after"]["decision"].as_bool(),
                decision(&real),
                "{change:?} {action} {row}: {told:?} {real:?}"
            );
        }
    }
    assert!(changed > 0 && made > 20, "{changed} decisions changed by {made} changes");
    server.app.clock.turn(Duration::hours(1));
}

#[tokio::test]
async fn a_grant_that_is_over_by_then_is_not_taken_for_the_supposed_one() {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[]).await;
    let end = server.app.clock.now().unix_timestamp() + 3_600;
    let grant =
        json!({"person_id": ada.id, "service_id": SHOP, "role_id": EDITOR, "expires_at": end, "reason": "stands in"});
    root.post("/person-service-roles", grant).await.ok();
    policy(&root, "invoice", "read", "'Editor' = any(auth_user.roles)").await;
    let told =
        simulate(&root, "ada", "read", json!({}), json!({"at": end + 60, "with": {"roles": ["Editor"]}})).await.ok();
    let (before, after) = (&told.body["before"]["grants"][0], &told.body["after"]["grants"][0]);
    assert_eq!((&before["is_supposed"], &before["reason"]), (&json!(false), &json!("stands in")), "{told:?}");
    assert_eq!((&after["is_supposed"], &after["reason"]), (&json!(true), &Value::Null), "{told:?}");
}
