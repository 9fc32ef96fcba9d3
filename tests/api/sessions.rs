//! Where people are logged in: seen and ended by themselves and by administrators.

use axum::http::Method;
use portero::base::opaque::token::TokenHash;
use serde_json::{Value, json};
use time::Duration;

use crate::support::{Caller, PASSWORD, Response, Server};

/// A login from a device.
pub async fn log_in_from(server: &Server, username: &str, device: &str, refresh: bool) -> (Caller, Response) {
    let anonymous = server.anonymous();
    let body = json!({"username": username, "password": PASSWORD, "refresh": refresh}).to_string();
    let headers =
        |request: axum::http::request::Builder| request.header("user-agent", device).header("x-client-id", "web-shop");
    let login = anonymous.send_with(Method::POST, "/auth/login", &body, headers).await.ok();
    let mut caller = anonymous.with_token(login.token());
    caller.id = login.body["payload"]["user_id"].as_i64().and_then(|id| id.try_into().ok()).expect("an id");
    (caller, login)
}

fn ids(list: &Response) -> Vec<String> {
    list.column("id").iter().map(|id| id.as_str().expect("an id").to_owned()).collect()
}

async fn devices(caller: &Caller) -> Vec<Value> {
    caller.get("/auth/sessions").await.ok().column("device")
}

#[tokio::test]
async fn people_see_where_they_are_logged_in_the_newest_first() {
    let server = Server::on_a_fresh_database().await;
    server.person_with("ada", &[]).await;
    server.person_with("eva", &[]).await;
    server.app.clock.turn(Duration::seconds(60));
    let (_, old) = log_in_from(&server, "ada", "an old phone", false).await;
    server.app.clock.turn(Duration::seconds(60));
    let (laptop, _) = log_in_from(&server, "ada", "a laptop", true).await;

    let list = laptop.get("/auth/sessions").await;
    assert_eq!(list.column("device"), [json!("a laptop"), json!("an old phone"), Value::Null]);
    assert_eq!(list.column("current"), [json!(true), json!(false), json!(false)]);
    let phone = &list.body[1];
    assert_eq!(phone["id"], old.body["session_id"]);
    assert_eq!((&phone["address"], &phone["client_id"]), (&json!("127.0.0.1"), &json!("web-shop")));
    assert_eq!(phone["expires_at"], old.body["expires_at"]);
    let text = list.text.to_lowercase();
    assert!(!text.contains(&hex::encode(TokenHash::of(laptop.token()).expect("a token").as_bytes())));
}

#[tokio::test]
async fn what_is_over_is_not_listed_and_what_was_renewed_was_seen_then() {
    let server = Server::on_a_fresh_database().await;
    let ada = server.person_with("ada", &[]).await;
    server.session_of(ada.id).await;
    server.app.clock.turn(Duration::seconds(285));
    assert_eq!(ada.check().await.body["renewed"], true);
    server.app.clock.turn(Duration::seconds(100));
    let list = ada.get("/auth/sessions").await;
    assert_eq!(ids(&list).len(), 1, "the other one is over, though not purged");
    assert!(list.body[0]["last_seen_at"].as_str() > list.body[0]["created_at"].as_str());
}

#[tokio::test]
async fn a_session_that_its_owner_ends_is_dead_in_the_next_check_on_every_instance() {
    let server = Server::on_a_fresh_database().await;
    let elsewhere = server.another_instance().await;
    let ada = server.person_with("ada", &[]).await;
    for refresh in [false, true] {
        let (phone, login) = log_in_from(&server, "ada", "a phone", refresh).await;
        assert_eq!(phone.at(&elsewhere).check().await.status, 200);
        let list = ada.get("/auth/sessions").await;
        let id = list.body[0]["id"].as_str().expect("an id").to_owned();
        let ended = ada.delete(&format!("/auth/sessions/{id}")).await;
        assert_eq!((ended.status, &ended.body), (200, &json!({"status": "session_revoked", "id": id})));
        assert_eq!(phone.at(&elsewhere).check().await.refusal(), (401, "invalid_token"));
        assert_eq!(ada.delete(&format!("/auth/sessions/{id}")).await.refusal(), (404, "session_not_found"));
        if refresh {
            let body = json!({"refresh_token": login.refresh_token()});
            assert_eq!(ada.post("/auth/refresh", body).await.refusal(), (401, "invalid_refresh_token"));
        }
    }
    let told = "select count(*) from auth.audit_events where action = 'session.revoked' and subject_id = actor_id";
    assert_eq!(server.number(told).await, 2);
}

