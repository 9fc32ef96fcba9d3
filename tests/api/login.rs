//! Logging in, seeing one's session, logging out.

use axum::http::Method;
use serde_json::json;

use crate::support::{Caller, PASSWORD, Server};

#[tokio::test]
async fn juan_logs_in_and_is_told_who_he_is_and_how_long() {
    let server = Server::on_the_demo_data().await;
    let answer = server.anonymous().log_in("juan", "juan-hash").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["payload"], json!({"user_id": 7, "username": "juan", "name": "Juan Demo"}));
    let left = answer.body["expires_at"].as_i64().expect("seconds") - server.app.clock.now().unix_timestamp();
    assert!((290..=300).contains(&left), "{left} of 300 s");
}

#[tokio::test]
async fn everybody_of_the_demo_logs_in_with_their_documented_password() {
    let server = Server::on_the_demo_data().await;
    for username in [
        "adm1", "usr1", "usr2", "usr3", "editor1", "viewer1", "juan", "adm2", "adm3", "usr4", "usr5", "editor2",
        "editor3", "viewer2", "viewer3",
    ] {
        assert_eq!(server.anonymous().log_in(username, &format!("{username}-hash")).await.status, 200, "{username}");
    }
}

#[tokio::test]
async fn the_token_that_a_login_answers_is_good_in_either_header() {
    let server = Server::on_the_demo_data().await;
    let login = server.anonymous().log_in("juan", "juan-hash").await;
    let token = login.token();
    let profile = server.anonymous().with_token(token).get("/auth/profile").await;
    assert_eq!(profile.body["payload"]["user_id"], 7);
    assert_eq!(profile.body["renewed"], false);
    assert_eq!(profile.body["expires_at"], login.body["expires_at"]);
    let bearer = server
        .anonymous()
        .send_with(Method::GET, "/auth/profile", "", |request| {
            request.header("authorization", format!("Bearer {token}"))
        })
        .await;
    assert_eq!(bearer.status, 200);
}

#[tokio::test]
async fn each_login_begins_a_session_of_its_own() {
    let server = Server::on_the_demo_data().await;
    let first = server.anonymous().log_in("juan", "juan-hash").await;
    let second = server.anonymous().log_in("juan", "juan-hash").await;
    assert_ne!(first.body["token"], second.body["token"]);
    let first = server.anonymous().with_token(first.token());
    let second = server.anonymous().with_token(second.token());
    assert_eq!(first.post("/auth/logout", json!({})).await.body["status"], "logged_out");
    assert_eq!(first.check().await.refusal(), (401, "invalid_token"));
    assert_eq!(second.check().await.status, 200, "the other session goes on");
}

#[tokio::test]
async fn a_presented_token_never_becomes_the_new_sessions_token() {
    let server = Server::on_the_demo_data().await;
    let juan = server.demo("juan").await;
    let login = juan.log_in("juan", "juan-hash").await;
    assert_eq!(login.status, 200, "logging in needs no token, and one that is sent does no harm");
    assert_ne!(login.body["token"], juan.token());
}

#[tokio::test]
async fn who_logs_out_is_out_on_every_instance_at_once_and_on_all_routes() {
    let server = Server::on_the_demo_data().await;
    let elsewhere = server.another_instance().await;
    let juan = server.demo("juan").await;
    assert_eq!(juan.at(&elsewhere).check().await.status, 200);
    assert_eq!(juan.post("/auth/logout", json!({})).await.status, 200);
    for instance in [&server, &elsewhere] {
        let juan = juan.at(instance);
        assert_eq!(juan.check().await.refusal(), (401, "invalid_token"));
        assert_eq!(juan.get("/auth/profile").await.refusal(), (401, "invalid_token"));
        assert_eq!(juan.get("/users/7").await.refusal(), (401, "invalid_token"));
        assert_eq!(juan.post("/auth/logout", json!({})).await.refusal(), (401, "invalid_token"));
    }
}

#[tokio::test]
async fn a_login_leaves_its_traces_with_the_session() {
    let server = Server::on_the_demo_data().await;
    let body = json!({"username": "juan", "password": "juan-hash"}).to_string();
    let anonymous = server.anonymous();
    let login = anonymous.send_with(Method::POST, "/auth/login", &body, |request| {
        request.header("x-client-id", "till 4").header("user-agent", "curl/8")
    });
    assert_eq!(login.await.status, 200);
    let traces: (String, String, String) =
        sqlx::query_as("select client_id, user_agent, host(address) from auth.tokens_cache")
            .fetch_one(server.app.db.pool())
            .await
            .expect("a session");
    assert_eq!(traces, ("till 4".to_owned(), "curl/8".to_owned(), "127.0.0.1".to_owned()));
    assert_eq!(server.number("select count(*) from auth.person where last_login_at is not null").await, 1);
    assert_eq!(server.log.lines("client_id=till 4").len() + server.log.lines("client_id=\"till 4\"").len(), 1);
}

#[tokio::test]
async fn traces_that_are_too_long_are_cut_or_left_out() {
    let server = Server::on_the_demo_data().await;
    let body = json!({"username": "juan", "password": "juan-hash"}).to_string();
    let anonymous = server.anonymous();
    let login = anonymous.send_with(Method::POST, "/auth/login", &body, |request| {
        request.header("x-client-id", "c".repeat(20_000)).header("user-agent", "a".repeat(1_000_000))
    });
    assert_eq!(login.await.status, 200);
    let kept = "select coalesce(length(client_id), 0) + length(user_agent) from auth.tokens_cache";
    assert_eq!(server.number("select count(*) from auth.tokens_cache where client_id is null").await, 1);
    let kept: i32 = sqlx::query_scalar(kept).fetch_one(server.app.db.pool()).await.expect("a length");
    assert_eq!(kept, 300);
}

