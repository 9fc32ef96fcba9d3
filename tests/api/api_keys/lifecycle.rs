//! Keys end: revoked, expired, with their owner; and whoever keeps answers hears of it.

use axum::http::Method;
use serde_json::{Value, json};
use time::Duration;

use super::{in_four, key_of, made, path_of};
use crate::support::{Caller, PASSWORD, Server};

#[tokio::test]
async fn a_revoked_key_is_refused_in_the_very_next_check_on_every_instance() {
    let server = Server::on_the_demo_data().await;
    let elsewhere = server.another_instance().await;
    let juan = server.demo("juan").await;
    let (row, key) = made(&juan, json!({"name": "k", "scopes": ["UI Store:read"]})).await;
    for caller in [&key, &key.at(&elsewhere)] {
        assert_eq!(caller.check().await.ok().body["payload"]["username"], "juan");
    }
    let revoked = juan.delete(&path_of(&row)).await.ok();
    assert_eq!(revoked.body, json!({"status": "api_key_revoked", "id": row["id"]}));
    for caller in [&key, &key.at(&elsewhere)] {
        assert_eq!(caller.check().await.refusal(), (401, "invalid_token"));
        assert_eq!(caller.get("/auth/profile").await.refusal(), (401, "invalid_token"));
    }
    assert_eq!(juan.delete(&path_of(&row)).await.refusal(), (404, "api_key_not_found"));
}

#[tokio::test]
async fn uses_and_a_revocation_at_once_never_leave_a_key_that_works() {
    let server = Server::on_the_demo_data().await;
    let elsewhere = server.another_instance().await;
    let juan = server.demo("juan").await;
    for _ in 0..5 {
        let (row, key) = made(&juan, json!({"name": "k", "scopes": ["UI Store:read"]})).await;
        let uses = (0..30).map(|n| {
            let (key, juan, path) =
                (if n % 2 == 0 { key.clone() } else { key.at(&elsewhere) }, juan.clone(), path_of(&row));
            async move { if n == 15 { juan.delete(&path).await.status } else { key.check().await.status } }
        });
        let statuses = Caller::together(uses).await;
        assert!(statuses.iter().all(|status| [200, 401].contains(status)), "{statuses:?}");
        assert_eq!(key.check().await.status, 401);
        assert_eq!(key.at(&elsewhere).check().await.status, 401);
    }
}

#[tokio::test]
async fn a_change_that_a_key_makes_waits_for_its_revocation_and_then_fails() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let (row, key) = made(&adm1, json!({"name": "k", "scopes": ["portero:roles:write"]})).await;
    let changes = (0..20).map(|n| {
        let (key, adm1, path) = (key.clone(), adm1.clone(), path_of(&row));
        async move {
            if n == 10 {
                adm1.delete(&path).await.status
            } else {
                key.post("/roles", json!({"name": format!("r{n}")})).await.status
            }
        }
    });
    let statuses = Caller::together(changes).await;
    assert!(statuses.iter().all(|status| [200, 201, 401].contains(status)), "{statuses:?}");
    assert_eq!(key.post("/roles", json!({"name": "late"})).await.refusal(), (401, "invalid_token"));
}

/// A key of juan's that ends within an hour.
async fn short_lived(server: &Server) -> (Value, Caller) {
    let end = (server.app.clock.now() + Duration::HOUR).unix_timestamp();
    let juan = server.demo("juan").await;
    let (row, key) = made(&juan, json!({"name": "k", "scopes": ["UI Store:read"], "expires_at": end})).await;
    assert_eq!((&key.check().await.ok().body["expires_at"], &row["expired"]), (&json!(end), &json!(false)));
    (row, key)
}

async fn sweep(server: &Server) {
    portero::access::grants::sweep(&server.app).await.expect("a sweep");
    portero::identity::api_keys::purge(&server.app).await.expect("a purge");
}

