//! In which services people hold something by groups, as it is held flattened for checks.

use serde_json::json;

use super::{GRANTS, group, held, put};
use crate::model::Dice;
use crate::support::{Caller, Server};

/// Ways by groups that a check would not find.
const MISSING: &str = "
    select count(*)
    from auth.group_people inside
    join auth.group_service_role given using (group_id)
    left join auth.group_people_services through using (person_id, service_id, group_id)
    where through.person_id is null";

/// Rows that lead to nothing.
const SURPLUS: &str = "
    select count(*)
    from auth.group_people_services through
    where not exists (
        select
        from auth.group_people inside
        join auth.group_service_role given using (group_id)
        where inside.person_id = through.person_id
          and inside.group_id = through.group_id
          and given.service_id = through.service_id
    )";

#[tokio::test]
async fn many_who_join_nest_and_give_roles_at_once_leave_no_way_out() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "6")]).await;
    let root = server.administrator().await;
    for n in 0..5 {
        group(&root, &format!("g{n}")).await;
        server.person_with(&format!("p{n}"), &[]).await;
    }
    for n in 1..=2 {
        let service = root.post("/services", json!({"name": format!("s{n}")})).await.id();
        let role = root.post("/roles", json!({"name": format!("r{n}")})).await.id();
        root.post("/service-roles", json!({"service_id": service, "role_id": role})).await.ok();
    }
    for round in 0..16 {
        let requests = (0..12_u64).map(|n| {
            let root = root.clone();
            let mut dice = Dice(7000 + round * 100 + n);
            async move {
                let mut any = |most: usize| 1 + i64::try_from(dice.throw(most)).expect("a number");
                let (outer, inner, service, kind) = (any(5), any(5), any(2), any(9));
                let members = format!("/groups/{outer}/members");
                let grant = json!({"group_id": outer, "service_id": service, "role_id": format!("r{service}")});
                match kind {
                    1..=3 => root.post(&members, json!({"person_id": inner})).await,
                    4 => root.delete_with(&members, json!({"person_id": inner})).await,
                    5 => root.post(&members, json!({"group_id": inner})).await,
                    6 => root.delete_with(&members, json!({"group_id": inner})).await,
                    7 | 8 => root.post(GRANTS, grant).await,
                    _ => root.delete_with(GRANTS, grant).await,
                }
            }
        });
        for answer in Caller::together(requests).await {
            let why = || server.log.lines(" WARN ").join("\n");
            assert!([(200, ""), (409, "group_circle")].contains(&answer.refusal()), "{answer:?}\n{}", why());
        }
        assert_eq!(server.number(MISSING).await, 0, "round {round}");
    }
}

#[tokio::test]
async fn a_role_that_is_taken_leaves_rows_that_give_nothing_and_go_when_the_group_is_next_given_one() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    let team = group(&adm1, "Team").await;
    put(&adm1, team, json!({"person_id": "juan"})).await.ok();
    let editor = json!({"group_id": team, "service_id": 4, "role_id": "Editor"});
    adm1.post(GRANTS, editor.clone()).await.ok();
    assert_eq!(held(&juan).await.0, json!(["Editor", "Viewer"]));
    adm1.delete_with(GRANTS, editor.clone()).await.ok();
    assert_eq!((held(&juan).await.0, server.number(SURPLUS).await), (json!(["Viewer"]), 1));
    // Into another service, and back.
    adm1.post(GRANTS, json!({"group_id": team, "service_id": 1, "role_id": "Editor"})).await.ok();
    assert_eq!((server.number(SURPLUS).await, server.number(MISSING).await), (0, 0));
    adm1.post(GRANTS, editor).await.ok();
    assert_eq!(held(&juan).await.0, json!(["Editor", "Viewer"]));
    // Whoever leaves, and a group that goes, take theirs along.
    adm1.delete_with(&format!("/groups/{team}/members"), json!({"person_id": "juan"})).await.ok();
    assert_eq!(server.number("select count(*) from auth.group_people_services").await, 0);
    put(&adm1, team, json!({"person_id": "juan"})).await.ok();
    assert_eq!(server.number("select count(*) from auth.group_people_services").await, 2);
    adm1.delete(&format!("/groups/{team}")).await.ok();
    assert_eq!(server.number("select count(*) from auth.group_people_services").await, 0);
}

#[tokio::test]
async fn whatever_is_written_by_hand_no_way_is_missing() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    let team = group(&adm1, "Team").await;
    put(&adm1, team, json!({"person_id": "juan"})).await.ok();
    adm1.post(GRANTS, json!({"group_id": team, "service_id": 1, "role_id": "Editor"})).await.ok();
    server.execute("update auth.group_service_role set service_id = 4").await;
    assert_eq!(held(&juan).await.0, json!(["Editor", "Viewer"]));
    server.execute("truncate auth.group_people_services").await;
    assert_eq!(held(&juan).await.0, json!(["Editor", "Viewer"]), "it is written anew");
    let refused = sqlx::raw_sql("delete from auth.group_people_services").execute(server.app.db.pool()).await;
    assert!(refused.expect_err("a refusal").to_string().contains("auth.group_service_role"));
}