#[tokio::test]
async fn usernames_are_compared_after_nfc_and_passwords_too() {
    let server = Server::on_a_fresh_database().await;
    let admin = server.administrator().await;
    let jose = json!({
        "username": "José", "password": "contraseña larga", "name": "José",
        "person_type": "N", "document_type": "CE", "document_number": "1",
    });
    assert_eq!(admin.post("/users", jose).await.status, 201);
    let decomposed = server.anonymous().log_in("Jose\u{301}", "contrasen\u{303}a larga").await;
    assert_eq!(decomposed.status, 200);
    assert_eq!(server.anonymous().log_in("jose", "contraseña larga").await.status, 401);
}

#[tokio::test]
async fn spaces_that_keyboards_add_are_no_part_of_a_username() {
    let server = Server::on_a_fresh_database().await;
    server.person_with("ada", &[]).await;
    for typed in ["ada ", " ada", "\tada\u{a0}\n"] {
        assert_eq!(server.anonymous().log_in(typed, PASSWORD).await.status, 200, "{typed:?}");
        let forgotten = server.anonymous().post("/auth/forgot-password", json!({"username": typed})).await;
        assert_eq!(forgotten.status, 202, "{typed:?}");
    }
    let inside = server.anonymous().log_in("a da", PASSWORD).await;
    assert_eq!(inside.refusal(), (401, "invalid_credentials"));
}

#[tokio::test]
async fn a_long_password_is_compared_to_its_last_character() {
    let server = Server::on_a_fresh_database().await;
    let admin = server.administrator().await;
    let long = "tres tristes tigres ".repeat(13)[..255].to_owned();
    let body = json!({
        "username": "ada", "password": format!("{long}b"), "name": "Ada",
        "person_type": "N", "document_type": "DNI", "document_number": "1",
    });
    assert_eq!(admin.post("/users", body).await.status, 201);
    assert_eq!(server.anonymous().log_in("ada", &format!("{long}b")).await.status, 200);
    assert_eq!(server.anonymous().log_in("ada", &format!("{long}c")).await.status, 401);
    assert_eq!(server.anonymous().log_in("ada", &long).await.status, 401);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_login_the_answer_is_the_same() {
    let server = Server::on_a_fresh_database().await;
    let admin = server.administrator().await;
    let removed = server.person_with("removed", &[]).await;
    let disabled = server.person_with("disabled", &[]).await;
    assert_eq!(admin.delete(&format!("/users/{}", removed.id)).await.status, 200);
    server.execute("update auth.person set disabled_at = now() where username = 'disabled'").await;

    admin.post("/users", json!({"username": "without", "name": "Without a password"})).await.ok();

    let mut answers = Vec::new();
    for (username, password) in [
        ("stranger", PASSWORD),
        ("root", "not the right password"),
        ("removed", PASSWORD),
        (disabled.username.as_str(), PASSWORD),
        ("disabled", "not the right password"),
        ("without", PASSWORD),
        ("without", ""),
        ("", PASSWORD),
        ("root", ""),
        ("17", PASSWORD),
        ("person-1", PASSWORD),
        ("ROOT", "not the right password"),
        ("ro ot", PASSWORD),
        ("root\0", PASSWORD),
        ("' or true --", PASSWORD),
    ] {
        let answer = server.anonymous().log_in(username, password).await;
        assert_eq!(answer.refusal(), (401, "invalid_credentials"), "{username:?}");
        let id = answer.header("x-request-id").to_owned();
        answers.push((answer.text.replace(&id, "ID"), answer.headers.keys().cloned().collect::<Vec<_>>()));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
}

/// The time of an answer is for a benchmark to compare; that a hash is really computed shows in this: with nobody to
/// compute one, strangers get the same answer as people.
#[tokio::test]
async fn a_hash_is_computed_for_strangers_too() {
    let server = Server::on_a_fresh_database().await;
    let admin = server.administrator().await;
    admin.post("/users", json!({"username": "without", "name": "Without a password"})).await.ok();
    let attempts = |username: &'static str| {
        let anonymous = server.anonymous();
        (0..50).map(move |_| {
            let anonymous = anonymous.clone();
            async move { anonymous.log_in(username, "not the right password").await }
        })
    };
    for username in ["stranger", "without", ""] {
        let answers = Caller::together(attempts(username)).await;
        let turned_away = answers.iter().filter(|answer| answer.error() == "too_many_at_once").count();
        assert!(turned_away > 0, "50 hashes at once must fill a queue of 32: {username:?} costs no hash");
    }
}

#[tokio::test]
async fn whoever_logs_in_without_end_is_let_in_no_more_and_nothing_is_written_for_it() {
    let server = Server::on_a_fresh_database().await;
    server.person_with("ada", &[]).await;
    server.person_with("eva", &[]).await;
    server.execute("update auth.person set logins_until = now() + interval '1 day' where username = 'ada'").await;
    let other = server.another_instance().await;
    let events = "select count(*) from auth.audit_events";
    let before = server.number(events).await;
    for at in [&server, &other, &server] {
        let refused = at.anonymous().log_in("ada", PASSWORD).await;
        assert_eq!(refused.refusal(), (429, "too_many_logins"));
        assert!(!refused.header("retry-after").is_empty());
    }
    assert_eq!(server.number(events).await, before);
    server.anonymous().log_in("eva", PASSWORD).await.ok();
    server.app.clock.turn(time::Duration::minutes(1));
    server.anonymous().log_in("ada", PASSWORD).await.ok();
    assert_eq!(server.anonymous().log_in("ada", PASSWORD).await.status, 429, "one more a minute");
}
