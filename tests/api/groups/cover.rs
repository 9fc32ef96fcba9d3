//! Nobody gives by a group what they don't hold, nor for longer; and what others have chosen for those who gain is told.

use serde_json::json;
use time::Duration;

use super::{GRANTS, after, group, put};
use crate::support::{Caller, Server};

/// Somebody who may hand out everywhere, and nothing else.
async fn giver(server: &Server) -> Caller {
    server
        .execute(
            "insert into auth.role (id, name) values (9001, 'Giver');
             insert into auth.role_permission (role_id, permission_id) values (9001, -8), (9001, -9);
             insert into auth.service_roles (service_id, role_id) values (0, 9001);",
        )
        .await;
    server.person_with("giver", &[(0, 9001)]).await
}

const FORBIDDEN: (u16, &str) = (403, "insufficient_permissions");

#[tokio::test]
async fn nobody_puts_anybody_into_a_group_that_holds_more_than_they_do() {
    let server = Server::on_the_demo_data().await;
    let (adm1, giver) = (server.demo("adm1").await, giver(&server).await);
    let (writers, inner) = (group(&adm1, "Writers").await, group(&adm1, "Inner").await);
    let writer = json!({"group_id": writers, "service_id": 0, "role_id": "Writer"});
    assert_eq!(giver.post(GRANTS, writer.clone()).await.refusal(), FORBIDDEN);
    adm1.post(GRANTS, writer.clone()).await.ok();
    put(&adm1, writers, json!({"group_id": inner})).await.ok();
    put(&adm1, writers, json!({"person_id": 8})).await.ok();

    let path = |group: i64| format!("/groups/{group}");
    for refused in [
        put(&giver, writers, json!({"person_id": 7})).await,
        put(&giver, inner, json!({"person_id": giver.id})).await,
        put(&giver, inner, json!({"group_id": group(&giver, "Own").await})).await,
        giver.delete("/groups/Writers/people/8").await,
        giver.delete("/groups/Writers/groups/Inner").await,
        giver.patch(&path(inner), json!({"name": "Other"})).await,
        giver.delete(&path(inner)).await,
        giver.delete_with(GRANTS, writer).await,
    ] {
        assert_eq!(refused.refusal(), FORBIDDEN, "{refused:?}");
        assert!(refused.detail().contains("users:write") || refused.detail().contains("users:read"), "{refused:?}");
    }
    // A backend's own they may hand out everywhere, by a group, too.
    let editors = group(&giver, "Editors").await;
    giver.post(GRANTS, json!({"group_id": editors, "service_id": 4, "role_id": "Editor"})).await.ok();
    put(&giver, editors, json!({"person_id": 7})).await.ok();
    giver.delete(&path(editors)).await.ok();
}

#[tokio::test]
async fn nobody_lets_it_last_longer_than_they_hold_it() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let readers = group(&adm1, "Readers").await;
    adm1.post(GRANTS, json!({"group_id": readers, "service_id": 0, "role_id": "Writer"})).await.ok();
    // A Writer by that group, for an hour.
    let end = after(&server, 3600);
    put(&adm1, readers, json!({"person_id": 8, "expires_at": end})).await.ok();
    let adm2 = server.demo("adm2").await;
    assert_eq!(put(&adm2, readers, json!({"person_id": 9})).await.refusal(), FORBIDDEN);
    assert_eq!(put(&adm2, readers, json!({"person_id": 9, "expires_at": end + 1})).await.refusal(), FORBIDDEN);
    put(&adm2, readers, json!({"person_id": 9, "expires_at": end})).await.ok();
    put(&adm1, readers, json!({"person_id": 10})).await.ok();
    assert_eq!(adm2.delete("/groups/Readers/people/10").await.refusal(), FORBIDDEN, "who holds it for longer");
    adm2.delete("/groups/Readers/people/9").await.ok();
    let writer = json!({"person_id": 9, "service_id": 0, "role_id": "Writer"});
    assert_eq!(adm2.post("/person-service-roles", writer).await.refusal(), FORBIDDEN, "nor themselves");
    server.app.clock.turn(Duration::seconds(3600));
    let adm2 = server.demo("adm2").await;
    assert_eq!(put(&adm2, readers, json!({"person_id": 9})).await.status, 403, "and then nothing");
}

