//! `Idempotency-Key`: what is asked twice is done once, whatever happens in between.

use std::time::Duration;

use axum::http::Method;
use portero::gate::idempotency;
use portero::platform::database::Transaction;
use serde_json::{Value, json};
use tokio::task::LocalSet;

use crate::support::document::operations;
use crate::support::{Caller, Response, Server};
use crate::users::{ada, with};

const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

fn replayed(answer: &Response) -> bool {
    answer.header("idempotency-replayed") == "true"
}

/// Asks until the answer is there; so many at once are sometimes too many.
async fn insist(caller: &Caller, path: &str, body: Value) -> Response {
    loop {
        let answer = caller.post_once(path, KEY, body.clone()).await;
        if !["idempotency_key_in_use", "unavailable"].contains(&answer.error()) {
            return answer;
        }
        tokio::task::yield_now().await;
    }
}

/// Every request of the caller waits until this ends.
async fn hold(server: &Server, caller: &Caller) -> Transaction {
    let mut tx = server.app.db.begin().await.expect("a transaction");
    sqlx::query("select id from auth.person where id = $1 for update")
        .bind(caller.id)
        .execute(&mut *tx)
        .await
        .expect("a lock");
    tx
}

async fn until_waiting(server: &Server, requests: i64) {
    let waiting = "select count(*) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'";
    while server.number(waiting).await < requests {
        tokio::task::yield_now().await;
    }
}

#[test]
fn every_post_that_makes_something_takes_a_key() {
    for operation in operations() {
        let makes = operation.method == Method::POST && operation.json["responses"].get("201").is_some();
        let parameters = operation.json["parameters"].as_array().into_iter().flatten();
        let takes = parameters.into_iter().any(|parameter| parameter["name"] == "Idempotency-Key");
        assert!(!makes || takes, "{operation}: register it with `once`");
    }
}

#[tokio::test]
async fn fifty_posts_under_one_key_make_one_thing_and_are_answered_the_same() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "12")]).await;
    let other = server.another_instance().await;
    let root = server.administrator().await;
    let posts = (0..50).map(|n| {
        let root = if n % 2 == 0 { root.clone() } else { root.at(&other) };
        async move { insist(&root, "/users", ada()).await }
    });
    let answers = Caller::together(posts).await;
    assert_eq!(server.number("select count(*) from auth.person where username = 'ada'").await, 1);
    assert_eq!(server.number("select count(*) from auth.audit_events where action = 'user.created'").await, 1);
    assert_eq!(answers.iter().filter(|answer| !replayed(answer)).count(), 1, "{answers:?}");
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (201, &answers[0].body));
        assert_eq!(answer.header("content-type"), "application/json");
    }
}

#[tokio::test]
async fn another_body_or_path_under_the_same_key_is_refused() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    root.post_once("/roles", KEY, json!({"name": "Clerk"})).await.ok();
    let other_body = root.post_once("/roles", KEY, json!({"name": "Baker"})).await;
    assert_eq!(other_body.refusal(), (422, "idempotency_key_reused"));
    let other_path = root.post_once("/permissions", KEY, json!({"name": "Clerk"})).await;
    assert_eq!(other_path.refusal(), (422, "idempotency_key_reused"));
    let same = root.post_once("/roles", KEY, json!({"name": "Clerk"})).await;
    assert_eq!((same.status, replayed(&same)), (201, true), "without the key it would be 200: it stood already");
    assert_eq!(root.post_once("/roles", "another", json!({"name": "Baker"})).await.status, 201);
}

#[tokio::test]
async fn two_callers_with_the_same_key_have_nothing_to_do_with_each_other() {
    let server = Server::on_a_fresh_database().await;
    let (root, chief) = (server.administrator().await, server.person_with("chief", &[(0, 0)]).await);
    let first = root.post_once("/roles", KEY, json!({"name": "Clerk"})).await.ok();
    let second = chief.post_once("/roles", KEY, json!({"name": "Clerk"})).await;
    assert_eq!((second.status, replayed(&second)), (200, false));
    assert_eq!(first.body, second.body);
    let third = chief.post_once("/permissions", "another", json!({"name": "bake"})).await;
    assert_eq!(third.status, 201);
}

#[tokio::test]
async fn a_secret_that_is_shown_once_is_shown_again_to_the_session_that_asked_and_to_no_other() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let till = json!({"name": "till"});
    let made = adm1.post_once("/services/4/keys", KEY, till.clone()).await.ok();
    let again = adm1.post_once("/services/4/keys", KEY, till.clone()).await;
    assert_eq!((again.status, &again.body, replayed(&again)), (201, &made.body, true));
    let elsewhere = server.session_of(adm1.id).await.post_once("/services/4/keys", KEY, till.clone()).await;
    assert_eq!(elsewhere.refusal(), (409, "idempotency_answer_lost"));
    assert_eq!(server.number("select count(*) from auth.service_keys").await, 1);
    adm1.send(Method::POST, "/auth/logout", "").await.ok();
    let over = adm1.post_once("/services/4/keys", KEY, till).await;
    assert_eq!(over.refusal(), (401, "invalid_token"), "a stored answer is for nobody whose session has ended");
}

