//! Backends hear of whoever holds more or less in their service by a group.

use serde_json::{Value, json};

use super::{GRANTS, group, put};
use crate::support::{Server, Stream};

async fn hears_of(stream: &mut Stream, people: &[Option<i64>]) {
    let mut heard = Vec::new();
    for _ in people {
        heard.push(stream.expect("grants-changed").await.data.get("user_id").and_then(Value::as_i64));
    }
    heard.sort_unstable();
    assert_eq!(heard, people);
}

#[tokio::test]
async fn each_person_concerned_is_told_in_the_services_concerned() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let (all, team) = (group(&adm1, "All").await, group(&adm1, "Team").await);
    let mut four = server.backend(4).await.listen(None).await;
    let mut one = server.backend(1).await.listen(None).await;
    four.expect("ready").await;
    one.expect("ready").await;
    put(&adm1, team, json!({"person_id": 7})).await.ok();
    put(&adm1, team, json!({"person_id": 8})).await.ok();
    let grant = json!({"group_id": all, "service_id": 4, "role_id": "Editor"});
    adm1.post(GRANTS, grant.clone()).await.ok();
    four.silence().await;
    put(&adm1, all, json!({"group_id": team})).await.ok();
    hears_of(&mut four, &[Some(7), Some(8)]).await;
    put(&adm1, team, json!({"person_id": 9})).await.ok();
    hears_of(&mut four, &[Some(9)]).await;
    let mut end = grant.clone();
    end["expires_at"] = json!(super::after(&server, 600));
    adm1.post(GRANTS, end).await.ok();
    hears_of(&mut four, &[Some(7), Some(8), Some(9)]).await;
    adm1.post(GRANTS, json!({"group_id": all, "service_id": 4, "role_id": "Editor", "reason": "another"})).await.ok();
    four.silence().await;
    adm1.patch("/roles/3", json!({"name": "Author"})).await.ok();
    four.expect("grants-changed").await;
    adm1.delete(&format!("/groups/{team}/people/9")).await.ok();
    hears_of(&mut four, &[Some(9)]).await;
    adm1.delete(&format!("/groups/{team}")).await.ok();
    hears_of(&mut four, &[Some(7), Some(8)]).await;
    four.silence().await;
}

#[tokio::test]
async fn many_at_once_are_told_as_everybody_there() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let (all, crowd) = (group(&adm1, "All").await, group(&adm1, "Crowd").await);
    server
        .execute(
            "insert into auth.person (id, username, name) select 10000 + n, 'crowd' || n, 'Crowd' from generate_series(1, 150) n;
             insert into auth.group_members (group_id, person_id) select 2, id from auth.person where id > 10000;",
        )
        .await;
    assert_eq!(crowd, 2);
    let mut four = server.backend(4).await.listen(None).await;
    four.expect("ready").await;
    adm1.post(GRANTS, json!({"group_id": all, "service_id": 4, "role_id": "Editor"})).await.ok();
    put(&adm1, all, json!({"group_id": crowd})).await.ok();
    hears_of(&mut four, &[None]).await;
    adm1.post(GRANTS, json!({"group_id": crowd, "service_id": 4, "role_id": "Viewer"})).await.ok();
    hears_of(&mut four, &[None]).await;
    four.silence().await;
}

#[tokio::test]
async fn a_group_that_holds_roles_on_resources_alone_is_told_of_as_well() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let (all, team) = (group(&adm1, "All").await, group(&adm1, "Team").await);
    let backend = server.backend(4).await;
    backend.put("/services/4/resources/folder/7", json!({})).await.ok();
    let on = json!({"service_id": 4, "type": "folder", "id": "7", "role_id": "Editor", "group_id": "All"});
    adm1.post("/resource-roles", on).await.ok();
    let mut four = backend.listen(None).await;
    let mut one = server.backend(1).await.listen(None).await;
    four.expect("ready").await;
    one.expect("ready").await;
    put(&adm1, all, json!({"person_id": "juan"})).await.ok();
    hears_of(&mut four, &[Some(7)]).await;
    put(&adm1, team, json!({"person_id": 8})).await.ok();
    put(&adm1, all, json!({"group_id": team})).await.ok();
    hears_of(&mut four, &[Some(8)]).await;
    adm1.delete(&format!("/groups/{all}/people/juan")).await.ok();
    hears_of(&mut four, &[Some(7)]).await;
    adm1.delete(&format!("/groups/{all}")).await.ok();
    // With the group goes what it held.
    assert_eq!(four.expect("grants-changed").await.data["user_id"], 8);
    one.silence().await;
}