#[tokio::test]
async fn a_session_can_be_named_as_answers_about_its_token_name_it() {
    let server = Server::on_a_fresh_database().await;
    let ada = server.person_with("ada", &[]).await;
    let (phone, login) = log_in_from(&server, "ada", "a phone", true).await;
    let named = login.body["session_id"].as_str().expect("an id");
    assert!(!ids(&ada.get("/auth/sessions").await).contains(&named.to_owned()), "a family has an id that stays");
    ada.delete(&format!("/auth/sessions/{named}")).await.ok();
    assert_eq!(phone.check().await.refusal(), (401, "invalid_token"));
    assert_eq!(server.number("select count(*) from auth.refresh_families").await, 0);
}

#[tokio::test]
async fn nobody_ends_the_session_of_somebody_else_or_of_nobody() {
    let server = Server::on_a_fresh_database().await;
    let (ada, eva) = (server.person_with("ada", &[]).await, server.person_with("eva", &[]).await);
    let (evas, _) = log_in_from(&server, "eva", "a phone", true).await;
    let known = ids(&eva.get("/auth/sessions").await);
    let hash = hex::encode(TokenHash::of(ada.token()).expect("a token").as_bytes());
    let own = ids(&ada.get("/auth/sessions").await).remove(0);
    let forged = [
        known[0].as_str(),
        known[1].as_str(),
        "0",
        "'%20or%20true--",
        "%00",
        &hash,
        &hash[..32],
        &own.to_uppercase(),
        &own[..31],
        &format!("{own}0"),
        &format!("{own}%20"),
    ];
    for id in forged {
        let answer = ada.delete(&format!("/auth/sessions/{id}")).await;
        assert!(answer.refusal() == (404, "session_not_found"), "{id}: {answer:?}");
    }
    for session in [&ada, &eva, &evas] {
        assert_eq!(session.check().await.status, 200);
    }
}

#[tokio::test]
async fn ending_the_others_leaves_the_one_that_asks() {
    let server = Server::on_a_fresh_database().await;
    let ada = server.person_with("ada", &[]).await;
    let eva = server.person_with("eva", &[]).await;
    for asking_refreshes in [false, true] {
        let (phone, _) = log_in_from(&server, "ada", "a phone", false).await;
        let (tablet, _) = log_in_from(&server, "ada", "a tablet", true).await;
        let (laptop, login) = log_in_from(&server, "ada", "a laptop", asking_refreshes).await;
        let others = laptop.get("/auth/sessions").await.column("id").len() - 1;
        let ended = laptop.delete("/auth/sessions").await;
        assert_eq!((ended.status, &ended.body), (200, &json!({"status": "sessions_revoked", "revoked": others})));
        for session in [&phone, &tablet, &ada] {
            assert_eq!(session.check().await.refusal(), (401, "invalid_token"));
        }
        assert_eq!(devices(&laptop).await, [json!("a laptop")]);
        if asking_refreshes {
            laptop.post("/auth/refresh", json!({"refresh_token": login.refresh_token()})).await.ok();
        }
    }
    assert_eq!(eva.check().await.status, 200);
}

#[tokio::test]
async fn administrators_see_and_end_the_sessions_of_who_holds_no_more_than_they() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let writer = server.person_with("writer", &[(0, -1)]).await;
    let ada = server.person_with("ada", &[]).await;
    let (phone, _) = log_in_from(&server, "ada", "a phone", true).await;
    let sessions = format!("/users/{}/sessions", ada.id);
    assert_eq!(writer.get(&sessions).await.column("device"), [json!("a phone"), Value::Null]);
    assert_eq!(writer.get(&sessions).await.column("current"), [false, false]);
    let ended = writer.delete(&sessions).await;
    assert_eq!(ended.body, json!({"status": "sessions_revoked", "revoked": 2}));
    for session in [&ada, &phone] {
        assert_eq!(session.check().await.refusal(), (401, "invalid_token"));
    }
    let roots = format!("/users/{}/sessions", root.id);
    assert_eq!(writer.delete(&roots).await.refusal(), (403, "insufficient_permissions"));
    assert_eq!(root.check().await.status, 200);
    for path in ["/users/4711/sessions", "/users/99999999999/sessions"] {
        assert_eq!(root.get(path).await.refusal(), (404, "user_not_found"));
        assert_eq!(root.delete(path).await.refusal(), (404, "user_not_found"));
    }
    assert_eq!(root.get("/users/ada/sessions").await.refusal(), (400, "invalid_user_id"));
    assert_eq!(root.delete(&roots).await.body["revoked"], 1, "also one's own");
    assert_eq!(root.check().await.refusal(), (401, "invalid_token"));
}

