//! Nobody becomes somebody who may more in a backend than they could give themselves, and nobody makes a role, a permission
//! or a service mean more to those who hold it.

use serde_json::{Value, json};
use time::Duration;

use crate::escalation::{FORBIDDEN, holder_of};
use crate::support::{Caller, PASSWORD_HASH, Response, Server};

/// Shop (1) and Bank (2); Clerk (1) carries `sell`, Boss (2) carries nothing, Viewer (3) carries `read`.
async fn world() -> (Server, Caller) {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for service in ["Shop", "Bank"] {
        root.post("/services", json!({"name": service})).await.ok();
    }
    for (role, permission) in [("Clerk", Some("sell")), ("Boss", None), ("Viewer", Some("read"))] {
        root.post("/roles", json!({"name": role})).await.ok();
        if let Some(permission) = permission {
            root.post("/permissions", json!({"name": permission})).await.ok();
            root.post("/role-permissions", json!({"role_id": role, "permission_id": permission})).await.ok();
        }
    }
    (server, root)
}

const CLERK: i32 = 1;
const BOSS: i32 = 2;
const VIEWER: i32 = 3;
const SHOP: i32 = 1;
const BANK: i32 = 2;

/// Every change of a person by which one could become them.
fn keys_of(name: &str) -> [Value; 4] {
    [
        json!({"password": "a passphrase of mine"}),
        json!({"password_hash": PASSWORD_HASH.as_str()}),
        json!({"email": format!("{name}@evil.example")}),
        json!({"username": format!("not-{name}")}),
    ]
}

async fn becomes(caller: &Caller, target: &Caller) -> Vec<u16> {
    let mut answers = Vec::new();
    for change in keys_of(&target.username) {
        let answer = caller.patch(&format!("/users/{}", target.id), change).await;
        if answer.status == 403 {
            assert_eq!(answer.refusal(), FORBIDDEN);
            assert!(answer.text.contains("send-reset"), "it says what to do: {}", answer.text);
        }
        answers.push(answer.status);
    }
    answers
}

const MAY: [u16; 4] = [200; 4];
const MAY_NOT: [u16; 4] = [403; 4];

#[tokio::test]
async fn a_help_desk_becomes_nobody_whom_a_backend_trusts() {
    let (server, root) = world().await;
    let desk = holder_of(&server, &root, "Desk", &["users:read", "users:write"]).await;
    let clerk = server.person_with("clerk", &[(SHOP, CLERK)]).await;
    let boss = server.person_with("boss", &[(SHOP, BOSS)]).await;
    let direct = server.person_with("direct", &[]).await;
    let grant = json!({"person_id": direct.id, "service_id": SHOP, "permission_id": "sell"});
    root.post("/person-service-permissions", grant).await.ok();
    let nobody = server.person_with("nothing", &[]).await;
    for trusted in [&clerk, &boss, &direct] {
        assert_eq!(becomes(&desk, trusted).await, MAY_NOT, "{}", trusted.username);
        let path = format!("/users/{}", trusted.id);
        for harmless in [
            json!({"name": "Another Name"}),
            json!({"document_type": "DNI", "document_number": trusted.id.to_string()}),
            json!({"locale": "es"}),
            json!({"username": trusted.username, "name": "The Same Username"}),
        ] {
            assert_eq!(desk.patch(&path, harmless.clone()).await.status, 200, "{harmless}");
        }
        assert_eq!(server.session_of(trusted.id).await.check().await.status, 200);
    }
    assert_eq!(becomes(&desk, &nobody).await, MAY, "who holds nothing");
}

#[tokio::test]
async fn who_could_give_it_to_themselves_or_has_it_may_set_a_password() {
    let (server, root) = world().await;
    let users = holder_of(&server, &root, "Desk", &["users:read", "users:write"]).await;
    let desk =
        i32::try_from(server.number("select id::bigint from auth.role where name = 'Desk'").await).expect("an id");
    let clerk = |name: &'static str| server.person_with(name, &[(SHOP, CLERK)]);
    let writer = server.person_with("writer", &[(0, -1)]).await;
    let keeper = server.person_with("keeper", &[(0, desk), (SHOP, -1)]).await;
    let stranger = server.person_with("stranger", &[(0, desk), (BANK, -1)]).await;
    let colleague = server.person_with("colleague", &[(0, desk), (SHOP, CLERK)]).await;
    let elsewhere = server.person_with("elsewhere", &[(0, desk), (BANK, CLERK), (0, CLERK)]).await;
    assert_eq!(becomes(&root, &clerk("clerk1").await).await, MAY, "an administrator");
    assert_eq!(becomes(&writer, &clerk("clerk2").await).await, MAY, "who hands out everywhere");
    assert_eq!(becomes(&keeper, &clerk("clerk3").await).await, MAY, "who hands out there");
    assert_eq!(becomes(&stranger, &clerk("clerk4").await).await, MAY_NOT, "who hands out elsewhere");
    assert_eq!(becomes(&colleague, &clerk("clerk5").await).await, MAY, "who holds it there");
    assert_eq!(becomes(&elsewhere, &clerk("clerk6").await).await, MAY_NOT, "who holds it elsewhere");
    assert_eq!(becomes(&users, &clerk("clerk7").await).await, MAY_NOT);
}