#[tokio::test]
async fn a_refusal_leaves_the_key_free() {
    let server = Server::on_a_fresh_database().await;
    let (root, nobody) = (server.administrator().await, server.powerless().await);
    root.post("/users", ada()).await.ok();
    assert_eq!(root.post_once("/users", KEY, ada()).await.refusal(), (409, "user_exists"));
    assert_eq!(root.post_once("/users", KEY, json!({})).await.refusal(), (400, "invalid_request_body"));
    assert_eq!(nobody.post_once("/users", KEY, ada()).await.refusal(), (403, "insufficient_permissions"));
    let stranger = server.anonymous().post_once("/users", KEY, ada()).await;
    assert_eq!(stranger.refusal(), (401, "missing_token_header"));
    assert_eq!(server.number("select count(*) from auth.idempotency_keys").await, 0);
    let eva = with(with(ada(), "username", "eva"), "document_number", "2");
    assert_eq!(root.post_once("/users", KEY, eva).await.status, 201);
}

#[tokio::test]
async fn malformed_keys_are_refused_and_nothing_is_done() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for key in ["", &"x".repeat(256), "ñandú"] {
        let refused = root.post_once("/users", key, ada()).await;
        assert_eq!(refused.refusal(), (400, "invalid_idempotency_key"), "{key}");
    }
    let body = ada().to_string();
    let twice = root.send_with(Method::POST, "/users", &body, |request| {
        request.header("idempotency-key", "a").header("idempotency-key", "a")
    });
    assert_eq!(twice.await.refusal(), (400, "invalid_idempotency_key"));
    assert_eq!(server.number("select count(*) from auth.person where username = 'ada'").await, 0);
}

#[tokio::test]
async fn a_key_where_nothing_is_made_means_nothing() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    for _ in 0..2 {
        let body = json!({"username": "root", "password": "wrong"});
        let login = server.anonymous().post_once("/auth/login", KEY, body).await;
        assert_eq!(login.refusal(), (401, "invalid_credentials"));
        assert!(!replayed(&root.post_once("/check-token", KEY, json!({})).await.ok()));
    }
    assert_eq!(server.number("select count(*) from auth.idempotency_keys").await, 0);
}

#[tokio::test]
async fn the_claim_of_a_request_that_died_with_its_instance_ends_after_a_minute() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    root.post_once("/roles", KEY, json!({"name": "Clerk"})).await.ok();
    server.execute("update auth.idempotency_keys set state = 'claimed', fingerprint = null, answer = null").await;
    server.execute("delete from auth.role where name = 'Clerk'").await;
    for seconds in [0, 59] {
        server.app.clock.turn(time::Duration::seconds(seconds));
        let early = root.post_once("/roles", KEY, json!({"name": "Clerk"})).await;
        assert_eq!(early.refusal(), (409, "idempotency_key_in_use"));
    }
    server.app.clock.turn(time::Duration::seconds(1));
    let later = root.post_once("/roles", KEY, json!({"name": "Clerk"})).await;
    assert_eq!((later.status, replayed(&later)), (201, false));
}

#[tokio::test]
async fn what_was_done_before_the_instance_died_is_not_done_again() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    adm1.post_once("/services/4/keys", KEY, json!({"name": "till"})).await.ok();
    server.execute("update auth.idempotency_keys set state = 'done', fingerprint = null, answer = null").await;
    server.app.clock.turn(time::Duration::seconds(120));
    let again = adm1.post_once("/services/4/keys", KEY, json!({"name": "till"})).await;
    assert_eq!(again.refusal(), (409, "idempotency_answer_lost"));
    assert_eq!(server.number("select count(*) from auth.service_keys").await, 1);
}

#[tokio::test]
async fn of_two_instances_that_do_the_same_at_once_one_does_it_and_the_other_says_so() {
    let server = Server::on_the_demo_data().await;
    let other = server.another_instance().await;
    let adm1 = server.demo("adm1").await;
    let lock = hold(&server, &adm1).await;
    let local = LocalSet::new();
    let post = |at: &Server| {
        let adm1 = adm1.at(at);
        local.spawn_local(async move { adm1.post_once("/services/4/keys", KEY, json!({"name": "till"})).await })
    };
    let (here, there) = (post(&server), post(&other));
    local
        .run_until(async {
            until_waiting(&server, 2).await;
            let meanwhile = adm1.post_once("/services/4/keys", KEY, json!({"name": "till"})).await;
            assert_eq!(meanwhile.refusal(), (409, "idempotency_key_in_use"));
            lock.commit().await.expect("a commit");
        })
        .await;
    local.await;
    let answers = [here.await.expect("an answer"), there.await.expect("an answer")];
    let made = |answer: &&Response| answer.status == 201 && !replayed(answer);
    assert_eq!(answers.iter().filter(made).count(), 1, "{answers:?}");
    assert!(
        answers.iter().all(|answer| answer.status == 201 || answer.refusal() == (409, "idempotency_key_in_use")),
        "{answers:?}"
    );
    assert_eq!(server.number("select count(*) from auth.service_keys").await, 1);
}

