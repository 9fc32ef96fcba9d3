//! Claims become attributes and groups, at each login.

use serde_json::json;

use super::{linked, log_in, world};
use crate::authorize::browser::Browser;

const IN: &str = "select count(*) from auth.group_members";

#[tokio::test]
async fn attributes_follow_the_claims_and_those_of_others_stay() {
    let (idp, server, root) = world(json!({"attributes": {"department": "dept", "level": "acme.level"}})).await;
    let ada = server.person_with("ada", &[]).await;
    linked(&ada, "ada-there").await;
    root.patch(&format!("/users/{}", ada.id), json!({"attributes": {"site": "Lima", "department": "old"}})).await.ok();
    let attributes = async |claims| {
        log_in(&idp, &server, &mut Browser::new(&server), claims).await.ok();
        root.get(&format!("/users/{}", ada.id)).await.ok().body["attributes"].clone()
    };
    let told = attributes(json!({"dept": "sales", "acme": {"level": 3}})).await;
    assert_eq!(told, json!({"department": "sales", "level": 3, "site": "Lima"}));
    let told = attributes(json!({"dept": ["a", "b"]})).await;
    assert_eq!(told, json!({"department": ["a", "b"], "site": "Lima"}));
    let told = attributes(json!({"dept": {"no": "attribute"}, "acme": 7})).await;
    assert_eq!(told, json!({"site": "Lima"}));
    let told = attributes(json!({"dept": "x".repeat(9000)})).await;
    assert_eq!(told, json!({"site": "Lima"}), "what is too large is left out, and they are in all the same");
    let changes = "select count(*) from auth.audit_events where action = 'user.changed' and actor = 'system'
        and after ->> 'provider' = 'acme'";
    assert_eq!(server.number(changes).await, 3);
}

#[tokio::test]
async fn groups_follow_the_claim_and_nobody_is_taken_out_of_one_that_they_were_put_in_here() {
    let (idp, server, root) = world(json!({})).await;
    for name in ["Editors", "Writers"] {
        root.post("/groups", json!({"name": name})).await.ok();
    }
    let groups = json!([
        {"value": "staff", "group_id": "Editors"}, {"value": "staff", "group_id": 2}, {"value": "pens", "group_id": 2},
    ]);
    let changed = root.patch("/providers/acme", json!({"groups_claim": "realm.groups", "groups": groups})).await.ok();
    assert_eq!(changed.body["groups"][0], json!({"value": "pens", "group_id": 2}));
    let ada = server.person_with("ada", &[]).await;
    linked(&ada, "ada-there").await;
    let enter = async |groups| {
        let claims = json!({"realm": {"groups": groups}});
        log_in(&idp, &server, &mut Browser::new(&server), claims).await.ok();
        server.number(IN).await
    };
    assert_eq!(enter(json!(["staff", "others"])).await, 2);
    assert_eq!(enter(json!("pens")).await, 1);
    assert_eq!(enter(json!([])).await, 0);
    root.post("/groups/Editors/members", json!({"person_id": ada.id})).await.ok();
    assert_eq!(enter(json!(["staff"])).await, 2);
    assert_eq!(enter(json!(null)).await, 1, "an administrator has put them into that one");
    let told = "select count(*) from auth.audit_events where action like 'group-member.%' and actor = 'system'
        and coalesce(after, before) ->> 'provider' = 'acme'";
    assert_eq!(server.number(told).await, 6);
    assert_eq!(server.number("select count(*) from auth.audit_events where action = 'group-member.removed'").await, 3);
}

#[tokio::test]
async fn claims_that_the_id_token_lacks_are_asked_for() {
    let (idp, server, root) = world(json!({"attributes": {"department": "dept"}})).await;
    let ada = server.person_with("ada", &[]).await;
    linked(&ada, "ada-there").await;
    idp.describes(json!({"userinfo_endpoint": idp.place.at("/userinfo")}));
    let said = json!({"sub": "ada-there", "dept": "sales", "name": "not what is signed"});
    idp.place.says("/userinfo", crate::support::Said::json(&said));
    log_in(&idp, &server, &mut Browser::new(&server), json!({})).await.ok();
    let told = root.get(&format!("/users/{}", ada.id)).await.ok();
    assert_eq!(told.body["attributes"], json!({"department": "sales"}));
}
