//! Streams of changes: nothing skipped, nothing twice, one order for all, whatever commits late, breaks or falls behind.

mod ends;
mod order;

use std::time::{Duration, Instant};

use axum::http::Method;
use portero::app::changes::{FeedTimings, prune};
use portero::platform::database::Transaction;
use sqlx::AssertSqlSafe;

use crate::model::Dice;
use crate::support::{Caller, Event, Server, Stream};

/// A server with a service 1, and a backend of it.
async fn with_a_backend() -> (Server, Caller) {
    with_backend_on(Server::configured(&[("MAX_CONNECTIONS", "16")]).await).await
}

async fn with_backend_on(server: Server) -> (Server, Caller) {
    server.execute("insert into auth.services (name) values ('One'), ('Two')").await;
    let backend = server.backend(1).await;
    (server, backend)
}

async fn ready(stream: &mut Stream) -> i64 {
    stream.expect("ready").await.id
}

/// Writes a change that can be told from others.
async fn write(tx: &mut Transaction, name: &str) {
    sqlx::query("insert into auth.changes (kind, person_id, session_id) values ('session-revoked', 1, $1)")
        .bind(name)
        .execute(&mut **tx)
        .await
        .expect("a change");
}

async fn write_now(server: &Server, name: &str) {
    let mut tx = server.app.db.begin().await.expect("a transaction");
    write(&mut tx, name).await;
    tx.commit().await.expect("a commit");
}

fn name(event: &Event) -> String {
    event.data["session_id"].as_str().unwrap_or(&event.name).to_owned()
}

async fn names(stream: &mut Stream, count: usize) -> Vec<String> {
    let mut names = Vec::new();
    while names.len() < count {
        names.push(name(&stream.event().await));
    }
    names
}

#[tokio::test]
async fn who_comes_back_hears_what_they_missed_and_then_that_they_are_up_to_date() {
    let (server, backend) = with_a_backend().await;
    let other = server.another_instance().await;
    let mut stream = backend.listen(None).await;
    let begin = ready(&mut stream).await;
    for n in 0..1500 {
        if n % 500 == 0 {
            server
                .execute("insert into auth.changes (kind, service_id) select 'grants-changed', 1 + n % 2 from generate_series(1, 1000) n")
                .await;
        }
    }
    for n in 0..3 {
        write_now(&server, &format!("missed {n}")).await;
    }
    drop(stream);
    for caller in [&backend, &backend.at(&other)] {
        let mut back = caller.listen(Some(begin)).await;
        for _ in 0..1500 {
            back.expect("grants-changed").await;
        }
        assert_eq!(names(&mut back, 3).await, ["missed 0", "missed 1", "missed 2"]);
        assert_eq!(Some(ready(&mut back).await), back.last_id);
        let last = back.last_id;
        let mut again = caller.listen(last).await;
        assert_eq!(Some(ready(&mut again).await), last, "nothing missed, nothing told");
    }
}

#[tokio::test]
async fn a_stream_begins_with_now() {
    let (server, backend) = with_a_backend().await;
    for n in 0..3 {
        write_now(&server, &format!("before {n}")).await;
    }
    let mut stream = backend.listen(None).await;
    let begin = ready(&mut stream).await;
    assert_eq!(begin, 3, "and says where that is");
    drop(stream);
    write_now(&server, "after").await;
    let mut back = backend.listen(Some(begin)).await;
    assert_eq!(name(&back.event().await), "after", "who heard nothing but that misses nothing");
}

