//! Robots: owned by somebody, without a way to log in.

use serde_json::{Value, json};

use time::Duration;

use super::in_four;
use crate::reset::{arriving, reachable, with_mail};
use crate::support::{Caller, Mail, PASSWORD, PASSWORD_HASH, Server};

async fn robot_of(adm: &Caller, owner: &str, username: &str) -> i64 {
    adm.post("/robots", json!({"username": username, "owner": owner})).await.ok().id()
}

async fn hold(adm: &Caller, robot: i64, service: i32, role: i32) {
    let grant = json!({"person_id": robot, "service_id": service, "role_id": role});
    adm.post("/person-service-roles", grant).await.ok();
}

async fn key_of_robot(by: &Caller, robot: i64, scopes: &[&str]) -> Caller {
    let made = by.post(&format!("/robots/{robot}/keys"), json!({"name": "k", "scopes": scopes})).await.ok();
    by.with_token(made.body["key"].as_str().expect("a key"))
}

#[tokio::test]
async fn a_robot_acts_by_the_keys_that_its_owner_makes() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    let made = adm1.post("/robots", json!({"username": "exporter", "name": "Exporter", "owner": "juan"})).await.ok();
    assert_eq!((made.status, &made.body["owner_id"], &made.body["disabled_at"]), (201, &json!(7), &Value::Null));
    let robot = made.id();
    let refused =
        juan.post(&format!("/robots/{robot}/keys"), json!({"name": "k", "scopes": ["UI Store:update"]})).await;
    assert_eq!(refused.refusal(), (403, "insufficient_permissions"), "it holds nothing yet");
    hold(&adm1, robot, 4, 3).await;
    let key = key_of_robot(&juan, robot, &["UI Store:update"]).await;
    assert_eq!(in_four(&server, &key).await, ["update"], "more than its owner holds, as it was given");
    assert_eq!(key.check().await.ok().body["payload"]["username"], "exporter");
    assert_eq!(juan.get("/auth/me/robots").await.ok().column("username"), [json!("exporter")]);
    let listed = adm1.get("/robots").await.ok();
    assert_eq!((listed.column("owner_id"), listed.column("owner_username")), (vec![json!(7)], vec![json!("juan")]));
    let user = adm1.get(&format!("/users/{robot}")).await.ok();
    assert_eq!(user.body["owner_id"], 7, "listed as such");
    assert!(adm1.get("/users/7").await.ok().body.get("owner_id").is_none());
    let keys = juan.get(&format!("/robots/{robot}/keys")).await.ok();
    juan.delete(&format!("/robots/{robot}/keys/{}", keys.body[0]["id"])).await.ok();
    assert_eq!(key.check().await.refusal(), (401, "invalid_token"));
}

#[tokio::test]
async fn a_robot_has_no_way_to_log_in_and_gets_none() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let robot = robot_of(&adm1, "juan", "exporter").await;
    for password in ["", "exporter-hash", PASSWORD] {
        assert_eq!(server.anonymous().log_in("exporter", password).await.status, 401);
    }
    let path = format!("/users/{robot}");
    for change in [
        json!({"password": "another horse battery staple"}),
        json!({"password_hash": PASSWORD_HASH.as_str()}),
        json!({"email": "exporter@example.com"}),
    ] {
        assert_eq!(adm1.patch(&path, change).await.refusal(), (409, "robot_has_no_login"));
    }
    let reset = adm1.post(&format!("{path}/send-reset"), json!({})).await;
    assert_eq!(reset.status, 409);
    server.anonymous().post("/auth/forgot-password", json!({"username": "exporter"})).await.ok();
    adm1.patch(&path, json!({"name": "Exporter"})).await.ok();
    assert_eq!(server.number("select count(*) from auth.tokens_cache where person_id <> 1").await, 0);
}

#[tokio::test]
async fn a_robot_is_its_owners_alone() {
    let server = Server::on_the_demo_data().await;
    let (adm1, usr1) = (server.demo("adm1").await, server.demo("usr1").await);
    let robot = robot_of(&adm1, "juan", "exporter").await;
    hold(&adm1, robot, 4, 4).await;
    let (path, keys) = (format!("/robots/{robot}"), format!("/robots/{robot}/keys"));
    let new = || json!({"name": "k", "scopes": ["UI Store:read"]});
    for (own, absent) in [(&path, "/robots/7"), (&keys, "/robots/7/keys")] {
        assert_eq!(usr1.get(own).await.refusal(), (403, "insufficient_permissions"));
        assert_eq!(usr1.get(absent).await.refusal(), (403, "insufficient_permissions"), "nor who is one");
    }
    for refused in [
        usr1.post(&keys, new()).await,
        usr1.patch(&path, json!({"owner": "usr1"})).await,
        usr1.delete(&format!("{keys}/1")).await,
        usr1.post("/robots", json!({"username": "mine"})).await,
        usr1.get("/robots").await,
    ] {
        assert_eq!(refused.refusal(), (403, "insufficient_permissions"));
    }
    assert_eq!(adm1.get("/robots/7").await.refusal(), (404, "robot_not_found"));
    assert_eq!(adm1.get(&path).await.status, 200);
    adm1.post(&keys, new()).await.ok();
}

