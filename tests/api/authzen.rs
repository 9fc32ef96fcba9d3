//! Decisions, by AuthZEN 1.0: asked by backends and administrators, answered by policies and grants.

mod batches;
mod faults;
mod filters;
mod people;
mod reasons;
mod search;

use axum::http::Method;
use serde_json::{Value, json};
use time::Duration;

use crate::policies::{BANK, EDITOR, FORBIDDEN, SHOP, let_policies_decide, policy, world};
use crate::support::{Caller, Response, Server};

/// Asks whether somebody may do this to an invoice with these properties.
pub async fn ask(backend: &Caller, subject: &str, action: &str, properties: Value) -> Response {
    evaluate(backend, question(subject, action, properties)).await
}

pub fn question(subject: &str, action: &str, properties: impl Into<Value>) -> Value {
    json!({
        "subject": {"type": "user", "id": subject}, "action": {"name": action},
        "resource": {"type": "invoice", "id": "12", "properties": properties.into()},
    })
}

pub async fn evaluate(backend: &Caller, question: Value) -> Response {
    backend.post("/access/v1/evaluation", question).await.ok()
}

/// The decision, or nothing where there is none.
pub fn decision(answer: &Response) -> Option<bool> {
    answer.body["decision"].as_bool()
}

pub fn reason(answer: &Response) -> &str {
    answer.body["context"]["reason"].as_str().unwrap_or_default()
}

/// Whoever decides by policies alone: without the three usual ones.
pub async fn by_policies(root: &Caller, policies: &[(&str, &str, &str)]) {
    for (table, action, expression) in policies {
        policy(root, table, action, expression).await;
    }
    let_policies_decide(root).await;
}

#[tokio::test]
async fn without_policies_a_permission_decides() {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[(SHOP, EDITOR)]).await;
    server.person_with("bob", &[(BANK, EDITOR)]).await;
    let shop = server.backend(SHOP).await;
    let yes = ask(&shop, "ada", "read", json!({})).await;
    assert_eq!(decision(&yes), Some(true), "{yes:?}");
    assert!(reason(&yes).contains("the permission `read` permits it; `read` by the role `Editor`"), "{yes:?}");
    assert_eq!(yes.body["context"]["grants"][0]["role"], "Editor");
    let no = ask(&shop, "ada", "delete", json!({})).await;
    assert_eq!(decision(&no), Some(false));
    assert_eq!(no.body["context"]["missing"], json!(["the permission `delete`", "the permission `invoice:delete`"]));
    assert_eq!(decision(&ask(&shop, "bob", "read", json!({})).await), Some(false), "he holds it elsewhere");

    root.post("/permissions", json!({"name": "invoice:delete"})).await.ok();
    root.post("/role-permissions", json!({"role_id": EDITOR, "permission_id": "invoice:delete"})).await.ok();
    assert_eq!(decision(&ask(&shop, "ada", "delete", json!({})).await), Some(true), "{}", ada.id);

    root.patch("/services/1/policy-settings", json!({"permissions_decide": false})).await.ok();
    let no = ask(&shop, "ada", "read", json!({})).await;
    assert_eq!(decision(&no), Some(false));
    assert!(reason(&no).contains("neither policies nor permissions decide"), "{no:?}");
}

#[tokio::test]
async fn everybody_who_holds_nothing_hears_the_same_of_what_is_missing() {
    let (server, root) = world().await;
    server.person_with("idle", &[]).await;
    server.person_with("elsewhere", &[(BANK, EDITOR)]).await;
    let disabled = server.person_with("disabled", &[(SHOP, EDITOR)]).await;
    root.post(&format!("/users/{}/disable", disabled.id), json!({})).await.ok();
    let shop = server.backend(SHOP).await;
    let told = async |action: &str| {
        let mut told = Vec::new();
        for subject in ["nobody", "idle", "elsewhere", "disabled"] {
            told.push(ask(&shop, subject, action, json!({})).await.body);
        }
        assert!(told.iter().all(|one| *one == told[0]), "who is somebody is not told: {told:?}");
        told.swap_remove(0)
    };
    let no = told("read").await;
    assert_eq!(no["decision"], false);
    assert_eq!(no["context"]["missing"], json!(["the permission `read`", "the permission `invoice:read`"]));
    root.patch("/services/1/policy-settings", json!({"permissions_decide": false})).await.ok();
    assert_eq!(told("read").await["context"]["missing"], Value::Null, "no permission would help");
    policy(&root, "letter", "read", "").await;
    let missing = told("read").await["context"]["missing"].clone();
    assert_eq!(missing, json!(["a policy for `read` or `all` on `invoice` or `all`"]));
}

