//! Whoever holds a role on a resource holds something: nobody takes that over, or makes it mean more, who could not give it themselves.

use serde_json::{Value, json};
use time::Duration;

use super::roles::{ROLES, on};
use super::{put, put_in, shop};
use crate::escalation::holder_of;
use crate::policies::{EDITOR, FORBIDDEN, SHOP};
use crate::support::{Caller, PASSWORD_HASH, Response, Server};

const SET_BY_ANOTHER: (u16, &str) = (409, "password_set_by_another");

/// How each change of a person by which one could become them is answered.
async fn becomes(by: &Caller, target: &Caller) -> [u16; 4] {
    let mut answers = [0; 4];
    let changes = [
        json!({"password": "a passphrase of mine"}),
        json!({"password_hash": PASSWORD_HASH.as_str()}),
        json!({"email": format!("{}@evil.example", target.username)}),
        json!({"username": format!("not-{}", target.username)}),
    ];
    for (answer, change) in answers.iter_mut().zip(changes) {
        *answer = by.patch(&format!("/users/{}", target.id), change).await.status;
    }
    answers
}

const MAY: [u16; 4] = [200; 4];
const MAY_NOT: [u16; 4] = [403; 4];

/// Somebody of that name, who holds Editor on a resource of Shop until then.
async fn editor_on(server: &Server, root: &Caller, name: &str, place: &str, end: Value) -> Caller {
    let person = server.person_with(name, &[]).await;
    root.post(ROLES, on(place, json!({"person_id": person.id, "expires_at": end}))).await.ok();
    person
}

#[tokio::test]
async fn a_help_desk_becomes_nobody_who_holds_a_role_on_a_resource() {
    let (server, root, shop) = shop().await;
    put(&shop, "folder/1", json!({})).await.ok();
    let desk = holder_of(&server, &root, "Desk", &["users:read", "users:write"]).await;
    let direct = editor_on(&server, &root, "direct", "folder/1", Value::Null).await;
    let (member, nested) = (server.person_with("member", &[]).await, server.person_with("nested", &[]).await);
    for (group, person) in [("Team", &member), ("Inner", &nested)] {
        root.post("/groups", json!({"name": group})).await.ok();
        root.post(&format!("/groups/{group}/members"), json!({"person_id": person.id})).await.ok();
    }
    root.post("/groups/Team/members", json!({"group_id": "Inner"})).await.ok();
    root.post(ROLES, on("folder/1", json!({"group_id": "Team"}))).await.ok();
    for held in [&direct, &member, &nested] {
        assert_eq!(becomes(&desk, held).await, MAY_NOT, "{}", held.username);
        desk.patch(&format!("/users/{}", held.id), json!({"name": "Another Name"})).await.ok();
    }
    let refused = desk.patch(&format!("/users/{}", direct.id), json!({"password": "a passphrase of mine"})).await;
    assert!(refused.detail().contains("`read` in `Shop`") && refused.detail().contains("send-reset"), "{refused:?}");
    let nobody = server.person_with("nobody", &[]).await;
    assert_eq!(becomes(&desk, &nobody).await, MAY);
    root.delete("/groups/1").await.ok();
    assert_eq!(becomes(&desk, &nested).await, MAY, "who holds nothing any more");
}

#[tokio::test]
async fn who_could_give_it_to_themselves_or_holds_it_there_may_set_a_password() {
    let (server, root, shop) = shop().await;
    for folder in ["folder/1", "folder/9"] {
        put(&shop, folder, json!({})).await.ok();
    }
    put_in(&shop, "doc/2", "1").await;
    holder_of(&server, &root, "Desk", &["users:read", "users:write"]).await;
    let desk = server.number("select id::bigint from auth.role where name = 'Desk'").await;
    let desk = i32::try_from(desk).expect("an id");
    let day = json!((server.app.clock.now() + Duration::days(1)).unix_timestamp());
    let of_desk = async |name: &str, more: &[(i32, i32)], place: Option<&str>, end: &Value| {
        let held: Vec<_> = [(0, desk)].iter().chain(more).copied().collect();
        let person = server.person_with(name, &held).await;
        if let Some(place) = place {
            root.post(ROLES, on(place, json!({"person_id": person.id, "expires_at": end}))).await.ok();
        }
        person
    };
    for (number, (more, place, end, may)) in [
        (&[(SHOP, -1)][..], None, &Value::Null, MAY),
        (&[(SHOP, EDITOR)], None, &Value::Null, MAY),
        (&[], Some("doc/2"), &Value::Null, MAY),
        (&[], Some("folder/1"), &Value::Null, MAY),
        (&[], Some("folder/9"), &Value::Null, MAY_NOT),
        (&[], Some("folder/1"), &day, MAY_NOT),
    ]
    .into_iter()
    .enumerate()
    {
        let by = of_desk(&format!("desk{number}"), more, place, end).await;
        let target = editor_on(&server, &root, &format!("editor{number}"), "doc/2", Value::Null).await;
        assert_eq!(becomes(&by, &target).await, may, "{number}");
    }
    // On a resource they hold less than in the service.
    let by = of_desk("lesser", &[], Some("folder/1"), &Value::Null).await;
    assert_eq!(becomes(&by, &server.person_with("greater", &[(SHOP, EDITOR)]).await).await, MAY_NOT);
    let brief = of_desk("brief", &[], Some("folder/1"), &day).await;
    let other = editor_on(&server, &root, "other", "doc/2", day.clone()).await;
    assert_eq!(becomes(&brief, &other).await, MAY);
}