#[tokio::test]
async fn who_was_away_too_long_is_told_to_ask_again() {
    let (server, backend) = with_a_backend().await;
    let mut stream = backend.listen(None).await;
    let begin = ready(&mut stream).await;
    for n in 0..3 {
        write_now(&server, &format!("old {n}")).await;
    }
    names(&mut stream, 3).await;
    let up_to_date = stream.last_id;
    assert_eq!(prune(&server.app).await.expect("a pruning"), 0, "nothing is old yet");
    server.app.clock.turn(time::Duration::hours(2));
    write_now(&server, "new").await;
    stream.event().await;
    assert_eq!(prune(&server.app).await.expect("a pruning"), 3);
    assert_eq!(server.number("select count(*) from auth.changes").await, 1);

    for (last, reason) in [(begin, "too_old"), (begin + 1, "too_old"), (4_000_000_000, "unknown_position")] {
        let mut late = backend.listen(Some(last)).await;
        let reset = late.expect("reset").await;
        assert_eq!((reset.data["reason"].as_str(), reset.id), (Some(reason), 4));
        assert_eq!(ready(&mut late).await, 4);
        let mut back = backend.listen(Some(reset.id)).await;
        assert_eq!(ready(&mut back).await, 4, "the reset's own id is a place to go on from");
    }
    let mut back = backend.listen(up_to_date).await;
    assert_eq!(name(&back.event().await), "new", "who missed nothing of what was pruned goes on");
    stream.silence().await;
}

#[tokio::test]
async fn what_was_never_read_is_pruned_only_when_it_could_have_been() {
    let (server, _) = with_a_backend().await;
    let mut open = server.app.db.begin().await.expect("a transaction");
    write(&mut open, "late").await;
    write_now(&server, "unread").await;
    assert_eq!(prune(&server.app).await.expect("a pruning"), 0);
    server.app.clock.turn(time::Duration::hours(2));
    open.commit().await.expect("a commit");
    assert_eq!(prune(&server.app).await.expect("a pruning"), 1, "the late one has just come");
    server.app.clock.turn(time::Duration::hours(2));
    assert_eq!(prune(&server.app).await.expect("a pruning"), 1);
}

#[tokio::test]
async fn pruning_goes_batch_by_batch_and_by_one_instance_at_a_time() {
    let (server, _) = with_a_backend().await;
    server
        .execute("insert into auth.changes (kind, service_id) select 'grants-changed', 1 from generate_series(1, 2500)")
        .await;
    assert_eq!(prune(&server.app).await.expect("a pruning"), 0);
    server.app.clock.turn(time::Duration::hours(2));
    let mut other = server.app.db.begin().await.expect("a transaction");
    sqlx::query("select pg_advisory_xact_lock(hashtext('auth.prune_changes'))").execute(&mut *other).await.expect("it");
    assert_eq!(prune(&server.app).await.expect("nothing"), 0, "somebody is at it");
    other.rollback().await.expect("an end");
    assert_eq!(prune(&server.app).await.expect("a pruning"), 2500);
}

#[tokio::test]
async fn who_does_not_read_is_told_what_they_lost() {
    let (server, backend) = with_a_backend().await;
    let (mut reads, mut sleeps) = (backend.listen(None).await, backend.listen(None).await);
    ready(&mut reads).await;
    ready(&mut sleeps).await;
    for _ in 0..10 {
        server
            .execute(
                "insert into auth.changes (kind, service_id) select 'grants-changed', 1 from generate_series(1, 900)",
            )
            .await;
        for _ in 0..900 {
            reads.expect("grants-changed").await;
        }
    }
    let reset = sleeps.expect("reset").await;
    assert_eq!((reset.data["reason"].as_str(), Some(reset.id)), (Some("too_slow"), reads.last_id));
    write_now(&server, "and on").await;
    assert_eq!(name(&sleeps.event().await), "and on");
    assert_eq!(name(&reads.event().await), "and on", "who did read lost nothing");
}

#[tokio::test]
async fn an_id_that_can_not_be_one_is_refused() {
    let (_server, backend) = with_a_backend().await;
    let with = |ids: &'static [&'static str]| {
        backend.send_with(Method::GET, "/changes", "", move |request| {
            ids.iter().fold(request, |request, id| request.header("last-event-id", *id))
        })
    };
    let refused: [&[&str]; 7] = [&["x"], &["-1"], &["+1"], &["1.5"], &["99999999999999999999"], &["1", "2"], &["1 2"]];
    for ids in refused {
        let answer = with(ids).await;
        assert_eq!(answer.refusal(), (400, "invalid_header"), "{ids:?}");
        assert!(answer.body["detail"].as_str().is_some_and(|detail| detail.contains("Last-Event-ID")), "{answer:?}");
    }
    assert_eq!(with(&[""]).await.text, "ready");
    assert_eq!(with(&["0"]).await.status, 200);
}
