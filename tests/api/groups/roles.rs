//! Roles of groups: everybody in them holds them.

use serde_json::{Value, json};
use time::Duration;

use super::{GRANTS, after, group, held, put};
use crate::support::Server;
use crate::support::oauth::{NewAuthorization, NewClient, claims};

#[tokio::test]
async fn whoever_is_in_a_group_holds_what_it_holds_and_what_those_hold_that_it_is_in() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    let (all, team) = (group(&adm1, "All").await, group(&adm1, "Team").await);
    put(&adm1, all, json!({"group_id": team})).await.ok();
    put(&adm1, team, json!({"person_id": 7})).await.ok();
    assert_eq!(held(&juan).await, (json!(["Viewer"]), json!(["read"])));
    let grant = json!({"group_id": "All", "service_id": 4, "role_id": "Editor", "reason": "all edit"});
    adm1.post(GRANTS, grant.clone()).await.ok();
    assert_eq!(held(&juan).await, (json!(["Editor", "Viewer"]), json!(["read", "update"])));
    // The same role in two ways is told once.
    adm1.post(GRANTS, json!({"group_id": team, "service_id": 4, "role_id": "Viewer"})).await.ok();
    assert_eq!(held(&juan).await.0, json!(["Editor", "Viewer"]));

    let me = juan.get("/auth/me").await.ok();
    assert_eq!(me.body["roles"][0]["roles"], json!(["Editor", "Viewer"]));
    let backend = server.backend(4).await;
    assert_eq!(backend.get("/people/juan/services/4").await.ok().body["permissions"], json!(["read", "update"]));
    let roles = adm1.get("/people/juan/services/4/roles").await.ok();
    assert_eq!(roles.column("name"), ["Editor", "Viewer"]);
    let holders = adm1.get("/services/4/roles/3/people").await.ok();
    assert!(holders.column("username").contains(&json!("juan")), "{holders:?}");
    let listed = adm1.get(&format!("/groups/{all}/roles")).await.ok().body;
    assert_eq!((&listed[0]["role"]["name"], &listed[0]["service"]["id"]), (&json!("Editor"), &json!(4)));
    assert_eq!((&listed[0]["reason"], &listed[0]["granted_by"]["username"]), (&json!("all edit"), &json!("adm1")));

    let taken = adm1.delete_with(GRANTS, json!({"group_id": all, "service_id": 4, "role_id": "Editor"})).await.ok();
    assert_eq!(taken.body["revoked"], true);
    assert_eq!(held(&juan).await.0, json!(["Viewer"]));
    let gone = adm1.delete(&format!("/groups/{all}/services/4/roles/Editor")).await.ok();
    assert_eq!(gone.body["revoked"], false);
    adm1.post(GRANTS, grant).await.ok();
    adm1.delete(&format!("/groups/{team}")).await.ok();
    assert_eq!(held(&juan).await, (json!(["Viewer"]), json!(["read"])));
}

#[tokio::test]
async fn what_is_held_by_a_group_ends_with_the_first_end_on_the_way() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let ends = [(Some(30), None, None), (None, Some(30), None), (None, None, Some(30)), (Some(90), Some(60), Some(30))];
    for (n, (member, nesting, grant)) in ends.into_iter().enumerate() {
        let (all, team) = (group(&adm1, &format!("All{n}")).await, group(&adm1, &format!("Team{n}")).await);
        let now = after(&server, 0);
        let end = |seconds: Option<i64>| seconds.map(|seconds| now + seconds);
        put(&adm1, team, json!({"person_id": 7, "expires_at": end(member)})).await.ok();
        put(&adm1, all, json!({"group_id": team, "expires_at": end(nesting)})).await.ok();
        let editor = json!({"group_id": all, "service_id": 4, "role_id": "Editor", "expires_at": end(grant)});
        adm1.post(GRANTS, editor).await.ok();
        let juan = server.demo("juan").await;
        let check = juan.post("/check-token", json!({"service_id": 4})).await.ok();
        assert_eq!(check.body["roles"], json!(["Editor", "Viewer"]));
        assert_eq!(check.body["valid_until"], now + 30, "{n}");
        server.app.clock.turn(Duration::seconds(30));
        assert_eq!(held(&juan).await.0, json!(["Viewer"]), "{n}");
        server.app.clock.turn(Duration::seconds(100));
    }
}

