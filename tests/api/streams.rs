//! Streams of changes: nothing skipped, nothing twice, one order for all, whatever commits late, breaks or falls behind.

use std::time::{Duration, Instant};

use axum::http::Method;
use portero::changes::{Pace, prune};
use sqlx::{AssertSqlSafe, PgTransaction};

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
async fn write(tx: &mut PgTransaction<'static>, name: &str) {
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
async fn a_transaction_that_commits_late_is_told_late_and_never_skipped() {
    let (server, backend) = with_a_backend().await;
    let mut stream = backend.listen(None).await;
    ready(&mut stream).await;
    let mut early = server.app.db.begin().await.expect("a transaction");
    write(&mut early, "written first").await;
    for n in 0..5 {
        write_now(&server, &format!("meanwhile {n}")).await;
        assert_eq!(name(&stream.event().await), format!("meanwhile {n}"), "the open one holds up nobody");
    }
    let seen = stream.last_id;
    early.commit().await.expect("a commit");
    assert_eq!(name(&stream.event().await), "written first");
    let mut resumed = backend.listen(seen).await;
    assert_eq!(name(&resumed.event().await), "written first", "also for who comes back with the last id");
    ready(&mut resumed).await;
    stream.silence().await;
}

/// Transactions of random length that commit in a random order, on two instances at once; listeners that come and go.
async fn interleave(seed: u64) {
    let (server, backend) = with_a_backend().await;
    let other = server.another_instance().await;
    let mut dice = Dice(seed);
    let mut here = backend.listen(None).await;
    let mut there = backend.at(&other).listen(None).await;
    let begin = ready(&mut here).await;
    ready(&mut there).await;
    let mut wanderer = (backend.listen(Some(begin)).await, Vec::new());
    let mut last = begin;

    let mut open: Vec<(usize, PgTransaction<'static>)> = Vec::new();
    let (mut written, mut committed) = (Vec::new(), Vec::new());
    for step in 0..120 {
        match dice.throw(4) {
            0 if open.len() < 6 => open.push((step, server.app.db.begin().await.expect("a transaction"))),
            1 | 2 if !open.is_empty() => {
                let which = dice.throw(open.len());
                let (number, tx) = &mut open[which];
                let name = format!("{number}-{step}");
                write(tx, &name).await;
                written.push((*number, name));
            }
            3 if !open.is_empty() => {
                let (number, tx) = open.swap_remove(dice.throw(open.len()));
                tx.commit().await.expect("a commit");
                committed.push(number);
            }
            _ => {}
        }
        if dice.throw(10) == 0 {
            // It goes, and comes back elsewhere with the last id it saw.
            while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(5), wanderer.0.next()).await {
                wanderer.1.push(event);
            }
            last = wanderer.0.last_id.unwrap_or(last);
            let to = if dice.throw(2) == 0 { backend.clone() } else { backend.at(&other) };
            wanderer.0 = to.listen(Some(last)).await;
        }
    }
    for (number, tx) in open {
        tx.commit().await.expect("a commit");
        committed.push(number);
    }

    let all = written.len();
    let (here, there) = (events(&mut here, all).await, events(&mut there, all).await);
    assert_eq!(here, there, "seed {seed}: one order on both instances");
    let mut heard = wanderer.1;
    heard.retain(|event| event.name != "ready");
    let missing = all - heard.len();
    heard.extend(events(&mut wanderer.0, missing).await);
    assert_eq!(heard, here, "seed {seed}: who came back missed nothing and heard nothing twice");
    let mut told: Vec<String> = here.iter().map(name).collect();
    assert!(here.is_sorted_by(|a, b| a.id < b.id), "seed {seed}: ids grow");
    for number in committed {
        let of = |names: &[String]| -> Vec<String> {
            names.iter().filter(|name| name.starts_with(&format!("{number}-"))).cloned().collect()
        };
        let its_own: Vec<String> = written.iter().map(|(_, name)| name.clone()).collect();
        assert_eq!(of(&told), of(&its_own), "seed {seed}: the changes of one transaction keep their order");
    }
    told.sort();
    let mut expected: Vec<String> = written.into_iter().map(|(_, name)| name).collect();
    expected.sort();
    assert_eq!(told, expected, "seed {seed}: each once");
}

/// So many changes; `ready` is not one.
async fn events(stream: &mut Stream, count: usize) -> Vec<Event> {
    let mut events = Vec::new();
    while events.len() < count {
        events.extend(Some(stream.event().await).filter(|event| event.name != "ready"));
    }
    events
}

#[tokio::test]
async fn whatever_the_order_of_commits_everybody_hears_everything_once_in_one_order_1() {
    interleave(1).await;
}

#[tokio::test]
async fn whatever_the_order_of_commits_everybody_hears_everything_once_in_one_order_2() {
    interleave(2).await;
}

#[tokio::test]
async fn whatever_the_order_of_commits_everybody_hears_everything_once_in_one_order_3() {
    interleave(3).await;
}

#[tokio::test]
async fn what_depends_on_a_change_is_told_after_it() {
    let (server, backend) = with_a_backend().await;
    let other = server.another_instance().await;
    let mut stream = backend.listen(None).await;
    ready(&mut stream).await;
    let writers = (0..4).map(|writer| {
        let (db, there) = (server.app.db.clone(), other.app.db.clone());
        async move {
            for n in 0..25 {
                let mut tx = if n % 2 == 0 { db.begin().await } else { there.begin().await }.expect("a transaction");
                write(&mut tx, &format!("{writer}-{n:02}")).await;
                tx.commit().await.expect("a commit");
            }
        }
    });
    let local = tokio::task::LocalSet::new();
    let writers: Vec<_> = writers.map(|writer| local.spawn_local(writer)).collect();
    let told = local
        .run_until(async {
            let told = names(&mut stream, 100).await;
            for writer in writers {
                writer.await.expect("an end");
            }
            told
        })
        .await;
    for writer in 0..4 {
        let own: Vec<&String> = told.iter().filter(|name| name.starts_with(&format!("{writer}-"))).collect();
        assert!(own.len() == 25 && own.is_sorted(), "{own:?}");
    }
}

#[tokio::test]
async fn without_notifications_changes_are_told_all_the_same() {
    let (server, backend) = with_a_backend().await;
    server.execute("drop trigger changes_announce on auth.changes").await;
    let mut stream = backend.listen(None).await;
    ready(&mut stream).await;
    // Until it notices, once a second; then as good as at once.
    write_now(&server, "first").await;
    assert_eq!(name(&stream.event().await), "first");
    let begun = Instant::now();
    for n in 0..10 {
        write_now(&server, &format!("then {n}")).await;
        assert_eq!(name(&stream.event().await), format!("then {n}"));
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?} for ten", begun.elapsed());
}

#[tokio::test]
async fn connections_that_postgres_cuts_are_made_again_and_nothing_is_lost() {
    let (server, backend) = with_a_backend().await;
    let mut stream = backend.listen(None).await;
    ready(&mut stream).await;
    for n in 0..4 {
        write_now(&server, &format!("before {n}")).await;
        server
            .execute(
                "select pg_terminate_backend(pid) from pg_stat_activity
                 where datname = current_database() and pid <> pg_backend_pid()
                   and (query ilike 'listen%' or query like '%place_changes%' or query like '%pg_notify%')",
            )
            .await;
        write_now(&server, &format!("after {n}")).await;
        assert_eq!(names(&mut stream, 2).await, [format!("before {n}"), format!("after {n}")]);
        tokio::time::sleep(Duration::from_millis(if n == 2 { 700 } else { 0 })).await;
    }
    let listening =
        "select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen%'";
    let begun = Instant::now();
    while server.number(listening).await == 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "it listens again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
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
async fn a_revoked_key_ends_its_streams_on_every_instance_and_no_others() {
    let (server, backend) = with_a_backend().await;
    let other = server.another_instance().await;
    let root = server.administrator().await;
    let sibling = server.backend(1).await;
    let (mut here, mut there) = (backend.listen(None).await, backend.at(&other).listen(None).await);
    let mut stays = sibling.listen(None).await;
    for stream in [&mut here, &mut there, &mut stays] {
        ready(stream).await;
    }
    root.delete(&format!("/services/1/keys/{}", backend.id)).await.ok();
    here.end().await;
    there.end().await;
    write_now(&server, "after").await;
    assert_eq!(name(&stays.event().await), "after");
    server.execute("truncate auth.service_keys").await;
    stays.end().await;
}

#[tokio::test]
async fn a_stream_that_has_nothing_to_tell_says_that_it_lives_and_where_it_is() {
    let pace = Pace { heartbeat: Duration::from_millis(50), ..Pace::default() };
    let (server, backend) = with_backend_on(Server::paced(pace).await).await;
    let of_two = server.backend(2).await;
    let (mut one, mut two) = (backend.listen(None).await, of_two.listen(None).await);
    let first = ready(&mut one).await;
    ready(&mut two).await;
    assert_eq!(one.block().await.expect("a heartbeat"), format!(": heartbeat\nid: {first}"));
    server.execute("insert into auth.changes (kind, service_id) values ('grants-changed', 2)").await;
    two.expect("grants-changed").await;
    let passed = format!("id: {}", first + 1);
    let begun = Instant::now();
    while !one.block().await.expect("a heartbeat").ends_with(&passed) {
        assert!(begun.elapsed() < Duration::from_secs(10), "what is not for it moves its place all the same");
    }
}

#[tokio::test]
async fn while_the_log_can_not_be_read_the_streams_end_soon_and_none_begins() {
    let pace = Pace { patience: Duration::from_millis(600), ..Pace::default() };
    let (server, backend) = with_backend_on(Server::paced(pace).await).await;
    let mut stream = backend.listen(None).await;
    ready(&mut stream).await;
    write_now(&server, "before").await;
    assert_eq!(name(&stream.event().await), "before");
    let last = stream.last_id;
    server.execute("alter table auth.changes_head rename to changes_head_lost").await;
    let begun = Instant::now();
    stream.end().await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    server.execute("alter table auth.changes_head_lost rename to changes_head").await;
    write_now(&server, "meanwhile").await;
    let mut back = backend.listen(last).await;
    assert_eq!(name(&back.event().await), "meanwhile", "and nothing was lost");
}

#[tokio::test]
async fn another_database_in_place_of_the_first_ends_the_streams() {
    let pace = Pace { patience: Duration::from_millis(600), ..Pace::default() };
    let (server, backend) = with_backend_on(Server::paced(pace).await).await;
    let mut stream = backend.listen(None).await;
    ready(&mut stream).await;
    write_now(&server, "one").await;
    stream.event().await;
    server.execute("truncate auth.changes; update auth.changes_head set placed = 0, pruned = 0").await;
    stream.end().await;
    let mut back = backend.listen(stream.last_id).await;
    assert_eq!(back.expect("reset").await.data["reason"], "unknown_position");
}

#[tokio::test]
async fn at_the_end_of_the_server_its_streams_end() {
    let (server, backend) = with_a_backend().await;
    let mut stream = backend.listen(None).await;
    ready(&mut stream).await;
    server.app.stopping.cancel();
    stream.end().await;
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

#[tokio::test]
async fn an_instance_has_places_for_a_thousand_streams_and_gets_them_back() {
    let (server, backend) = with_a_backend().await;
    let mut streams = Vec::new();
    for _ in 0..1000 {
        streams.push(backend.listen(None).await);
    }
    let refused = backend.get("/changes").await;
    assert_eq!(refused.refusal(), (503, "unavailable"));
    write_now(&server, "to all").await;
    for stream in &mut streams {
        ready(stream).await;
        assert_eq!(name(&stream.event().await), "to all");
    }
    streams.pop();
    assert_eq!(backend.get("/changes").await.status, 200);
}

#[tokio::test]
async fn a_stream_holds_no_connection_of_the_pool() {
    let (server, backend) = with_a_backend().await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = backend.listen(Some(0)).await;
        ready(&mut stream).await;
        streams.push(stream);
    }
    let mut taken = Vec::new();
    for _ in 0..16 {
        taken.push(server.app.db.pool().acquire().await.expect("all of them are free"));
    }
    drop(taken);
    write_now(&server, "then").await;
    for stream in &mut streams {
        assert_eq!(name(&stream.event().await), "then");
    }
}

#[tokio::test]
async fn when_nobody_listens_nothing_is_looked_at() {
    let (server, backend) = with_a_backend().await;
    let reading = "select count(*) from pg_stat_activity
        where datname = current_database() and query like 'select auth.place_changes%'
          and state_change > now() - interval '1.5 s'";
    let mut stream = backend.listen(None).await;
    ready(&mut stream).await;
    let until = async |readers| {
        let begun = Instant::now();
        while server.number(reading).await != readers {
            assert!(begun.elapsed() < Duration::from_secs(15), "until {readers} read it");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    until(1).await;
    drop(stream);
    until(0).await;
    write_now(&server, "unheard").await;
    let unplaced = "select count(*) from auth.changes where position is null";
    assert_eq!(server.number(unplaced).await, 1);
    let mut stream = backend.listen(None).await;
    ready(&mut stream).await;
    write_now(&server, "heard").await;
    assert_eq!(name(&stream.event().await), "heard", "and begins again with the next who does");
}

#[tokio::test]
async fn the_log_is_read_by_its_indexes() {
    let (server, _) = with_a_backend().await;
    server
        .execute(
            "insert into auth.changes (kind, service_id) select 'grants-changed', 1 from generate_series(1, 20000);
             select auth.place_changes(now(), 20000)",
        )
        .await;
    server.execute("vacuum analyze auth.changes").await;
    for (query, index) in [
        ("select from auth.changes where position is null", "changes_unplaced_idx"),
        ("select from auth.changes where position is null order by id limit 1000", "changes_unplaced_idx"),
        (
            "select * from auth.changes where position > 19000 and position <= 20000 order by position limit 1000",
            "changes_position_key",
        ),
        (
            "select position from auth.changes where position is not null order by position limit 1000",
            "changes_position_key",
        ),
    ] {
        let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!("explain {query}")))
            .fetch_all(server.app.db.pool())
            .await
            .expect("a plan");
        let plan = plan.join("\n");
        assert!(plan.contains(index) && !plan.contains("Seq Scan"), "{query}: {plan}");
    }
}