#[tokio::test]
async fn who_holds_it_for_a_day_does_not_become_who_holds_it_for_longer() {
    let (server, root) = world().await;
    holder_of(&server, &root, "Desk", &["users:read", "users:write"]).await;
    let desk = server.number("select id::bigint from auth.role where name = 'Desk'").await;
    let colleague = server.person_with("colleague", &[(0, i32::try_from(desk).expect("an id"))]).await;
    let now = server.app.clock.now();
    let until = |days: i64| json!((now + Duration::days(days)).unix_timestamp());
    let grant = async |person: &Caller, end: Value| {
        let grant = json!({"person_id": person.id, "service_id": SHOP, "role_id": CLERK, "expires_at": end});
        root.post("/person-service-roles", grant).await.ok();
    };
    grant(&colleague, until(2)).await;
    let (brief, same, longer, lasting) = (
        server.person_with("brief", &[]).await,
        server.person_with("same", &[]).await,
        server.person_with("longer", &[]).await,
        server.person_with("lasting", &[]).await,
    );
    grant(&brief, until(1)).await;
    grant(&same, until(2)).await;
    grant(&longer, until(3)).await;
    grant(&lasting, Value::Null).await;
    assert_eq!(becomes(&colleague, &brief).await, MAY);
    assert_eq!(becomes(&colleague, &same).await, MAY);
    assert_eq!(becomes(&colleague, &longer).await, MAY_NOT);
    assert_eq!(becomes(&colleague, &lasting).await, MAY_NOT);
    server.app.clock.turn(Duration::days(4));
    let colleague = server.session_of(colleague.id).await;
    assert_eq!(becomes(&colleague, &server.session_of(longer.id).await).await, MAY, "what is over is held by nobody");
}

#[tokio::test]
async fn a_role_grows_and_is_renamed_only_by_those_who_may_give_what_it_gives() {
    let (server, root) = world().await;
    let shaper = holder_of(&server, &root, "Shaper", &["roles:read", "roles:write"]).await;
    root.post("/permissions", json!({"name": "share"})).await.ok();
    for role in [CLERK, VIEWER] {
        let grant = json!({"person_id": shaper.id, "service_id": SHOP, "role_id": role});
        root.post("/person-service-roles", grant).await.ok();
    }
    let more = |role: i32| json!({"role_id": role, "permission_id": "share"});
    assert_eq!(shaper.post("/role-permissions", more(CLERK)).await.refusal(), FORBIDDEN);
    assert_eq!(shaper.put("/roles/1", json!({"name": "Director"})).await.refusal(), FORBIDDEN);
    assert_eq!(shaper.patch("/roles/1", json!({"name": "Director"})).await.refusal(), FORBIDDEN);
    let held = shaper.post("/check-token", json!({"service_id": SHOP, "permission": "share"})).await;
    assert_eq!((&held.body["allowed"], &held.body["roles"]), (&json!(false), &json!(["Clerk", "Viewer"])));

    shaper.put("/roles/1", json!({"name": "Clerk"})).await.ok();
    let standing = json!({"role_id": CLERK, "permission_id": "sell"});
    shaper.post("/role-permissions", standing).await.ok();
    shaper.post("/role-permissions", more(BOSS)).await.ok();
    shaper.put("/roles/2", json!({"name": "Director"})).await.ok();

    let offered = json!({"service_id": BANK, "role_id": CLERK});
    root.post("/service-roles", offered).await.ok();
    root.post("/person-service-roles", json!({"person_id": shaper.id, "service_id": SHOP, "role_id": -1})).await.ok();
    shaper.post("/role-permissions", more(CLERK)).await.ok();
    shaper.put("/roles/1", json!({"name": "Merchant"})).await.ok();
    server.person_with("banker", &[(BANK, VIEWER)]).await;
    assert_eq!(shaper.post("/role-permissions", more(VIEWER)).await.refusal(), FORBIDDEN, "it is held in Bank, too");
    assert_eq!(shaper.put("/roles/3", json!({"name": "Reader of all"})).await.refusal(), FORBIDDEN);
    root.post("/role-permissions", more(VIEWER)).await.ok();
    root.put("/roles/3", json!({"name": "Reader of all"})).await.ok();
}

