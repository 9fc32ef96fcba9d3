//! Nothing skipped, nothing twice, one order for all, whatever commits late or breaks.

use super::*;

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

    let mut open: Vec<(usize, Transaction)> = Vec::new();
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
                 where datname = current_database() and query not like '%pg_terminate_backend%'
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
