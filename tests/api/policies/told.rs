//! What backends that keep decisions hear of, besides grants: whatever their policies read of people.

use serde_json::{Value, json};

use super::{BANK, SHOP, policy, world};
use crate::support::{Caller, Server, Stream};

/// Shop, whose policies read departments, groups and who administers, and Bank, whose own are turned off.
async fn listening(policies: &[&str]) -> (Server, Caller, Stream, Stream) {
    let (server, root) = world().await;
    for (n, expression) in policies.iter().enumerate() {
        policy(&root, &format!("table{n}"), "read", expression).await;
        let body = json!({"table_name": format!("table{n}"), "action": "read", "expression": expression});
        root.post("/services/Bank/policies", body).await.ok();
    }
    root.patch("/services/Bank/policy-settings", json!({"policies_decide": false})).await.ok();
    let mut shop = server.backend(SHOP).await.listen(None).await;
    let mut bank = server.backend(BANK).await.listen(None).await;
    shop.expect("ready").await;
    bank.expect("ready").await;
    (server, root, shop, bank)
}

async fn hears_of(stream: &mut Stream, person: Option<i32>) {
    let told = stream.expect("grants-changed").await.data;
    assert_eq!((&told["service_id"], told.get("user_id")), (&json!(SHOP), person.map(Value::from).as_ref()));
}

#[tokio::test]
async fn a_service_hears_of_the_attributes_that_its_policies_read() {
    let policies = ["department = auth_user.department", "\"Level-2\" < auth_user.attributes.\"Level-2\"", "rank = 3"];
    let (server, root, mut shop, mut bank) = listening(&policies).await;
    let ada = server.person_with("ada", &[]).await.id;
    let change = async |attributes: Value| {
        root.patch(&format!("/users/{ada}"), json!({ "attributes": attributes })).await.ok();
    };
    change(json!({"department": "sales", "salary": 1})).await;
    hears_of(&mut shop, Some(ada)).await;
    change(json!({"Level-2": 1})).await;
    hears_of(&mut shop, Some(ada)).await;
    change(json!({"salary": 2, "rank": 3, "depart": "x"})).await;
    shop.silence().await;
    // Once, where it is told them, too.
    root.patch("/services/1", json!({"claims": ["department"]})).await.ok();
    hears_of(&mut shop, None).await;
    change(json!({"department": null})).await;
    assert_eq!(shop.expect("token-claims-change").await.data["user_id"], ada);
    shop.silence().await;
    bank.silence().await;
}

#[tokio::test]
async fn a_service_hears_of_groups_and_of_administrators_that_its_policies_read() {
    let (server, root, mut shop, mut bank) =
        listening(&["'Sales' = any(auth_user.groups)", "auth_user.is_admin"]).await;
    let ada = server.person_with("ada", &[]).await.id;
    root.post("/groups", json!({"name": "Sales"})).await.ok();
    root.post("/groups/Sales/members", json!({"person_id": "ada"})).await.ok();
    hears_of(&mut shop, Some(ada)).await;
    root.patch("/groups/Sales", json!({"name": "Purchase"})).await.ok();
    hears_of(&mut shop, None).await;
    root.patch("/groups/Purchase", json!({"description": "Whoever buys"})).await.ok();
    root.delete("/groups/Purchase").await.ok();
    hears_of(&mut shop, Some(ada)).await;
    root.put(&format!("/administrators/{ada}"), json!({})).await.ok();
    hears_of(&mut shop, Some(ada)).await;
    root.delete(&format!("/administrators/{ada}")).await.ok();
    hears_of(&mut shop, Some(ada)).await;
    shop.silence().await;
    bank.silence().await;
}

#[tokio::test]
async fn many_at_once_are_told_as_everybody_there() {
    let (server, _, mut shop, mut bank) = listening(&["department = auth_user.department"]).await;
    server
        .execute(
            "insert into auth.person (id, username, name) select 10000 + n, 'crowd' || n, 'Crowd' from generate_series(1, 1500) n;
             update auth.person set attributes = '{\"department\": \"sales\"}' where id > 10000;",
        )
        .await;
    let mut heard = 0;
    while shop.expect("grants-changed").await.data.get("user_id").is_some() {
        heard += 1;
    }
    assert!(heard <= 1000, "{heard}");
    shop.silence().await;
    bank.silence().await;
}