#[tokio::test]
async fn nobody_gets_more_by_a_robot_than_they_hold() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    let desk = server.person_with("desk", &[(0, -1)]).await;
    let robot = robot_of(&adm1, "juan", "exporter").await;
    hold(&adm1, robot, 0, 0).await;
    let keys = format!("/robots/{robot}/keys");
    let refused = juan.post(&keys, json!({"name": "k", "scopes": ["portero:users:read"]})).await;
    assert_eq!(refused.refusal(), (403, "insufficient_permissions"), "its owner holds nothing of Portero's");
    for refused in [
        desk.post(&keys, json!({"name": "k", "scopes": ["portero:users:write"]})).await,
        desk.patch(&format!("/robots/{robot}"), json!({"owner": "desk"})).await,
    ] {
        assert_eq!(refused.refusal(), (403, "insufficient_permissions"), "whoever would become it");
    }
    let key = key_of_robot(&adm1, robot, &["portero:users:read"]).await;
    assert_eq!(key.get("/users").await.status, 200);
    let left = adm1.delete_with("/person-service-roles", json!({"person_id": 1, "service_id": 0, "role_id": 0})).await;
    assert_eq!(left.refusal(), (409, "last_administrator"), "a robot administers nothing by hand");
}

#[tokio::test]
async fn a_robots_key_is_renamed_prolonged_and_bound_to_networks_as_ones_own() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    let robot = robot_of(&adm1, "juan", "exporter").await;
    hold(&adm1, robot, 4, 4).await;
    let key = key_of_robot(&juan, robot, &["UI Store:read"]).await;
    let keys = format!("/robots/{robot}/keys");
    let path = format!("{keys}/{}", juan.get(&keys).await.ok().body[0]["id"]);
    let end = (server.app.clock.now() + Duration::DAY).unix_timestamp();
    let changed = juan.patch(&path, json!({"name": "weekly", "expires_at": end})).await.ok();
    assert_eq!((&changed.body["name"], &changed.body["scopes"]), (&json!("weekly"), &json!(["UI Store:read"])));
    assert_eq!(key.check().await.ok().body["expires_at"], end);
    adm1.patch(&path, json!({"networks": ["203.0.113.0/24"]})).await.ok();
    assert_eq!(key.check().await.refusal(), (401, "invalid_token"), "not from here");
    juan.patch(&path, json!({"networks": []})).await.ok();
    for (bad, refusal) in [
        (json!({}), (400, "invalid_request_body")),
        (json!({"scopes": ["UI Store:update"]}), (400, "invalid_request_body")),
        (json!({"expires_at": 1}), (400, "invalid_request_body")),
    ] {
        assert_eq!(juan.patch(&path, bad).await.refusal(), refusal);
    }
    assert_eq!(juan.patch(&format!("{keys}/99"), json!({"name": "k"})).await.refusal(), (404, "api_key_not_found"));
    assert_eq!(
        juan.patch("/robots/99/keys/1", json!({"name": "k"})).await.refusal(),
        (403, "insufficient_permissions")
    );
    assert_eq!(key.patch(&path, json!({"name": "k"})).await.refusal(), (403, "api_key_not_allowed"));
    assert_eq!(server.number("select count(*) from auth.audit_events where action = 'api-key.changed'").await, 3);

    for _ in 0..4 {
        server.app.clock.turn(Duration::minutes(4));
        juan.check().await.ok();
    }
    juan.patch(&path, json!({"name": "monthly"})).await.ok();
    let old = juan.patch(&path, json!({"expires_at": end})).await;
    assert_eq!(old.refusal(), (403, "reauthentication_required"));
    server.app.clock.turn(Duration::DAY);
    let over = server.demo("juan").await.patch(&path, json!({"name": "yearly"})).await;
    assert_eq!(over.refusal(), (409, "api_key_expired"));
}

#[tokio::test]
async fn an_owner_hears_by_mail_of_what_others_do_to_the_keys_of_their_robot() {
    let (server, mailbox) = with_mail().await;
    let ada = reachable(&server, "ada").await;
    let adm = server.administrator().await;
    let robot = robot_of(&adm, "ada", "exporter").await;
    hold(&adm, robot, 0, -2).await;
    key_of_robot(&adm, robot, &["portero:users:read"]).await;
    let keys = format!("/robots/{robot}/keys");
    let path = format!("{keys}/{}", ada.get(&keys).await.ok().body[0]["id"]);
    let subjects = |mails: Vec<Mail>| mails.into_iter().map(|mail| (mail.to, mail.subject)).collect::<Vec<_>>();
    let told = |what: &str| vec![(vec!["ada@example.com".to_owned()], format!("Portero: {what}"))];
    assert_eq!(subjects(arriving(&server, &mailbox).await), told("a new API key"));
    adm.patch(&path, json!({"name": "weekly"})).await.ok();
    assert_eq!(subjects(arriving(&server, &mailbox).await), [], "a name opens nothing");
    let later = (server.app.clock.now() + Duration::days(30)).unix_timestamp();
    adm.patch(&path, json!({"expires_at": later})).await.ok();
    assert_eq!(subjects(arriving(&server, &mailbox).await), told("an API key was changed"));
}