#[tokio::test]
async fn policies_decide_as_soon_as_there_is_one_unless_they_are_off() {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let shop = server.backend(SHOP).await;
    let may = async |action: &str| decision(&ask(&shop, "ada", action, json!({"user_id": ada.id})).await);
    let settle = async |decide: Value| {
        root.patch("/services/1/policy-settings", json!({"policies_decide": decide})).await.ok();
    };
    assert_eq!((may("read").await, may("delete").await), (Some(true), Some(false)), "by her permission");
    settle(json!(false)).await;
    let made = policy(&root, "invoice", "delete", "user_id = auth_user.id").await;
    assert_eq!((may("read").await, may("delete").await), (Some(true), Some(false)), "it does not count yet");
    settle(Value::Null).await;
    assert_eq!((may("read").await, may("delete").await), (Some(false), Some(true)), "by the policy alone");
    root.delete(&format!("/services/1/policies/{}", made.id())).await.ok();
    assert_eq!((may("read").await, may("delete").await), (Some(true), Some(false)), "without policies as before");
    settle(json!(true)).await;
    assert_eq!((may("read").await, may("delete").await), (Some(true), Some(true)), "it is hers, by the usual three");
}

#[tokio::test]
async fn policies_decide_by_the_row_and_by_who_asks() {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[(SHOP, EDITOR)]).await;
    server.person_with("bob", &[]).await;
    let shop = server.backend(SHOP).await;
    by_policies(
        &root,
        &[
            ("invoice", "read", "user_id = auth_user.id"),
            ("invoice", "update", "'Editor' = any(auth_user.roles) and status in ('draft', 'review')"),
            ("all", "all", "auth_user.is_admin"),
        ],
    )
    .await;
    let own = json!({"user_id": ada.id, "status": "draft"});
    for (subject, action, properties, expected) in [
        ("ada", "read", own.clone(), true),
        ("bob", "read", own.clone(), false),
        ("ada", "read", json!({}), false),
        ("ada", "update", own.clone(), true),
        ("ada", "update", json!({"status": "paid"}), false),
        ("ada", "delete", own.clone(), false),
        ("root", "delete", own.clone(), true),
        ("root", "read", own, false),
    ] {
        let answer = ask(&shop, subject, action, properties).await;
        assert_eq!(decision(&answer), Some(expected), "{subject} {action}: {answer:?}");
    }
}

#[tokio::test]
async fn read_mine_falls_back_like_any_action() {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let shop = server.backend(SHOP).await;
    by_policies(&root, &[("all", "all", "user_id = auth_user.id"), ("invoice", "read", "true")]).await;
    let own = json!({"user_id": ada.id});
    assert_eq!(decision(&ask(&shop, "ada", "read_mine", own.clone()).await), Some(true));
    assert_eq!(decision(&ask(&shop, "ada", "read_mine", json!({"user_id": 0})).await), Some(false));
    policy(&root, "invoice", "all", "false").await;
    assert_eq!(decision(&ask(&shop, "ada", "read_mine", own.clone()).await), Some(false));
    policy(&root, "invoice", "read_mine", "user_id = auth_user.id").await;
    assert_eq!(decision(&ask(&shop, "ada", "read_mine", own).await), Some(true));
}

#[tokio::test]
async fn a_restrictive_policy_must_hold_whatever_others_permit() {
    let (server, root) = world().await;
    server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let shop = server.backend(SHOP).await;
    by_policies(&root, &[("invoice", "read", "")]).await;
    let body = json!({
        "table_name": "all", "action": "all", "expression": "context.office is not distinct from true",
        "effect": "restrictive",
    });
    root.post("/services/1/policies", body).await.ok();
    let mut asked = question("ada", "read", json!({}));
    let no = evaluate(&shop, asked.clone()).await;
    assert_eq!(decision(&no), Some(false));
    assert!(reason(&no).starts_with("a restrictive policy does not hold"), "{no:?}");
    asked["context"] = json!({"office": true});
    assert_eq!(decision(&evaluate(&shop, asked).await), Some(true));
}

#[tokio::test]
async fn the_next_decision_is_by_the_new_policy_on_every_instance() {
    let (server, root) = world().await;
    let elsewhere = server.another_instance().await;
    server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let shop = server.backend(SHOP).await;
    let there = shop.at(&elsewhere);
    by_policies(&root, &[("invoice", "read", "true")]).await;
    for backend in [&shop, &there] {
        assert_eq!(decision(&ask(backend, "ada", "read", json!({})).await), Some(true));
    }
    let id = root.get("/services/1/policies").await.column("id")[0].clone();
    let path = format!("/services/1/policies/{id}");
    for (expression, expected) in [("false", false), ("'Editor' = any(auth_user.roles)", true), ("status = 'x'", false)]
    {
        root.patch(&path, json!({"expression": expression})).await.ok();
        for backend in [&there, &shop] {
            assert_eq!(decision(&ask(backend, "ada", "read", json!({})).await), Some(expected), "{expression}");
        }
    }
    server.execute("update auth.policies set expression = ''").await;
    assert_eq!(decision(&ask(&there, "ada", "read", json!({})).await), Some(true), "whoever writes");
    server.execute("truncate auth.policies").await;
    assert_eq!(decision(&ask(&there, "ada", "read", json!({})).await), Some(false));
}