#[tokio::test]
async fn page_by_page_one_sees_every_session_once() {
    let server = Server::on_a_fresh_database().await;
    let ada = server.person_with("ada", &[]).await;
    // Many at one and the same moment.
    server.sessions_of(&[ada.id; 30]).await;
    log_in_from(&server, "ada", "a phone", true).await;
    let whole = ids(&ada.get("/auth/sessions").await);
    assert_eq!(whole.len(), 32);
    for limit in [1, 7, 31, 32, 1000] {
        let mut seen = Vec::new();
        let mut next = Some(format!("/auth/sessions?limit={limit}"));
        while let Some(path) = next {
            let page = ada.get(&path).await.ok();
            seen.extend(ids(&page));
            next = page.next();
        }
        assert_eq!(seen, whole, "by {limit}");
    }
    for forged in ["limit=0", "limit=1001", "limit=-1", "limit=x", "before=", "before=1", "before=1.x", "before=%00"] {
        let path = format!("/auth/sessions?{forged}");
        assert_eq!(ada.get(&path).await.refusal(), (400, "invalid_query"), "{forged}");
    }
    let future = format!("/auth/sessions?before=99999999999999999.{}", "f".repeat(32));
    assert_eq!(ada.get(&future).await.column("id").len(), 32, "a cursor is a place, and opens nothing");
}

#[tokio::test]
async fn with_one_session_too_many_the_one_that_was_unused_longest_ends_and_that_is_told() {
    let server = Server::configured(&[("SESSIONS_PER_PERSON", "3")]).await;
    let (first, eva) = (server.person_with("ada", &[]).await, server.person_with("eva", &[]).await);
    server.app.clock.turn(Duration::seconds(10));
    let (second, refreshes) = log_in_from(&server, "ada", "a phone", true).await;
    server.app.clock.turn(Duration::seconds(10));
    let (third, _) = log_in_from(&server, "ada", "a laptop", false).await;
    server.app.clock.turn(Duration::seconds(265));
    assert_eq!(first.check().await.body["renewed"], true, "it is used");
    let (fourth, _) = log_in_from(&server, "ada", "a tablet", false).await;
    let mut live = Vec::new();
    for session in [&first, &second, &third, &fourth, &eva] {
        live.push(session.check().await.status == 200);
    }
    assert_eq!(live, [true, false, true, true, true]);
    let answer = server.anonymous().post("/auth/refresh", json!({"refresh_token": refreshes.refresh_token()})).await;
    assert_eq!(answer.refusal(), (401, "invalid_refresh_token"));
    let told = first.get("/auth/me/activity").await.ok();
    let ended: Vec<&Value> =
        told.body.as_array().into_iter().flatten().filter(|event| event["action"] == "session.revoked").collect();
    assert_eq!(ended.len(), 1, "{told:?}");
    assert_eq!(ended[0]["after"], json!({"reason": "too many sessions"}));
    let family = server.number("select count(*) from auth.changes where kind = 'session-revoked'").await;
    assert_eq!(family, 1, "and backends hear of it");
}

#[tokio::test]
async fn what_is_over_takes_no_place_of_a_session() {
    let server = Server::configured(&[("SESSIONS_PER_PERSON", "2")]).await;
    let ada = server.person_with("ada", &[]).await;
    let (_, refreshes) = log_in_from(&server, "ada", "a phone", true).await;
    server.app.clock.turn(Duration::seconds(301));
    log_in_from(&server, "ada", "a laptop", false).await;
    assert_eq!(ada.check().await.status, 401);
    let answer = server.anonymous().post("/auth/refresh", json!({"refresh_token": refreshes.refresh_token()})).await;
    assert_eq!(answer.status, 200, "one was over, though not purged");
}

#[tokio::test]
async fn of_fifty_logins_at_once_on_two_instances_no_more_sessions_are_left_than_may_be() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "12"), ("SESSIONS_PER_PERSON", "100")]).await;
    let other = server.another_instance().await;
    let ada = server.person_with("ada", &[]).await;
    server.sessions_of(&vec![ada.id; 95]).await;
    let (here, there) = (std::rc::Rc::new(server), std::rc::Rc::new(other));
    let logins = (0..50).map(|n| {
        let at = std::rc::Rc::clone(if n % 2 == 0 { &here } else { &there });
        async move { at.session_of(ada.id).await }
    });
    let begun = Caller::together(logins).await;
    assert_eq!(here.number("select count(*) from auth.tokens_cache").await, 100);
    let mut live = 0;
    for session in &begun {
        live += i32::from(session.check().await.status == 200);
    }
    assert_eq!(live, 50, "those before them were unused for longer");
    let events = here.number("select count(*) from auth.audit_events where action = 'session.revoked'").await;
    assert_eq!(events, 46);
}
