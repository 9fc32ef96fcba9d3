//! Making groups, and who is in them.

use serde_json::json;
use time::Duration;

use super::{after, group, put};
use crate::support::Server;

#[tokio::test]
async fn a_group_is_made_once_and_changed_and_deleted() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let new = json!({"name": "Editors", "description": "Whoever edits"});
    let made = adm1.post("/groups", new.clone()).await;
    assert_eq!(made.status, 201);
    assert_eq!(adm1.post("/groups", new).await.status, 200, "twice is safe");
    let other = json!({"name": "Editors", "description": "Others"});
    assert_eq!(adm1.post("/groups", other).await.refusal(), (409, "group_exists"));
    assert_eq!(adm1.post("/groups", json!({"name": "EDITORS"})).await.refusal(), (409, "group_exists"));
    for bad in ["", "12", "a;b", " a"] {
        assert_eq!(adm1.post("/groups", json!({"name": bad})).await.refusal(), (400, "invalid_request_body"), "{bad}");
    }
    let path = format!("/groups/{}", made.id());
    let changed = adm1.patch(&path, json!({"name": "Authors", "description": null})).await.ok();
    assert_eq!(changed.body, json!({"id": made.id(), "name": "Authors", "description": null}));
    group(&adm1, "Editors").await;
    assert_eq!(adm1.patch(&path, json!({"name": "editors"})).await.refusal(), (409, "group_exists"));
    adm1.delete(&path).await.ok();
    assert_eq!(adm1.get(&path).await.refusal(), (404, "group_not_found"));
    assert_eq!(adm1.delete(&path).await.refusal(), (404, "group_not_found"));
    let told =
        "select count(*) from auth.audit_events where action in ('group.created', 'group.changed', 'group.deleted')";
    assert_eq!(server.number(told).await, 4);
}

#[tokio::test]
async fn people_and_groups_are_in_a_group_to_any_depth() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let (all, team, pair) = (group(&adm1, "All").await, group(&adm1, "Team").await, group(&adm1, "Pair").await);
    put(&adm1, all, json!({"group_id": "Team"})).await.ok();
    put(&adm1, team, json!({"group_id": pair, "reason": "they are two"})).await.ok();
    put(&adm1, pair, json!({"person_id": "juan"})).await.ok();
    put(&adm1, pair, json!({"person_id": 8})).await.ok();
    put(&adm1, all, json!({"person_id": "juan", "expires_at": after(&server, 60)})).await.ok();

    let members = adm1.get(&format!("/groups/{all}/members")).await.ok().body;
    assert_eq!(members[0]["group"]["name"], "Team", "groups come first");
    assert_eq!(members[1]["person"]["username"], "juan");
    assert!(members[1]["expires_at"].is_string() && members[1]["added_by"]["username"] == "adm1");
    let first = adm1.get(&format!("/groups/{all}/members?limit=1")).await.ok();
    let second = adm1.get(&first.next().expect("another page")).await.ok();
    assert_eq!(second.body, json!([members[1]]));

    let deep = adm1.get(&format!("/groups/{all}/members?deep=true&limit=1")).await.ok();
    assert_eq!(deep.body[0]["person"]["username"], "juan");
    assert_eq!(
        (&deep.body[0]["direct"], &deep.body[0]["expires_at"]),
        (&json!(true), &json!(null)),
        "by the team for good"
    );
    let deep = adm1.get(&deep.next().expect("another page")).await.ok();
    assert_eq!((&deep.body[0]["person"]["id"], &deep.body[0]["direct"]), (&json!(8), &json!(false)));
    assert_eq!(adm1.get(&format!("/groups/{all}/members?deep=maybe")).await.refusal(), (400, "invalid_query"));

    let juan = server.demo("juan").await;
    let groups = juan.get("/users/7/groups").await.ok();
    assert_eq!(groups.column("name"), ["All", "Team", "Pair"]);
    assert_eq!(groups.column("direct"), [true, false, true]);
    assert_eq!(juan.get("/users/8/groups").await.status, 403, "of others it needs grants:read");

    // Over in that very second.
    server.app.clock.turn(Duration::seconds(61));
    let adm1 = server.demo("adm1").await;
    let members = adm1.get(&format!("/groups/{all}/members")).await.ok();
    assert_eq!(members.body.as_array().map(Vec::len), Some(1));
    adm1.delete_with(&format!("/groups/{all}/members"), json!({"group_id": team})).await.ok();
    assert_eq!(adm1.get("/users/7/groups").await.ok().column("name"), ["Team", "Pair"]);
    adm1.delete("/users/7").await.ok();
    assert_eq!(adm1.get(&format!("/groups/{pair}/members")).await.ok().column("direct"), [true]);
}