#[tokio::test]
async fn a_permission_is_renamed_only_by_those_who_may_give_it_wherever_it_is_held() {
    let (server, root) = world().await;
    let namer = holder_of(&server, &root, "Namer", &["permissions:read", "permissions:write"]).await;
    let free = namer.post("/permissions", json!({"name": "free"})).await.id();
    let brief = namer.post("/permissions", json!({"name": "brief"})).await.id();
    let viewer = server.person_with("viewer", &[(SHOP, VIEWER)]).await;
    let end = (server.app.clock.now() + Duration::hours(1)).unix_timestamp();
    let direct = json!({"person_id": viewer.id, "service_id": BANK, "permission_id": brief, "expires_at": end});
    root.post("/person-service-permissions", direct).await.ok();
    let read = server.number("select id::bigint from auth.permission where name = 'read'").await;
    for held in [read, brief] {
        let path = format!("/permissions/{held}");
        assert_eq!(namer.put(&path, json!({"name": "delete"})).await.refusal(), FORBIDDEN);
        assert_eq!(namer.patch(&path, json!({"name": "delete"})).await.refusal(), FORBIDDEN);
    }
    namer.put(&format!("/permissions/{read}"), json!({"name": "read"})).await.ok();
    namer.put(&format!("/permissions/{free}"), json!({"name": "delete"})).await.ok();
    let allowed = viewer.post("/check-token", json!({"service_id": SHOP, "permission": "delete"})).await;
    assert_eq!(allowed.body["allowed"], false);
    server.app.clock.turn(Duration::hours(2));
    let (root, namer) = (server.session_of(root.id).await, server.session_of(namer.id).await);
    namer.put(&format!("/permissions/{brief}"), json!({"name": "short"})).await.ok();
    root.put(&format!("/permissions/{read}"), json!({"name": "look"})).await.ok();
    let keeper = json!({"person_id": namer.id, "service_id": SHOP, "role_id": -1});
    root.post("/person-service-roles", keeper).await.ok();
    namer.put(&format!("/permissions/{read}"), json!({"name": "see"})).await.ok();
}

#[tokio::test]
async fn a_service_takes_another_ones_name_only_by_those_who_may_give_what_is_held_there() {
    let (server, root) = world().await;
    let keeper = holder_of(&server, &root, "Keeper", &["services:read", "services:write"]).await;
    keeper.patch("/services/1", json!({"name": "Store"})).await.ok();
    server.person_with("clerk", &[(SHOP, CLERK)]).await;
    assert_eq!(keeper.put("/services/1", json!({"name": "Vault"})).await.refusal(), FORBIDDEN);
    assert_eq!(keeper.patch("/services/1", json!({"name": "Vault"})).await.refusal(), FORBIDDEN);
    keeper.patch("/services/1", json!({"name": "Store", "description": "Where things are sold"})).await.ok();
    root.patch("/services/1", json!({"name": "Shop"})).await.ok();
}

/// Who names a permission gives what had that name when it was given.
#[tokio::test]
async fn a_permission_that_is_renamed_while_it_is_given_is_given_under_its_old_name_or_not_at_all() {
    let (server, root) = world().await;
    let namer = holder_of(&server, &root, "Namer", &["permissions:read", "permissions:write"]).await;
    server.person_with("clerk", &[(SHOP, CLERK)]).await;
    for round in 0..8 {
        let (old, new) = (format!("harmless{round}"), format!("mighty{round}"));
        let id = root.post("/permissions", json!({"name": old})).await.id();
        let (giver, renamer) = (root.clone(), namer.clone());
        let give: std::pin::Pin<Box<dyn Future<Output = Response>>> =
            Box::pin(
                async move { giver.post("/role-permissions", json!({"role_id": CLERK, "permission_id": old})).await },
            );
        let rename: std::pin::Pin<Box<dyn Future<Output = Response>>> =
            Box::pin(async move { renamer.put(&format!("/permissions/{id}"), json!({"name": new})).await });
        let answers = Caller::together([give, rename]).await;
        let statuses = (answers[0].status, answers[1].status);
        assert!(statuses == (200, 403) || statuses == (400, 200), "{statuses:?}");
    }
    let mighty = "select count(*) from auth.role_permission join auth.permission on id = permission_id
        where role_id = 1 and name like 'mighty%'";
    assert_eq!(server.number(mighty).await, 0);
}
