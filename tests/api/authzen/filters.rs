//! Filters: which rows may somebody do this to?

use serde_json::{Value, json};

use super::{ask, by_policies, decision};
use crate::policies::{EDITOR, SHOP, policy, world};
use crate::support::{Caller, Response};

async fn filter(by: &Caller, subject: &str, action: &str, more: Value) -> Response {
    let mut asked = json!({
        "subject": {"type": "user", "id": subject}, "action": {"name": action}, "resource": {"type": "invoice"},
    });
    for (field, value) in more.as_object().expect("fields") {
        asked[field] = value.clone();
    }
    by.post("/access/v1/filter", asked).await
}

#[tokio::test]
async fn what_does_not_depend_on_the_row_is_computed_and_the_rest_is_sql() {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let shop = server.backend(SHOP).await;
    by_policies(
        &root,
        &[
            ("invoice", "read", "user_id = auth_user.id"),
            ("invoice", "read", "auth_user.is_admin"),
            ("invoice", "read", "status = 'open' and 'Editor' = any(auth_user.roles)"),
            ("invoice", "delete", "'Boss' = any(auth_user.roles)"),
            ("invoice", "create", "auth_user.is_authenticated"),
        ],
    )
    .await;
    for dialect in ["postgres", "sqlite", "mysql"] {
        let answer =
            filter(&shop, "ada", "read", json!({"dialect": dialect, "columns": {"user_id": "i.owner"}})).await.ok();
        assert_eq!(answer.body["kind"], "conditional", "{answer:?}");
        let sql = answer.body["sql"].as_str().expect("a condition");
        assert!(sql.contains("owner") && !sql.contains("open"), "no value in the text: {sql}");
        let bound: Vec<Value> =
            answer.body["parameters"].as_array().expect("parameters").iter().map(|one| one["value"].clone()).collect();
        assert!(bound.contains(&json!("open")), "{answer:?}");
        assert!(bound.iter().any(|one| *one == json!(ada.id) || *one == json!(ada.id.to_string())), "{answer:?}");
        if dialect == "postgres" {
            let most = bound.len();
            assert!(
                (1..=most).all(|n| sql.contains(&format!("${n}"))) && !sql.contains(&format!("${}", most + 1)),
                "{sql}"
            );
        }
        assert!(answer.body["ast"].is_object(), "{answer:?}");
    }
    assert_eq!(filter(&shop, "ada", "delete", json!({})).await.body, json!({"kind": "never"}));
    assert_eq!(filter(&shop, "ada", "create", json!({})).await.body, json!({"kind": "always"}));
    assert_eq!(filter(&shop, "root", "read", json!({})).await.body, json!({"kind": "always"}));
    assert_eq!(filter(&shop, "nobody", "create", json!({})).await.body, json!({"kind": "never"}));
    let restrictive = json!({"table_name": "all", "action": "all", "expression": "false", "effect": "restrictive"});
    root.post("/services/1/policies", restrictive).await.ok();
    assert_eq!(filter(&shop, "ada", "read", json!({})).await.body, json!({"kind": "never"}));
}

#[tokio::test]
async fn without_policies_it_is_all_or_none() {
    let (server, _root) = world().await;
    server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let shop = server.backend(SHOP).await;
    assert_eq!(filter(&shop, "ada", "read", json!({})).await.body, json!({"kind": "always"}));
    assert_eq!(filter(&shop, "ada", "delete", json!({})).await.body, json!({"kind": "never"}));
}

#[tokio::test]
async fn a_name_that_is_no_column_gets_into_no_condition() {
    let (server, root) = world().await;
    server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let shop = server.backend(SHOP).await;
    by_policies(&root, &[("invoice", "read", "user_id = auth_user.id")]).await;
    for bad in ["a; drop table x", "a b", "", "a.b.c.d.e", "\"a\"", "1a", "a)"] {
        let answer = filter(&shop, "ada", "read", json!({"columns": {"user_id": bad}})).await;
        assert_eq!(answer.refusal(), (400, "invalid_request_body"), "{bad}");
    }
    let answer = filter(&shop, "ada", "read", json!({"dialect": "oracle"})).await;
    assert_eq!(answer.refusal(), (400, "invalid_request_body"));
}

/// The rows that a real Postgres keeps are those of which a question about each says yes.
#[tokio::test]
async fn a_filter_and_a_question_about_each_row_say_the_same() {
    let (server, root) = world().await;
    let ada = server.person_with("ada", &[(SHOP, EDITOR)]).await;
    let shop = server.backend(SHOP).await;
    by_policies(
        &root,
        &[
            ("invoice", "read", "user_id = auth_user.id and status <> 'void'"),
            ("invoice", "read", "amount between 10 and 20 or note like 'public%'"),
        ],
    )
    .await;
    let restrictive = json!({
        "table_name": "invoice", "action": "all", "expression": "closed is not true", "effect": "restrictive",
    });
    root.post("/services/1/policies", restrictive).await.ok();
    policy(&root, "invoice", "read", "amount / 0 > 1").await;
    let answer = filter(&shop, "ada", "read", json!({})).await.ok();
    assert_eq!(answer.body["kind"], "conditional", "{answer:?}");
    let mut sql = answer.body["sql"].as_str().expect("a condition").to_owned();
    // As literals of their types, which is what binding comes to.
    let parameters = answer.body["parameters"].as_array().expect("parameters").clone();
    for (n, parameter) in parameters.iter().enumerate().rev() {
        let kind = parameter["type"].as_str().expect("a type");
        let value = parameter["value"].as_str().map_or_else(|| parameter["value"].to_string(), str::to_owned);
        sql = sql.replace(&format!("${}", n + 1), &format!("'{}'::{kind}", value.replace('\'', "''")));
    }
    let rows = [
        json!({"user_id": ada.id, "status": "open", "amount": 1, "note": null, "closed": null}),
        json!({"user_id": ada.id, "status": "void", "amount": 1, "note": null, "closed": false}),
        json!({"user_id": ada.id, "status": null, "amount": 15, "note": null, "closed": false}),
        json!({"user_id": 0, "status": "open", "amount": 20, "note": "x", "closed": true}),
        json!({"user_id": 0, "status": "open", "amount": 21, "note": "public note", "closed": false}),
        json!({"user_id": null, "status": null, "amount": null, "note": null, "closed": null}),
    ];
    for row in rows {
        let from = "jsonb_to_record($1) as r (user_id int, status text, amount int, note text, closed bool)";
        let kept: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from {from} where {sql}")))
            .bind(&row)
            .fetch_one(server.app.db.pool())
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        let said = decision(&ask(&shop, "ada", "read", row.clone()).await);
        assert_eq!(said, Some(kept == 1), "{row}: {sql}");
    }
}