#[tokio::test]
async fn nothing_is_written_for_what_is_refused() {
    let server = Server::on_the_demo_data().await;
    let (juan, stranger) = (server.demo("juan").await, server.anonymous());
    server
        .execute(
            "create function auth.no_more() returns trigger language plpgsql as
                 $$ begin raise exception 'something is written'; end $$;
             create trigger no_more before insert or update or delete on auth.idempotency_keys
                 for each statement execute function auth.no_more();",
        )
        .await;
    for (n, operation) in operations().iter().enumerate() {
        let parameters = operation.json["parameters"].as_array().into_iter().flatten();
        if !parameters.into_iter().any(|parameter| parameter["name"] == "Idempotency-Key") {
            continue;
        }
        let body = json!({"username": "zoe", "password": "correct horse battery staple"}).to_string();
        let caller = if operation.is_public() { &stranger } else { &juan };
        for round in 0..3 {
            let key = format!("{KEY}-{n}-{round}");
            let headers = |request: axum::http::request::Builder| {
                request.header("idempotency-key", key).header("content-type", "text/csv")
            };
            let answer = caller.send_with(operation.method.clone(), &operation.example_path(), &body, headers).await;
            // What is one's own to make is refused for another reason.
            let refusals: &[u16] = if operation.path.starts_with("/auth/") { &[400, 401, 403, 409] } else { &[403] };
            assert!(refusals.contains(&answer.status), "{operation}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_caller_has_a_share_of_the_keys() {
    let server = Server::on_a_fresh_database().await;
    let (root, chief) = (server.administrator().await, server.person_with("chief", &[(0, 0)]).await);
    root.post_once("/roles", KEY, json!({"name": "Clerk"})).await.ok();
    server
        .execute(
            "insert into auth.idempotency_keys (key_digest, claim, session, caller, state, claimed_at)
             select sha256(n::text::bytea), 'x', session, caller, 'done', claimed_at - interval '1 hour'
             from auth.idempotency_keys, generate_series(1, 9999) n",
        )
        .await;
    let refused = root.post_once("/roles", "another", json!({"name": "Baker"})).await;
    assert_eq!(refused.refusal(), (429, "too_many_idempotency_keys"));
    let wait: u32 = refused.header("retry-after").parse().expect("seconds");
    assert!((82_000..=82_800).contains(&wait), "{wait}");
    assert!(replayed(&root.post_once("/roles", KEY, json!({"name": "Clerk"})).await.ok()), "what is kept is kept");
    root.post("/roles", json!({"name": "Baker"})).await.ok();
    assert!(!replayed(&chief.post_once("/roles", KEY, json!({"name": "Clerk"})).await.ok()));
}

#[tokio::test]
async fn a_request_that_is_given_up_midway_frees_its_key() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let lock = hold(&server, &root).await;
    let local = LocalSet::new();
    local
        .run_until(async {
            let caller = root.clone();
            let post = tokio::task::spawn_local(async move { caller.post_once("/users", KEY, ada()).await });
            until_waiting(&server, 1).await;
            post.abort();
            assert!(post.await.is_err());
            lock.commit().await.expect("a commit");
            let again = insist(&root, "/users", ada()).await;
            assert_eq!((again.status, replayed(&again)), (201, false));
        })
        .await;
    assert_eq!(server.number("select count(*) from auth.person where username = 'ada'").await, 1);
}

#[tokio::test]
async fn keys_are_forgotten_after_a_day_whether_or_not_the_purge_has_run() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    root.post_once("/roles", KEY, json!({"name": "Clerk"})).await.ok();
    root.post_once("/roles", "another", json!({"name": "Clerk"})).await.ok();
    server.app.clock.turn(time::Duration::hours(24) - time::Duration::seconds(1));
    let root = server.session_of(root.id).await;
    assert_eq!(idempotency::purge(&server.app).await.expect("a purge"), 0);
    let still = root.post_once("/roles", KEY, json!({"name": "Clerk"})).await;
    assert_eq!(still.refusal(), (409, "idempotency_answer_lost"), "that session is over");
    server.app.clock.turn(time::Duration::seconds(1));
    let new = root.post_once("/roles", KEY, json!({"name": "Baker"})).await;
    assert_eq!((new.status, replayed(&new)), (201, false));
    assert_eq!(idempotency::purge(&server.app).await.expect("a purge"), 1);
    tokio::time::timeout(Duration::from_secs(5), root.post_once("/roles", KEY, json!({"name": "Baker"})))
        .await
        .expect("an answer")
        .ok();
}