#[tokio::test]
async fn whoever_shows_a_key_that_is_over_is_told_so_for_thirty_days_and_so_is_who_lists_keys() {
    let server = Server::on_the_demo_data().await;
    let (row, key) = short_lived(&server).await;
    server.app.clock.turn(Duration::HOUR + Duration::SECOND);
    for _ in 0..2 {
        for refused in [key.check().await, key.get("/auth/profile").await, key.get("/auth/me/keys").await] {
            assert_eq!(refused.refusal(), (401, "expired_token"));
            assert_eq!(refused.body["expired_at"], row["expires_at"]);
            let detail = refused.detail();
            let end = row["expires_at"].as_str().unwrap_or_default();
            assert!(detail.contains(end) && detail.contains("make another"), "{detail}");
        }
        let (juan, adm1) = (server.demo("juan").await, server.demo("adm1").await);
        let listed = juan.get(&path_of(&row)).await.ok().body;
        assert_eq!((&listed["expired"], &listed["expires_at"]), (&json!(true), &row["expires_at"]));
        for list in [juan.get("/auth/me/keys?count=true").await.ok(), adm1.get("/users/7/keys").await.ok()] {
            assert_eq!(list.column("expired"), [json!(true)]);
        }
        sweep(&server).await;
        server.app.clock.turn(Duration::days(29));
    }
    assert_eq!(server.number("select count(*) from auth.audit_events where action = 'api-key.expired'").await, 1);
    // 58 days: that is long ago.
    assert_eq!(server.demo("juan").await.get(&path_of(&row)).await.refusal(), (404, "api_key_not_found"));
    sweep(&server).await;
    assert_eq!(server.number("select count(*) from auth.api_keys").await, 0);
    assert_eq!(key.check().await.refusal(), (401, "invalid_token"));
}

#[tokio::test]
async fn a_key_that_is_over_comes_back_by_nothing() {
    let server = Server::on_the_demo_data().await;
    let (row, key) = short_lived(&server).await;
    server.app.clock.turn(Duration::HOUR + Duration::SECOND);
    let adm1 = server.demo("adm1").await;
    let later = (server.app.clock.now() + Duration::DAY).unix_timestamp();
    for _ in 0..2 {
        let juan = server.demo("juan").await;
        for change in [json!({"name": "another"}), json!({"expires_at": later}), json!({"networks": []})] {
            assert_eq!(juan.patch(&path_of(&row), change).await.refusal(), (409, "api_key_expired"));
        }
        adm1.post("/users/7/disable", json!({})).await.ok();
        assert_eq!(key.check().await.refusal(), (401, "invalid_token"), "its owner comes first");
        adm1.post("/users/7/enable", json!({})).await.ok();
        assert_eq!(key.check().await.refusal(), (401, "expired_token"));
        let anonymous = server.anonymous();
        let tokens = json!({"tokens": [key.token()]});
        let told = server.backend(4).await.post("/check-tokens", tokens).await.ok();
        assert_eq!(told.body, json!([{"valid": false, "error": "expired_token"}]));
        let asked = anonymous.post("/check-token", json!({"token": key.token(), "service_id": 4})).await;
        assert_eq!(asked.refusal(), (401, "expired_token"));
        sweep(&server).await;
    }
    let juan = server.demo("juan").await;
    assert_eq!(juan.get("/auth/me/keys").await.ok().column("expired"), [json!(true)]);
}

#[tokio::test]
async fn keys_that_are_over_take_nobodys_place_and_go_when_they_are_revoked() {
    let server = Server::on_the_demo_data().await;
    let full = "insert into auth.api_keys (person_id, key_hash, name, created_at, expires_at)
        select 7, sha256(n::text::bytea), 'k', now() - interval '2 days', now() - interval '1 day' from generate_series(1, 50) n";
    server.execute(full).await;
    let juan = server.demo("juan").await;
    let (row, key) = made(&juan, json!({"name": "k", "scopes": ["UI Store:read"]})).await;
    let all = juan.get("/auth/me/keys").await.ok();
    assert_eq!((all.column("id").len(), all.column("id").contains(&row["id"])), (51, true));
    juan.delete(&path_of(&all.body[0])).await.ok();
    assert_eq!(juan.get("/auth/me/keys").await.ok().column("id").len(), 50, "off the list");
    let adm1 = server.demo("adm1").await;
    assert_eq!(adm1.delete("/users/7/keys").await.ok().body["revoked"], 50);
    assert_eq!(key.check().await.refusal(), (401, "invalid_token"), "a revoked one is not told of");
    assert!(juan.get("/auth/me/keys").await.ok().column("id").is_empty());
}