#[tokio::test]
async fn a_key_asks_about_its_own_service_and_an_administrator_names_one() {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let keeper = server.person_with("keeper", &[(BANK, 0)]).await;
    let (shop, bank) = (server.backend(SHOP).await, server.backend(BANK).await);
    let asked = question("ada", "read", json!({}));
    let at = |by: &Caller, query: &str| {
        let (by, path, asked) = (by.clone(), format!("/access/v1/evaluation{query}"), asked.clone());
        async move { by.post(&path, asked).await }
    };
    assert_eq!(decision(&at(&shop, "?service=Shop").await), Some(true));
    for other in ["?service=Bank", "?service=2", "?service=nobody", "?service=0"] {
        assert_eq!(at(&shop, other).await.refusal(), (403, "forbidden_service_lookup"), "{other}");
    }
    assert_eq!(decision(&at(&bank, "").await), Some(false), "each by what is held there");
    assert_eq!(decision(&at(&root, "?service=Shop").await), Some(true));
    assert_eq!(decision(&at(&keeper, "?service=Bank").await), Some(false));
    assert_eq!(at(&keeper, "?service=Shop").await.refusal(), FORBIDDEN);
    assert_eq!(at(&ada, "?service=Shop").await.refusal(), FORBIDDEN);
    assert_eq!(at(&root, "").await.refusal(), (400, "invalid_query"));
    assert_eq!(at(&root, "?service=9").await.refusal(), (404, "service_not_found"));
    assert_eq!(at(&root, "?service=0").await.refusal(), (404, "service_not_found"), "Portero itself has its own guard");
}

#[tokio::test]
async fn whoever_is_disabled_removed_or_unknown_is_denied() {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let shop = server.backend(SHOP).await;
    by_policies(&root, &[("invoice", "read", "")]).await;
    assert_eq!(decision(&ask(&shop, "ada", "read", json!({})).await), Some(true));
    root.post(&format!("/users/{}/disable", ada.id), json!({})).await.ok();
    let disabled = ask(&shop, "ada", "read", json!({})).await;
    root.post(&format!("/users/{}/enable", ada.id), json!({})).await.ok();
    assert_eq!(decision(&ask(&shop, "ada", "read", json!({})).await), Some(true));
    root.delete(&format!("/users/{}", ada.id)).await.ok();
    let removed = ask(&shop, &ada.id.to_string(), "read", json!({})).await;
    let unknown = ask(&shop, "nobody", "read", json!({})).await;
    for answer in [&disabled, &removed, &unknown] {
        assert_eq!(answer.body, json!({"decision": false, "context": {"reason": reason(&unknown)}}));
    }
    for odd in ["", " ", "0", "-1", "99999999999", "a\nb", "a\u{0}b", &"x".repeat(2000), "person-0"] {
        assert_eq!(decision(&ask(&shop, odd, "read", json!({})).await), Some(false), "{odd:?}");
    }
    let mut anonymous = question("", "read", json!({}));
    anonymous["subject"] = json!({"type": "anonymous", "id": "-"});
    assert_eq!(decision(&evaluate(&shop, anonymous).await), Some(true), "everybody may");
    let mut alien = question("ada", "read", json!({}));
    alien["subject"]["type"] = json!("spaceship");
    assert_eq!(decision(&evaluate(&shop, alien).await), Some(false));
}

#[tokio::test]
async fn a_grant_that_ends_permits_nothing_more() {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[]).await;
    let shop = server.backend(SHOP).await;
    let end = server.app.clock.now().unix_timestamp() + 3600;
    let grant = json!({"person_id": ada.id, "service_id": SHOP, "role_id": EDITOR, "expires_at": end});
    root.post("/person-service-roles", grant).await.ok();
    let yes = ask(&shop, "ada", "read", json!({})).await;
    assert_eq!(decision(&yes), Some(true));
    assert!(
        reason(&yes).contains(", until 20") && yes.body["context"]["grants"][0]["expires_at"].is_string(),
        "{yes:?}"
    );
    server.app.clock.turn(Duration::hours(2));
    assert_eq!(decision(&ask(&shop, "ada", "read", json!({})).await), Some(false));
}