#[tokio::test]
async fn what_is_held_on_resources_alone_means_more_only_by_those_who_may_give_it() {
    let (server, root, shop) = shop().await;
    put(&shop, "folder/1", json!({})).await.ok();
    let names =
        ["roles:read", "roles:write", "permissions:read", "permissions:write", "services:read", "services:write"];
    let shaper = holder_of(&server, &root, "Shaper", &names).await;
    root.post("/permissions", json!({"name": "share"})).await.ok();
    let read = server.number("select id::bigint from auth.permission where name = 'read'").await;
    let member = server.person_with("member", &[]).await;
    root.post("/groups", json!({"name": "Team"})).await.ok();
    root.post("/groups/Team/members", json!({"person_id": member.id})).await.ok();
    let attempts = async || -> Vec<Response> {
        vec![
            shaper.post("/role-permissions", json!({"role_id": EDITOR, "permission_id": "share"})).await,
            shaper.patch("/roles/1", json!({"name": "Director"})).await,
            shaper.patch(&format!("/permissions/{read}"), json!({"name": "delete"})).await,
            shaper.patch("/services/1", json!({"name": "Vault"})).await,
        ]
    };
    for holder in [json!({"person_id": "member"}), json!({"group_id": "Team"})] {
        root.post(ROLES, on("folder/1", holder.clone())).await.ok();
        for refused in attempts().await {
            assert_eq!(refused.refusal(), FORBIDDEN, "{holder}: {refused:?}");
        }
        root.delete_with(ROLES, on("folder/1", holder)).await.ok();
    }
    for done in attempts().await {
        done.ok();
    }
}

#[tokio::test]
async fn of_porteros_own_nobody_takes_from_a_resource_what_they_hold_for_less() {
    let (server, root, shop) = shop().await;
    put(&shop, "folder/1", json!({})).await.ok();
    let giver = root.post("/roles", json!({"name": "Giver"})).await.id();
    root.post("/role-permissions", json!({"role_id": giver, "permission_id": "grants:write"})).await.ok();
    let (held, team) = (json!({"person_id": "ada", "role_id": giver}), json!({"group_id": "Team", "role_id": giver}));
    let ada = server.person_with("ada", &[]).await;
    root.post("/groups", json!({"name": "Team"})).await.ok();
    for holder in [held, team] {
        root.post(ROLES, on("folder/1", holder)).await.ok();
    }
    root.post("/groups/Team/members", json!({"person_id": "ada"})).await.ok();
    // All that it takes, but for a day.
    let brief = server.person_with("brief", &[]).await;
    let end = (server.app.clock.now() + Duration::days(1)).unix_timestamp();
    let writer = json!({"person_id": brief.id, "service_id": 0, "role_id": "Writer", "expires_at": end});
    root.post("/person-service-roles", writer).await.ok();
    for refused in [
        brief.delete(&format!("/roles/{giver}")).await,
        brief.delete_with("/service-roles", json!({"service_id": SHOP, "role_id": giver})).await,
        brief.delete_with("/role-permissions", json!({"role_id": giver, "permission_id": "grants:write"})).await,
        brief.delete("/services/1").await,
        brief.delete("/groups/1").await,
        brief.delete("/groups/Team/people/ada").await,
        brief.post("/groups/Team/members", json!({"person_id": brief.id})).await,
        brief.patch(&format!("/users/{}", ada.id), json!({"password": "a passphrase of mine"})).await,
    ] {
        assert_eq!(refused.refusal(), FORBIDDEN, "{refused:?}");
    }
    let ended = json!({"person_id": brief.id, "expires_at": end});
    brief.post("/groups/Team/members", ended).await.ok();
}