#[tokio::test]
async fn backends_hear_once_of_a_key_that_came_to_its_end() {
    let server = Server::on_the_demo_data().await;
    let (row, key) = short_lived(&server).await;
    let id = key.check().await.ok().body["session_id"].clone();
    let mut feed = server.backend(4).await.listen(None).await;
    feed.expect("ready").await;
    server.app.clock.turn(Duration::HOUR + Duration::SECOND);
    let juan = server.demo("juan").await;
    feed.silence().await;
    sweep(&server).await;
    let told = feed.expect("session-revoked").await;
    assert_eq!((&told.data["session_id"], &told.data["user_id"]), (&id, &json!(7)));
    juan.delete(&path_of(&row)).await.ok();
    feed.silence().await;
    short_lived(&server).await;
    server.app.clock.turn(Duration::HOUR + Duration::SECOND);
    sweep(&server).await;
    feed.expect("session-revoked").await;
    server.app.clock.turn(Duration::days(31));
    sweep(&server).await;
    feed.silence().await;
}

#[tokio::test]
async fn what_ends_or_opens_less_is_told_as_a_session_that_ended() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    let (row, key) = made(&juan, json!({"name": "k", "scopes": ["UI Store:read"]})).await;
    let id = key.check().await.ok().body["session_id"].clone();
    assert_eq!(key.get("/auth/profile").await.ok().body["session_id"], id);
    let mut feed = server.backend(4).await.listen(None).await;
    feed.expect("ready").await;
    feed.silence().await;

    juan.patch(&path_of(&row), json!({"name": "another"})).await.ok();
    feed.silence().await;
    juan.patch(&path_of(&row), json!({"networks": ["127.0.0.1"]})).await.ok();
    let told = feed.expect("session-revoked").await;
    assert_eq!((&told.data["session_id"], &told.data["user_id"]), (&id, &json!(7)));
    juan.delete(&path_of(&row)).await.ok();
    assert_eq!(feed.expect("session-revoked").await.data["session_id"], id);
    feed.silence().await;
}

#[tokio::test]
async fn the_keys_of_somebody_disabled_are_refused_until_they_are_enabled() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    let key = key_of(&juan, &["UI Store:read"]).await;
    let id = key.check().await.ok().body["session_id"].clone();
    let mut feed = server.backend(4).await.listen(None).await;
    feed.expect("ready").await;
    adm1.post("/users/7/disable", json!({})).await.ok();
    assert_eq!(key.check().await.refusal(), (401, "invalid_token"));
    let mut told = vec![feed.expect("session-revoked").await, feed.expect("session-revoked").await];
    assert!(told.iter_mut().any(|event| event.data["session_id"] == id), "{told:?}");
    adm1.post("/users/7/enable", json!({})).await.ok();
    assert_eq!(in_four(&server, &key).await, ["read"]);
}

#[tokio::test]
async fn the_keys_of_somebody_removed_are_gone() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    let key = key_of(&juan, &["UI Store:read"]).await;
    adm1.delete("/users/7").await.ok();
    assert_eq!(key.check().await.refusal(), (401, "invalid_token"));
    assert_eq!(server.number("select count(*) from auth.api_keys").await, 0);
}

#[tokio::test]
async fn a_new_password_ends_sessions_and_leaves_keys() {
    let server = Server::on_a_fresh_database().await;
    let ada = server.person_with("ada", &[(0, -2)]).await;
    let (key, other) = (key_of(&ada, &["portero:users:read"]).await, server.session_of(ada.id).await);
    let passwords = json!({"current_password": PASSWORD, "new_password": "another horse battery staple"});
    ada.post("/auth/change-password", passwords).await.ok();
    assert_eq!(other.check().await.status, 401);
    assert_eq!(key.check().await.status, 200);
}