#[tokio::test]
async fn a_subject_is_named_by_id_by_username_or_by_a_proven_address() {
    let (server, _root) = world().await;
    let ada = server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let shop = server.backend(SHOP).await;
    let may = |named: String| {
        let shop = shop.clone();
        async move { decision(&ask(&shop, &named, "read", json!({})).await) }
    };
    for named in [ada.id.to_string(), "ada".to_owned(), format!("person-{}", ada.id)] {
        assert_eq!(may(named.clone()).await, Some(true), "{named}");
    }
    server.execute("update auth.person set email = 'Ada@Example.com' where username = 'ada'").await;
    assert_eq!(may("ada@example.com".to_owned()).await, Some(false), "anybody may say that it is theirs");
    server.execute("update auth.person set email_verified_at = now() where username = 'ada'").await;
    assert_eq!(may("ada@example.com".to_owned()).await, Some(true));
    assert_eq!(may("ADA@example.com".to_owned()).await, Some(true));
    server.person_with("ada@example.com", &[(SHOP, EDITOR)]).await;
    assert_eq!(may("ada@example.com".to_owned()).await, Some(false), "it may be either");
}

#[tokio::test]
async fn what_the_request_says_of_a_subject_counts_before_what_is_stored_but_not_of_what_they_hold() {
    let (server, root) = world().await;
    server.person_with("ada", &[(SHOP, EDITOR)]).await;
    server.execute("update auth.person set attributes = '{\"department\": \"sales\"}' where username = 'ada'").await;
    let shop = server.backend(SHOP).await;
    by_policies(
        &root,
        &[
            ("invoice", "read", "department = auth_user.department"),
            ("invoice", "update", "auth_user.is_admin or 'Boss' = any(auth_user.roles)"),
            ("invoice", "delete", "context.soft = true"),
        ],
    )
    .await;
    let with = |action: &str, subject: Value, department: &str| {
        let mut asked = question("ada", action, json!({"department": department}));
        asked["subject"]["properties"] = subject;
        asked
    };
    for (asked, expected) in [
        (with("read", Value::Null, "sales"), true),
        (with("read", Value::Null, "law"), false),
        (with("read", json!({"department": "law"}), "law"), true),
        (with("read", json!({"department": "law"}), "sales"), false),
        (with("update", json!({"is_admin": true, "roles": ["Boss"]}), "sales"), false),
    ] {
        let answer = evaluate(&shop, asked.clone()).await;
        assert_eq!(decision(&answer), Some(expected), "{asked}: {answer:?}");
    }
    for (soft, expected) in [(json!(true), true), (json!(false), false)] {
        let mut asked = with("delete", Value::Null, "sales");
        asked["action"]["properties"] = json!({"soft": soft});
        asked["context"] = json!({"soft": !expected});
        assert_eq!(decision(&evaluate(&shop, asked).await), Some(expected), "the action's own word counts first");
    }
}

#[tokio::test]
async fn a_resource_s_id_is_a_column_of_whatever_type_it_is_compared_as() {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let shop = server.backend(SHOP).await;
    by_policies(
        &root,
        &[
            ("user", "read", "id = auth_user.id"),
            ("page", "read", "id = auth_user.username"),
            ("page", "update", "id = 'home' or id like 'draft-%'"),
        ],
    )
    .await;
    for (kind, id, action, expected) in [
        ("user", ada.id.to_string().as_str(), "read", true),
        ("user", "0", "read", false),
        ("user", "ada", "read", false),
        ("page", "ada", "read", true),
        ("page", "draft-1", "update", true),
    ] {
        let asked = json!({
            "subject": {"type": "user", "id": "ada"}, "action": {"name": action}, "resource": {"type": kind, "id": id},
        });
        let answer = evaluate(&shop, asked).await;
        assert_eq!(decision(&answer), Some(expected), "{kind} {id}: {answer:?}");
    }
}

#[tokio::test]
async fn the_metadata_says_where_decisions_are_asked_for() {
    let server = Server::configured(&[("PUBLIC_URL", "https://id.example.com/auth")]).await;
    let anybody = server.anonymous();
    for path in ["/.well-known/authzen-configuration", "/.well-known/authzen-configuration/auth"] {
        let found = anybody.send(Method::GET, path, "").await.ok();
        let base = "https://id.example.com/auth";
        assert_eq!(
            found.body,
            json!({
                "policy_decision_point": base,
                "access_evaluation_endpoint": format!("{base}/access/v1/evaluation"),
                "access_evaluations_endpoint": format!("{base}/access/v1/evaluations"),
                "search_subject_endpoint": format!("{base}/access/v1/search/subject"),
                "search_resource_endpoint": format!("{base}/access/v1/search/resource"),
                "search_action_endpoint": format!("{base}/access/v1/search/action"),
            })
        );
    }
}