#[tokio::test]
async fn a_review_shows_roles_of_groups_after_those_of_people() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let editors = group(&adm1, "Editors").await;
    adm1.post(GRANTS, json!({"group_id": editors, "service_id": 4, "role_id": "Viewer"})).await.ok();
    let review = "/services/4/access-review?role=Viewer";
    let rows = adm1.get(review).await.ok().body;
    let last = rows.as_array().and_then(|rows| rows.last()).expect("a row");
    assert_eq!((&last["group"]["name"], last.get("person")), (&json!("Editors"), None));
    // Page by page the same.
    let (mut next, mut paged) = (Some(format!("{review}&limit=1&count=true")), Vec::new());
    while let Some(path) = next {
        let page = adm1.get(&path).await.ok();
        assert_eq!(page.header("x-total-count"), "4");
        paged.extend(page.body.as_array().cloned().unwrap_or_default());
        next = page.next();
    }
    assert_eq!(json!(paged), rows);
    assert_eq!(adm1.get(&format!("{review}&q=edi")).await.ok().body.as_array().map(Vec::len), Some(1));

    let decide = async |decisions| adm1.post("/services/4/access-review", decisions).await;
    let of_group = json!({"group_id": editors, "role_id": 4});
    let confirmed = decide(json!({"confirm": [of_group]})).await.ok();
    assert_eq!(confirmed.body["confirmed_grants"], json!([of_group]));
    assert!(adm1.get(&format!("{review}&q=edi")).await.ok().body[0]["confirmed_at"].is_string());
    for bad in [
        json!({"group_id": editors, "permission_id": 5}),
        json!({"group_id": editors, "person_id": 7, "role_id": 4}),
        json!({"role_id": 4}),
    ] {
        assert_eq!(decide(json!({"revoke": [bad]})).await.refusal(), (400, "invalid_request_body"), "{bad}");
    }
    let unheld = json!({"confirm": [{"group_id": editors, "role_id": 1}]});
    assert_eq!(decide(unheld).await.refusal(), (404, "grant_not_found"));
    let revoked = decide(json!({"revoke": [of_group, {"person_id": 14, "role_id": 4}]})).await.ok();
    assert_eq!(revoked.body["revoked"], 2);
    assert_eq!(decide(json!({"revoke": [of_group]})).await.ok().body["revoked"], 0);
}

#[tokio::test]
async fn what_a_role_of_a_group_needs_is_named() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let editors = group(&adm1, "Editors").await;
    let share = json!({"person_id": 7, "service_id": 4, "permission_id": 5});
    let direct = adm1.post("/person-service-permissions", share).await.ok().body["role_id"].clone();
    for (service, role, refusal) in [
        (json!(0), json!("Administrator"), (409, "administrator_of_people")),
        (json!(4), direct, (409, "direct_role")),
        (json!(4), json!("None"), (400, "invalid_role_id")),
        (json!(999), json!(1), (404, "service_not_found")),
    ] {
        let grant = json!({"group_id": editors, "service_id": service, "role_id": role});
        assert_eq!(adm1.post(GRANTS, grant.clone()).await.refusal(), refusal, "{grant}");
    }
    // Of a service alone it may be an administrator.
    adm1.post(GRANTS, json!({"group_id": editors, "service_id": 4, "role_id": "Administrator"})).await.ok();
    let nobody = json!({"group_id": 999, "service_id": 4, "role_id": 1});
    assert_eq!(adm1.post(GRANTS, nobody).await.refusal(), (404, "group_not_found"));
    let by_hand = "insert into auth.group_service_role (group_id, service_id, role_id) values (1, 0, 0)";
    assert!(sqlx::raw_sql(by_hand).execute(server.app.db.pool()).await.is_err(), "nor by hand");
}

#[tokio::test]
async fn a_token_tells_of_the_groups_by_which_roles_are_held_where_its_scope_asks_for_them() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for (name, service) in [("Shopkeepers", 4), ("Till", 1), ("Idle", 0)] {
        let group = adm1.post("/groups", json!({"name": name})).await.ok().id();
        adm1.post(&format!("/groups/{group}/members"), json!({"person_id": 7})).await.ok();
        if service > 0 {
            let role = json!({"group_id": group, "service_id": service, "role_id": 4});
            adm1.post("/group-service-roles", role).await.ok();
        }
    }
    let told = async |scopes: &[&str]| {
        let client_id = format!("app{}", scopes.len());
        let client = server.client(NewClient { client_id: &client_id, scopes, ..NewClient::default() }).await;
        let new = NewAuthorization { scopes, ..NewAuthorization::default() };
        let token = client.redeem(&server.authorize(&client, 7, new).await).await.ok();
        claims(token.body["access_token"].as_str().expect("a token"))["groups"].clone()
    };
    assert_eq!(told(&["openid", "groups"]).await, json!({"UI Store": ["Shopkeepers"]}), "of its audience alone");
    assert_eq!(told(&["openid", "roles", "permissions"]).await, Value::Null, "nobody asked");
    let narrow = told(&["openid", "roles", "groups", "UI Store:read"]).await;
    assert_eq!(narrow, Value::Null, "a part of a role is not that role");
}