#[tokio::test]
async fn administrators_see_keys_and_revoke_them_but_not_of_those_who_hold_more() {
    let server = Server::on_the_demo_data().await;
    let (adm1, juan) = (server.demo("adm1").await, server.demo("juan").await);
    let desk = server.person_with("desk", &[(0, -1)]).await;
    let (row, key) = made(&juan, json!({"name": "k", "scopes": ["UI Store:read"]})).await;
    let (second, _) = made(&juan, json!({"name": "k", "scopes": ["UI Store:read"]})).await;
    let of_adm1 = key_of(&adm1, &["portero:users:read"]).await;
    assert_eq!(desk.get("/users/7/keys").await.ok().column("id"), [row["id"].clone(), second["id"].clone()]);
    desk.delete(&format!("/users/7/keys/{}", row["id"])).await.ok();
    assert_eq!(key.check().await.refusal(), (401, "invalid_token"));
    assert_eq!(desk.delete("/users/7/keys").await.ok().body, json!({"status": "api_keys_revoked", "revoked": 1}));
    assert_eq!(desk.delete("/users/1/keys").await.refusal(), (403, "insufficient_permissions"));
    assert_eq!(of_adm1.check().await.status, 200);
    assert_eq!(desk.delete("/users/7/keys/99").await.refusal(), (404, "api_key_not_found"));
    assert_eq!(desk.get("/users/99/keys").await.refusal(), (404, "user_not_found"));
}

#[tokio::test]
async fn the_last_use_is_noted_to_the_minute_with_its_address() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    let (row, key) = made(&juan, json!({"name": "k", "scopes": ["UI Store:read"]})).await;
    key.check().await.ok();
    let mut used = Value::Null;
    for _ in 0..100 {
        used = juan.get(&path_of(&row)).await.ok().body;
        if !used["last_used_at"].is_null() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(used["last_used_from"], "127.0.0.1");
    assert!(used["last_used_at"].is_string(), "{used}");
}

#[tokio::test]
async fn a_key_is_known_by_its_whole_text_alone() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    let key = key_of(&juan, &["UI Store:read"]).await;
    let text = key.token();
    let unknown = server.app.generate::<portero::base::opaque::api_key::Api>(server.app.clock.now()).expect("a key");
    let last = if text.ends_with('0') { "1" } else { "0" };
    for wrong in [
        text.to_uppercase(),
        text[..75].to_owned(),
        format!("{text}0"),
        format!("x{text}"),
        format!("{}{last}", &text[..75]),
        text.replace("pak_", "ptk_"),
        text.replace("pak_", "psk_"),
        text[4..].to_owned(),
        unknown.reveal().to_owned(),
    ] {
        let refused = key.with_token(&wrong).check().await;
        assert_eq!(refused.refusal(), (401, "invalid_token"), "{wrong}");
        let says_key = refused.body["detail"].as_str().is_some_and(|detail| detail.contains("API key"));
        assert_eq!(says_key, wrong.starts_with("pak_"), "{refused:?}");
        let asked = server.anonymous().post("/check-token", json!({"token": wrong})).await;
        assert_eq!(asked.refusal(), (401, "invalid_token"));
    }
}

#[tokio::test]
async fn a_key_comes_in_either_header_and_two_that_differ_are_none() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    let (one, other) = (key_of(&juan, &["UI Store:read"]).await, key_of(&juan, &["UI Store:read"]).await);
    let anonymous = server.anonymous();
    let send = |headers: Vec<(&'static str, String)>| {
        anonymous.send_with(Method::GET, "/auth/profile", "", move |request| {
            headers.iter().fold(request, |request, (name, value)| request.header(*name, value))
        })
    };
    let bearer = |caller: &Caller| format!("Bearer {}", caller.token());
    let profile = send(vec![("authorization", bearer(&one))]).await.ok();
    assert_eq!((&profile.body["payload"]["user_id"], &profile.body["renewed"]), (&json!(7), &json!(false)));
    assert!(profile.body["api_key_id"].is_number());
    assert_eq!(send(vec![("token", one.token().to_owned()), ("authorization", bearer(&one))]).await.status, 200);
    for second in [&other, &juan] {
        let both = send(vec![("token", second.token().to_owned()), ("authorization", bearer(&one))]).await;
        assert_eq!(both.refusal(), (401, "invalid_token"));
    }
    let twice = send(vec![("token", one.token().to_owned()), ("token", one.token().to_owned())]).await;
    assert_eq!(twice.refusal(), (401, "invalid_token"));
    assert_eq!(anonymous.get(&format!("/auth/profile?token={}", one.token())).await.status, 401, "never in a URL");
}