fn codes(answer: &Response) -> Vec<Value> {
    let notices = answer.body["notices"].as_array().cloned().unwrap_or_default();
    notices.into_iter().map(|notice| notice["code"].clone()).collect()
}

#[tokio::test]
async fn whose_password_a_help_desk_knows_is_told_when_they_come_to_hold_something_on_a_resource() {
    let (server, root, shop) = shop().await;
    for folder in ["folder/1", "folder/2"] {
        put(&shop, folder, json!({})).await.ok();
    }
    let desk = holder_of(&server, &root, "Desk", &["users:read", "users:write"]).await;
    let ada = server.person_with("ada", &[]).await;
    desk.patch(&format!("/users/{}", ada.id), json!({"password": "a passphrase of mine"})).await.ok();
    let told = [json!("password_set_by_another")];
    let to_ada = json!({"person_id": "ada"});
    assert_eq!(codes(&root.post(ROLES, on("folder/1", to_ada.clone())).await.ok()), told);
    // By a group: who is in it, and who comes into it.
    root.post("/groups", json!({"name": "Team"})).await.ok();
    root.post("/groups/Team/members", json!({"person_id": "ada"})).await.ok();
    assert_eq!(codes(&root.post(ROLES, on("folder/1", json!({"group_id": "Team"}))).await.ok()), told);
    assert_eq!(codes(&root.post("/groups/Team/members", json!({"person_id": "ada"})).await.ok()), told);
    root.post("/permissions", json!({"name": "share"})).await.ok();
    let more = json!({"role_id": EDITOR, "permission_id": "share"});
    assert_eq!(codes(&root.post("/role-permissions", more).await.ok()), told, "holders of the role");
    // Of what is Portero's own nothing is given.
    let own = |place: &str| on(place, json!({"person_id": "ada", "role_id": "Writer"}));
    assert_eq!(root.post(ROLES, own("folder/2")).await.refusal(), SET_BY_ANOTHER);
    let to_team = on("folder/2", json!({"group_id": "Team", "role_id": "Writer"}));
    assert_eq!(root.post(ROLES, to_team).await.refusal(), SET_BY_ANOTHER);
    let more = json!({"role_id": EDITOR, "permission_id": "grants:read"});
    assert_eq!(root.post("/role-permissions", more).await.refusal(), SET_BY_ANOTHER);
    root.patch(&format!("/users/{}", ada.id), json!({"password": "otra clave nueva y larga"})).await.ok();
    assert_eq!(codes(&root.post(ROLES, on("folder/1", to_ada)).await.ok()), [] as [Value; 0]);
    root.post(ROLES, own("folder/2")).await.ok();
}

#[tokio::test]
async fn backends_hear_of_who_comes_into_a_group_that_holds_a_role_on_a_resource() {
    let (server, root, shop) = shop().await;
    put(&shop, "folder/1", json!({})).await.ok();
    let ada = server.person_with("ada", &[]).await;
    root.post("/groups", json!({"name": "Team"})).await.ok();
    root.post(ROLES, on("folder/1", json!({"group_id": "Team"}))).await.ok();
    let mut heard = shop.listen(None).await;
    assert_eq!(heard.event().await.name, "ready");
    root.post("/groups/Team/members", json!({"person_id": "ada"})).await.ok();
    let told = heard.event().await;
    assert_eq!((told.name.as_str(), &told.data["user_id"]), ("grants-changed", &json!(ada.id)));
    root.delete("/groups/Team/people/ada").await.ok();
    let told = heard.event().await;
    assert_eq!((told.name.as_str(), &told.data["user_id"]), ("grants-changed", &json!(ada.id)));
}

#[tokio::test]
async fn who_holds_something_on_a_resource_is_known_in_its_service() {
    let (server, root, shop) = shop().await;
    put(&shop, "folder/1", json!({})).await.ok();
    let giver = root.post("/roles", json!({"name": "Giver"})).await.id();
    root.post("/role-permissions", json!({"role_id": giver, "permission_id": "grants:write"})).await.ok();
    let cleo = server.person_with("cleo", &[(SHOP, i32::try_from(giver).expect("an id"))]).await;
    let ada = server.person_with("ada", &[]).await;
    let grant = json!({"person_id": ada.id, "service_id": SHOP, "role_id": EDITOR});
    assert_eq!(cleo.post("/person-service-roles", grant.clone()).await.refusal(), (404, "person_not_found"));
    cleo.post(ROLES, on("folder/1", json!({"person_id": "ada"}))).await.ok();
    cleo.post("/person-service-roles", grant).await.ok();
}
