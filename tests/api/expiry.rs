//! How long a token lives, told by a clock that tests turn.

use portero::gate::sessions::walk;
use portero::platform::database::duty;
use serde_json::json;
use time::Duration;

use crate::support::{Caller, Server};

fn after(seconds: i64) -> Duration {
    Duration::seconds(seconds)
}

#[tokio::test]
async fn a_token_that_is_not_used_ends_after_its_time() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    server.app.clock.turn(after(149));
    assert_eq!(root.check().await.body["renewed"], false, "before half its time nothing is due");
    server.app.clock.turn(after(160));
    for path in ["/auth/profile", "/users", "/users/1"] {
        assert_eq!(root.get(path).await.refusal(), (401, "expired_token"), "{path}");
    }
    assert_eq!(root.check().await.refusal(), (401, "expired_token"));
    assert_eq!(root.post("/auth/logout", json!({})).await.refusal(), (401, "expired_token"));
    assert_eq!(server.number("select count(*) from auth.tokens_cache").await, 1, "expired before it is purged");
}

#[tokio::test]
async fn a_check_near_the_end_renews_and_says_so_once() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    let end = root.check().await.body["expires_at"].as_i64().expect("seconds");
    server.app.clock.turn(after(280));
    let renewed = root.check().await;
    assert_eq!(renewed.body["renewed"], true);
    let new_end = renewed.body["expires_at"].as_i64().expect("seconds");
    assert!((280..=282).contains(&(new_end - end)), "{end} to {new_end}");
    let again = root.check().await;
    assert_eq!((&again.body["renewed"], &again.body["expires_at"]), (&json!(false), &json!(new_end)));
}

#[tokio::test]
async fn a_profile_renews_as_a_check_does() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    server.app.clock.turn(after(280));
    assert_eq!(root.get("/auth/profile").await.body["renewed"], true);
    assert_eq!(root.get("/auth/profile").await.body["renewed"], false);
}

#[tokio::test]
async fn who_keeps_coming_back_stays_until_the_absolute_end() {
    let server = Server::configured(&[("TOKEN_MAX_AGE_SECONDS", "1000")]).await;
    let root = server.administrator().await;
    let begin = server.app.clock.now().unix_timestamp();
    for _ in 0..3 {
        server.app.clock.turn(after(280));
        let check = root.check().await;
        assert_eq!((check.status, &check.body["renewed"]), (200, &json!(true)));
    }
    let end = root.check().await.body["expires_at"].as_i64().expect("seconds");
    assert!((begin + 999..=begin + 1000).contains(&end), "never beyond 1000 s from the login");
    server.app.clock.turn(after(150));
    assert_eq!(root.check().await.body["renewed"], false, "a renewal would gain nothing");
    server.app.clock.turn(after(20));
    assert_eq!(root.check().await.refusal(), (401, "expired_token"));
}

#[tokio::test]
async fn lifetimes_are_as_configured() {
    let server = Server::configured(&[("TOKEN_TTL_SECONDS", "60"), ("TOKEN_RENEW_THRESHOLD_SECONDS", "0")]).await;
    let root = server.administrator().await;
    server.app.clock.turn(after(55));
    assert_eq!(root.check().await.body["renewed"], false, "with a threshold of 0 nothing is renewed");
    server.app.clock.turn(after(5));
    assert_eq!(root.check().await.refusal(), (401, "expired_token"));
}

#[tokio::test]
async fn of_fifty_checks_near_the_end_one_renews_and_all_are_valid() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "16")]).await;
    let root = server.administrator().await;
    let elsewhere = server.another_instance().await;
    for _ in 0..3 {
        server.app.clock.turn(after(285));
        let callers = (0..50).map(|n| root.at(if n % 2 == 0 { &server } else { &elsewhere }));
        let checks = Caller::together(callers.map(|root| async move { root.check().await })).await;
        assert!(checks.iter().all(|check| check.status == 200), "all are valid");
        assert_eq!(checks.iter().filter(|check| check.body["renewed"] == true).count(), 1, "one renews");
    }
}

