//! What is over is swept up, once, and told.

use portero::access::{grants, groups};
use serde_json::json;
use time::Duration;

use super::{GRANTS, after, group, put};
use crate::support::{Caller, Server};

#[tokio::test]
async fn memberships_nestings_and_roles_of_groups_that_are_over_are_swept_up_and_told() {
    let server = Server::on_the_demo_data().await;
    let other = server.another_instance().await;
    let adm1 = server.demo("adm1").await;
    let (all, team) = (group(&adm1, "All").await, group(&adm1, "Team").await);
    let end = after(&server, 50);
    let grant = |role: &str| json!({"group_id": all, "service_id": 4, "role_id": role});
    adm1.post(GRANTS, grant("Editor")).await.ok();
    let mut brief = grant("Viewer");
    brief["expires_at"] = json!(end);
    adm1.post(GRANTS, brief).await.ok();
    put(&adm1, team, json!({"person_id": 9})).await.ok();
    put(&adm1, all, json!({"group_id": team, "expires_at": end})).await.ok();
    for person in [7, 8] {
        put(&adm1, all, json!({"person_id": person, "expires_at": end})).await.ok();
    }
    let mut four = server.backend(4).await.listen(None).await;
    four.expect("ready").await;
    assert_eq!(groups::sweep(&server.app).await.expect("a sweep"), 0);
    server.app.clock.turn(Duration::seconds(50));
    let sweeps = [&server.app, &other.app].map(portero::app::App::clone).into_iter();
    let swept = Caller::together(sweeps.map(|app| async move { groups::sweep(&app).await })).await;
    let mut swept: usize = swept.into_iter().map(|swept| swept.expect("a sweep")).sum();
    swept += groups::sweep(&server.app).await.expect("a sweep");
    assert_eq!(swept, 3);
    assert_eq!(grants::sweep(&server.app).await.expect("a sweep"), 1);
    assert_eq!(server.number("select count(*) from auth.group_people").await, 1);
    let told =
        "select count(*) from auth.audit_events where actor = 'system' and before ? 'expires_at' and after is null
        and action in ('group-member.expired', 'group-nesting.expired', 'group-grant.expired')";
    assert_eq!(server.number(told).await, 4);
    let mut heard = std::collections::BTreeSet::new();
    while heard.len() < 3 {
        heard.insert(four.expect("grants-changed").await.data["user_id"].as_i64());
    }
}

#[tokio::test]
async fn what_is_over_makes_room_before_it_is_swept_up() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let editors = group(&adm1, "Editors").await;
    put(&adm1, editors, json!({"person_id": 7, "expires_at": after(&server, 50), "reason": "once"})).await.ok();
    server.app.clock.turn(Duration::seconds(50));
    let adm1 = server.demo("adm1").await;
    assert_eq!(adm1.delete("/groups/Editors/people/7").await.ok().body["removed"], false);
    put(&adm1, editors, json!({"person_id": 7})).await.ok();
    let member = adm1.get(&format!("/groups/{editors}/members")).await.ok().body[0].clone();
    assert_eq!((&member["expires_at"], &member["reason"]), (&json!(null), &json!(null)), "as one that is new");
    let told = "select count(*) from auth.audit_events where action = 'group-member.added' and before is not null";
    assert_eq!(server.number(told).await, 1);
}