#[tokio::test]
async fn whoever_decides_in_one_service_gives_to_groups_there_and_sees_no_others() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let editors = group(&adm1, "Editors").await;
    let keeper = server.person_with("keeper", &[(4, -1)]).await;
    assert_eq!(keeper.get("/groups").await.status, 403);
    assert_eq!(keeper.post("/groups", json!({"name": "Own"})).await.status, 403);
    assert_eq!(put(&keeper, editors, json!({"person_id": 7})).await.status, 403);
    let grant =
        |group: serde_json::Value, service: i32| json!({"group_id": group, "service_id": service, "role_id": 3});
    assert_eq!(keeper.post(GRANTS, grant(json!(editors), 1)).await.status, 403, "not elsewhere");
    assert_eq!(keeper.post(GRANTS, grant(json!(editors), 4)).await.refusal(), (404, "group_not_found"), "by number");
    keeper.post(GRANTS, grant(json!("Editors"), 4)).await.ok();
    keeper.post(GRANTS, grant(json!(editors), 4)).await.ok();
    keeper.delete_with(GRANTS, grant(json!(editors), 4)).await.ok();
}

#[tokio::test]
async fn nothing_of_porteros_comes_by_a_group_to_whose_password_another_knows() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let giver = giver(&server).await;
    let set = format!(
        "update auth.person set password_set_by = {}, email = 'j@example.com', email_verified_at = now() where id = 7",
        giver.id
    );
    sqlx::query(sqlx::AssertSqlSafe(set)).execute(server.app.db.pool()).await.expect("an update");
    let (writers, inner) = (group(&adm1, "Writers").await, group(&adm1, "Inner").await);
    put(&adm1, inner, json!({"person_id": 7})).await.ok();
    let writer = json!({"group_id": writers, "service_id": 0, "role_id": "Writer"});
    adm1.post(GRANTS, writer.clone()).await.ok();
    for refused in [
        put(&adm1, writers, json!({"person_id": 7})).await,
        put(&adm1, writers, json!({"group_id": inner})).await,
        adm1.post(GRANTS, json!({"group_id": inner, "service_id": 0, "role_id": "Writer"})).await,
    ] {
        assert_eq!(refused.refusal(), (409, "password_set_by_another"), "{refused:?}");
        assert!(refused.detail().contains("juan's password was set by `giver`"), "{refused:?}");
    }
    // Of a backend's own it is told: the giver may hand out everywhere, so nothing is.
    let editor = json!({"group_id": inner, "service_id": 4, "role_id": "Editor"});
    assert_eq!(adm1.post(GRANTS, editor.clone()).await.ok().body, json!({"status": "success"}));
    server.execute("delete from auth.person_service_role where role_id = 9001").await;
    let told = adm1.post(GRANTS, editor).await.ok();
    assert_eq!(told.body["notices"][0]["code"], "password_set_by_another");
    assert!(told.body["notices"][0]["detail"].as_str().is_some_and(|detail| detail.contains("`juan`")), "{told:?}");
}

#[tokio::test]
async fn a_doubtful_address_gets_no_password_once_something_of_porteros_is_held_by_a_group() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    server.execute("update auth.person set email = 'j@example.com' where id = 7").await;
    let writers = group(&adm1, "Writers").await;
    adm1.post(GRANTS, json!({"group_id": writers, "service_id": 0, "role_id": "Reader"})).await.ok();
    let told = put(&adm1, writers, json!({"person_id": 7})).await.ok();
    assert_eq!(told.body["notices"][0]["code"], "email_unproved");
    let mut conn = server.app.db.pool().acquire().await.expect("a connection");
    let person = portero::base::id::PersonId(7);
    assert!(!portero::identity::mail::store::may_reset(&mut conn, person).await.expect("an answer"));
    adm1.delete("/groups/Writers/people/7").await.ok();
    assert!(portero::identity::mail::store::may_reset(&mut conn, person).await.expect("an answer"));
}
