//! What is odd: names that nobody can have, callers who do not wait, limits that are off, rows that say nothing any more.

use portero::identity::attempts;
use time::Duration;

use super::{ELSEWHERE, HOME, WRONG, count, fail, fail_patiently, log_in_at, server};
use crate::support::{Caller, PASSWORD, Server};

#[tokio::test]
async fn hostile_names_are_counted_like_any_other() {
    let server = server().await;
    let anonymous = server.anonymous();
    let long = "x".repeat(15_000);
    let names = ["\0", "' or true --", "person-1", "17", " ada", long.as_str(), "person:1@203.0.113.7"];
    for (n, name) in names.into_iter().enumerate() {
        let address = format!("192.0.2.{n}");
        let attempts = (0..6).map(|_| {
            let (anonymous, address, name) = (anonymous.clone(), address.clone(), name.to_owned());
            async move { log_in_at(&address, &anonymous, &name, WRONG).await }
        });
        let answers = Caller::together(attempts).await;
        assert_eq!((count(&answers, 401), count(&answers, 429)), (5, 1), "{name:.20}: {answers:?}");
    }
    let longest = "select max(length(key)) from auth.login_attempts";
    let longest: i32 = sqlx::query_scalar(longest).fetch_one(server.app.db.pool()).await.expect("a length");
    assert_eq!(longest, 69, "a digest, whatever the name");
}

#[tokio::test]
async fn whoever_does_not_wait_for_the_answer_has_guessed_all_the_same() {
    let server = server().await;
    server.person_with("ada", &[]).await;
    let anonymous = server.anonymous();
    for guess in 1..=5 {
        let counted = async {
            while server.number("select coalesce(max(failures), 0)::bigint from auth.login_attempts").await < guess {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        // They go as soon as it counts; where this is seen late, the refusal may have come.
        tokio::select! {
            () = counted => {}
            answer = anonymous.log_in("ada", WRONG) => assert_eq!(answer.status, 401),
        }
    }
    assert_eq!(anonymous.log_in("ada", PASSWORD).await.status, 429);
}

#[tokio::test]
async fn without_limits_nothing_is_counted() {
    let server = Server::configured(&[("LOGIN_FREE_FAILURES", "0"), ("LOGIN_FREE_FAILURES_PER_ADDRESS", "0")]).await;
    server.person_with("ada", &[]).await;
    let answers = fail(&server, 20, HOME, "ada").await;
    assert_eq!(count(&answers, 401), 20);
    assert_eq!(server.anonymous().log_in("ada", PASSWORD).await.status, 200);
    assert_eq!(server.number("select count(*) from auth.login_attempts").await, 0);
}

#[tokio::test]
async fn what_is_forgotten_is_purged_and_what_is_not_is_kept() {
    let server = server().await;
    let ada = server.person_with("ada", &[]).await;
    assert_eq!(log_in_at(HOME, &server.anonymous(), "ada", PASSWORD).await.status, 200);
    server
        .execute(
            "insert into auth.login_attempts (key, failures, forgotten_at, wait_until, last_failed_at, kept_until)
         select 'name:' || n, 1, now(), now(), now(), now() from generate_series(1, 1200) n",
        )
        .await;
    fail(&server, 1, "192.0.2.1", "made up").await;
    fail_patiently(&server, 3, ada.id, ELSEWHERE).await;
    fail_patiently(&server, 1, ada.id, HOME).await;
    let rows = "select count(*) from auth.login_attempts";
    assert!(attempts::purge(&server.app).await.expect("a purge") >= 1200, "in steps, but all");
    server.app.clock.turn(Duration::days(1));
    attempts::purge(&server.app).await.expect("a purge");
    assert_eq!(server.number(rows).await, 2, "ada's");
    assert_eq!(server.number("select count(*) from auth.person_devices").await, 1);
    server.app.clock.turn(Duration::days(90));
    attempts::purge(&server.app).await.expect("a purge");
    assert_eq!(server.number(rows).await, 1, "ada's from anywhere");
    assert_eq!(server.number("select count(*) from auth.person_devices").await, 0);
}
