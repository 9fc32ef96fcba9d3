//! When a stream ends, and what it costs while it lasts.

use super::*;

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
    let pace = FeedTimings { heartbeat: Duration::from_millis(50), ..FeedTimings::default() };
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
    let pace = FeedTimings { patience: Duration::from_millis(600), ..FeedTimings::default() };
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
    let pace = FeedTimings { patience: Duration::from_millis(600), ..FeedTimings::default() };
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
async fn after_a_failover_everybody_forgets_and_no_position_means_two_things() {
    let (server, backend) = with_a_backend().await;
    let mut stream = backend.listen(None).await;
    ready(&mut stream).await;
    write_now(&server, "before").await;
    assert_eq!(name(&stream.event().await), "before");
    let before = stream.last_id.expect("an id");
    // As on a server that was promoted: another timeline.
    server.execute("update auth.changes_head set history = 'of the primary before'").await;
    assert_eq!(stream.expect("reset").await.data["reason"], "failover");
    write_now(&server, "after").await;
    assert_eq!(name(&stream.event().await), "after");
    // What the old primary told last never came here.
    for last in [before, before + 1, before + 100_000] {
        let mut back = backend.listen(Some(last)).await;
        assert_eq!(back.expect("reset").await.data["reason"], "failover", "from {last}");
        assert_eq!(name(&back.event().await), "after");
        ready(&mut back).await;
    }
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
async fn an_instance_has_places_for_a_thousand_streams_and_gets_them_back() {
    let (server, backend) = with_a_backend().await;
    server.execute("insert into auth.services (name) select 'S' || n from generate_series(3, 10) n").await;
    let mut streams = Vec::new();
    for service in 1..=10 {
        for _ in 0..5 {
            let backend = server.backend(service).await;
            for _ in 0..20 {
                streams.push(backend.listen(None).await);
            }
        }
    }
    // A share of their own, but nothing is left.
    server.execute("insert into auth.services (name) values ('Eleven')").await;
    let late = server.backend(11).await;
    let refused = late.get("/changes").await;
    assert_eq!(refused.refusal(), (503, "unavailable"));
    write_now(&server, "to all").await;
    for stream in &mut streams {
        ready(stream).await;
        assert_eq!(name(&stream.event().await), "to all");
    }
    streams.pop();
    assert_eq!(late.get("/changes").await.status, 200);
    assert_eq!(backend.get("/changes").await.refusal(), (429, "too_many_streams"), "100 of service 1 are open");
}

#[tokio::test]
async fn a_key_and_a_service_have_their_shares_of_streams_and_leave_others_theirs() {
    let (server, backend) = with_a_backend().await;
    let (sibling, other) = (server.backend(1).await, server.backend(2).await);
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(backend.listen(None).await);
    }
    for _ in 0..50 {
        let refused = backend.get("/changes").await;
        assert_eq!(refused.refusal(), (429, "too_many_streams"));
        assert_eq!(refused.header("retry-after"), "10");
    }
    for another in [&sibling, &other] {
        ready(&mut another.listen(None).await).await;
    }
    write_now(&server, "to all").await;
    for stream in &mut streams {
        ready(stream).await;
        assert_eq!(name(&stream.event().await), "to all");
    }
    streams.clear();
    assert_eq!(backend.get("/changes").await.status, 200, "they come back when a stream ends");
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