#[tokio::test]
async fn a_circle_is_refused_by_the_names_of_its_groups() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let (a, b, c) = (group(&adm1, "A").await, group(&adm1, "B").await, group(&adm1, "C").await);
    put(&adm1, a, json!({"group_id": b})).await.ok();
    put(&adm1, b, json!({"group_id": c, "expires_at": after(&server, 60)})).await.ok();
    let circle = put(&adm1, c, json!({"group_id": a})).await;
    assert_eq!(circle.refusal(), (409, "group_circle"));
    assert_eq!(circle.body["circle"], json!(["C", "B", "A", "C"]));
    assert!(circle.detail().contains("`C` in `B` in `A` in `C`"), "{}", circle.detail());
    assert_eq!(put(&adm1, a, json!({"group_id": a})).await.body["circle"], json!(["A", "A"]));
    // What is over closes none, swept up or not.
    server.app.clock.turn(Duration::seconds(61));
    let adm1 = server.demo("adm1").await;
    put(&adm1, c, json!({"group_id": a})).await.ok();
}

#[tokio::test]
async fn what_is_named_wrongly_is_named_in_the_answer() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let editors = group(&adm1, "Editors").await;
    for (member, refusal) in [
        (json!({}), (400, "invalid_request_body")),
        (json!({"person_id": 7, "group_id": 1}), (400, "invalid_request_body")),
        (json!({"person_id": "nobody"}), (400, "invalid_user_id")),
        (json!({"person_id": 999}), (404, "person_not_found")),
        (json!({"group_id": "None"}), (400, "invalid_group_id")),
        (json!({"group_id": 999}), (404, "group_not_found")),
        (json!({"person_id": 7, "expires_at": 1}), (400, "invalid_request_body")),
        (json!({"person_id": 7, "reason": "a\nb"}), (400, "invalid_request_body")),
    ] {
        assert_eq!(put(&adm1, editors, member.clone()).await.refusal(), refusal, "{member}");
    }
    assert_eq!(put(&adm1, 999, json!({"person_id": 7})).await.refusal(), (404, "group_not_found"));
    let client = json!({"client_name": "Job", "service_id": 4, "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "client_secret_basic"});
    adm1.post("/clients", client).await.ok();
    let subject = server.number("select id::bigint from auth.person where client_id is not null").await;
    assert_eq!(put(&adm1, editors, json!({"person_id": subject})).await.refusal(), (409, "client_in_group"));
}

#[tokio::test]
async fn a_member_is_taken_out_by_path_and_twice_is_safe() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let (outer, inner) = (group(&adm1, "Outer").await, group(&adm1, "Inner").await);
    put(&adm1, outer, json!({"group_id": inner})).await.ok();
    put(&adm1, outer, json!({"person_id": 7})).await.ok();
    put(&adm1, outer, json!({"person_id": 7, "reason": "because"})).await.ok();
    for path in ["/groups/Outer/people/juan", "/groups/Outer/groups/Inner"] {
        assert_eq!(adm1.delete(path).await.ok().body["removed"], true, "{path}");
        assert_eq!(adm1.delete(path).await.ok().body["removed"], false, "{path}");
    }
    assert_eq!(adm1.delete("/groups/Outer/people/nobody").await.refusal(), (404, "person_not_found"));
    let told = "select count(*) from auth.audit_events where action like 'group-%'";
    assert_eq!(server.number(told).await, 5);
}

#[tokio::test]
async fn paths_take_a_group_by_its_name_or_by_its_id() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let id = group(&adm1, "Night shift").await;
    put(&adm1, id, json!({"person_id": "juan"})).await.ok();
    adm1.post("/group-service-roles", json!({"group_id": id, "service_id": 4, "role_id": "Editor"})).await.ok();
    for more in ["", "/members", "/members?deep=true", "/roles"] {
        let by_name = adm1.get(&format!("/groups/Night%20shift{more}")).await.ok();
        assert_eq!(by_name.body, adm1.get(&format!("/groups/{id}{more}")).await.ok().body, "{more}");
        let nobody = adm1.get(&format!("/groups/Nobody{more}")).await;
        assert_eq!(nobody.refusal(), (400, "invalid_group_id"), "{more}");
        assert_eq!(adm1.get(&format!("/groups/999{more}")).await.refusal(), (404, "group_not_found"), "{more}");
    }
    put(&adm1, id, json!({"person_id": 8})).await.ok();
    let first = adm1.get("/groups/Night%20shift/members?limit=1").await.ok();
    assert_eq!(adm1.get(&first.next().expect("another page")).await.ok().body[0]["person"]["id"], 8);
    let changed = adm1.patch("/groups/Night%20shift", json!({"name": "Late shift"})).await.ok();
    assert_eq!((changed.id(), &changed.body["name"]), (id, &json!("Late shift")));
    assert_eq!(adm1.delete("/groups/Night%20shift").await.refusal(), (400, "invalid_group_id"));
    assert_eq!(adm1.delete("/groups/Late%20shift").await.ok().body["group_id"], id);
    assert_eq!(adm1.get(&format!("/groups/{id}")).await.refusal(), (404, "group_not_found"));
}