#[tokio::test]
async fn nobody_lets_a_robots_key_open_longer_what_they_do_not_hold() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    let desk = server.person_with("desk", &[(0, -1)]).await;
    let robot = robot_of(&adm1, "juan", "exporter").await;
    hold(&adm1, robot, 0, 0).await;
    key_of_robot(&adm1, robot, &["portero:users:read"]).await;
    let keys = format!("/robots/{robot}/keys");
    let path = format!("{keys}/{}", adm1.get(&keys).await.ok().body[0]["id"]);
    let later = (server.app.clock.now() + Duration::days(30)).unix_timestamp();
    for change in [json!({"expires_at": later}), json!({"networks": ["203.0.113.0/24"]})] {
        assert_eq!(
            juan.patch(&path, change.clone()).await.refusal(),
            (403, "insufficient_permissions"),
            "as its owner"
        );
        assert_eq!(desk.patch(&path, change.clone()).await.refusal(), (403, "insufficient_permissions"));
        adm1.patch(&path, change).await.ok();
    }
    juan.patch(&path, json!({"name": "weekly"})).await.ok();
    assert_eq!(desk.patch(&path, json!({"name": "mine"})).await.refusal(), (403, "insufficient_permissions"));
    let usr1 = server.demo("usr1").await;
    assert_eq!(usr1.patch(&path, json!({"name": "mine"})).await.refusal(), (403, "insufficient_permissions"));
}

#[tokio::test]
async fn a_robot_is_disabled_with_its_owner_unless_it_is_passed_on_before() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan, usr1) = (server.demo("adm1").await, server.demo("juan").await, server.demo("usr1").await);
    let (stays, goes) = (robot_of(&adm1, "juan", "stays").await, robot_of(&adm1, "juan", "goes").await);
    for robot in [stays, goes] {
        hold(&adm1, robot, 4, 4).await;
    }
    let (of_stays, of_goes) =
        (key_of_robot(&juan, stays, &["UI Store:read"]).await, key_of_robot(&juan, goes, &["UI Store:read"]).await);
    juan.patch(&format!("/robots/{stays}"), json!({"owner": "usr1", "name": "Stays"})).await.ok();
    let refused = juan.patch(&format!("/robots/{stays}"), json!({"owner": "juan"})).await;
    assert_eq!(refused.refusal(), (403, "insufficient_permissions"), "it is not theirs any more");
    adm1.post("/users/7/disable", json!({})).await.ok();
    assert_eq!(of_goes.check().await.refusal(), (401, "invalid_token"));
    assert_eq!(of_stays.check().await.status, 200);
    assert_eq!(usr1.get("/auth/me/robots").await.ok().column("name"), [json!("Stays")]);
    let told = "select count(*) from auth.audit_events where action = 'user.disabled'";
    assert_eq!(server.number(told).await, 2);

    let path = format!("/users/{goes}/enable");
    assert_eq!(adm1.post(&path, json!({})).await.refusal(), (409, "owner_disabled"));
    adm1.patch(&format!("/robots/{goes}"), json!({"owner": 2})).await.ok();
    adm1.post(&path, json!({})).await.ok();
    assert_eq!(of_goes.check().await.status, 200);
    adm1.delete("/users/2").await.ok();
    for key in [&of_goes, &of_stays] {
        assert_eq!(key.check().await.refusal(), (401, "invalid_token"), "its owner was removed");
    }
}

#[tokio::test]
async fn only_people_who_are_here_own_robots() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let robot = robot_of(&adm1, "juan", "exporter").await;
    adm1.post("/users/6/disable", json!({})).await.ok();
    for owner in [json!(6), json!("exporter")] {
        for refused in [
            adm1.post("/robots", json!({"username": "another", "owner": owner})).await,
            adm1.patch(&format!("/robots/{robot}"), json!({"owner": owner})).await,
        ] {
            assert_eq!(refused.refusal(), (409, "not_an_owner"), "{owner}");
        }
    }
    for (owner, refusal) in [(json!(99), (404, "person_not_found")), (json!("nobody"), (400, "invalid_user_id"))] {
        let refused = adm1.post("/robots", json!({"username": "another", "owner": owner})).await;
        assert_eq!(refused.refusal(), refusal);
    }
    assert_eq!(adm1.post("/robots", json!({"username": "juan"})).await.refusal(), (409, "user_exists"));
    let own = adm1.post("/robots", json!({"username": "own"})).await.ok();
    assert_eq!(own.body["owner_id"], 1, "whoever asks");
}