#[tokio::test]
async fn a_check_that_races_the_logout_never_revives_the_session() {
    let server = Server::configured(&[("MAX_CONNECTIONS", "16")]).await;
    for n in 0..10 {
        let root = server.person_with(&format!("caller{n}"), &[]).await;
        server.app.clock.turn(after(285));
        let requests = (0..12).map(|n| {
            let root = root.clone();
            async move { if n == 6 { root.post("/auth/logout", json!({})).await } else { root.check().await } }
        });
        for (n, answer) in Caller::together(requests).await.into_iter().enumerate() {
            let expected: &[u16] = if n == 6 { &[200] } else { &[200, 401] };
            assert!(expected.contains(&answer.status), "{answer:?}");
        }
        assert_eq!(root.check().await.refusal(), (401, "invalid_token"));
    }
}

#[tokio::test]
async fn the_purge_walks_through_the_whole_table_and_deletes_what_is_over() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    // Some hundred pages of sessions, every third of which will be over.
    server
        .execute(
            "insert into auth.tokens_cache (token, person_id, payload, created_at, modified_at)
            select sha256(n::text::bytea), 1, '{}', moment, moment
            from generate_series(1, 9000) n, lateral (select now() - case when n % 3 = 0 then '1 hour' else '0 s' end
                ::interval as moment) m",
        )
        .await;
    assert!(server.number("select pg_relation_size('auth.tokens_cache') / 8192").await > 100);
    assert_eq!(walk(&server.app).await.expect("a purge"), 3000);
    assert_eq!(server.number("select count(*) from auth.tokens_cache").await, 6001);
    assert_eq!(root.check().await.status, 200);

    server.app.clock.turn(after(400));
    let late = server.session_of(root.id).await;
    assert_eq!(walk(&server.app).await.expect("a purge"), 6001);
    assert_eq!(late.check().await.status, 200);
    assert_eq!(root.check().await.refusal(), (401, "invalid_token"), "what is purged is unknown");
}

#[tokio::test]
async fn the_purge_ends_sessions_that_are_too_old_however_often_they_were_renewed() {
    let server = Server::configured(&[("TOKEN_MAX_AGE_SECONDS", "400")]).await;
    let root = server.administrator().await;
    server.app.clock.turn(after(285));
    assert_eq!(root.check().await.body["renewed"], true);
    server.app.clock.turn(after(120));
    assert_eq!(walk(&server.app).await.expect("a purge"), 1);
}

#[tokio::test]
async fn of_many_instances_one_purges_in_a_minute() {
    let server = Server::on_a_fresh_database().await;
    let minute = std::time::Duration::from_mins(1);
    let claims = (0..8).map(|_| {
        let db = server.app.db.clone();
        async move { duty::claim(&db, "purge sessions", minute).await.expect("an answer") }
    });
    let claimed = Caller::together(claims).await;
    assert_eq!(claimed.iter().filter(|claimed| **claimed).count(), 1);

    server.execute("update auth.duties set due_at = now() - interval '1 second'").await;
    assert!(
        duty::claim(&server.app.db, "purge sessions", minute).await.expect("an answer"),
        "and another one in the next"
    );
}

#[tokio::test]
async fn the_purge_waits_for_nobody() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    server.session_of(root.id).await;
    server.app.clock.turn(after(400));
    let mut tx = server.app.db.begin().await.expect("a transaction");
    sqlx::query("select from auth.tokens_cache limit 1 for update").execute(&mut *tx).await.expect("a lock");
    assert_eq!(walk(&server.app).await.expect("a purge"), 1, "the row that somebody holds is skipped");
    tx.rollback().await.expect("a rollback");
    assert_eq!(walk(&server.app).await.expect("a purge"), 1, "until they let it go");
}
