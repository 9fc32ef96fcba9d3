//! Many questions in one statement: each caller gets their own answer or none, whatever breaks meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use portero::base::error::{Error, Result};
use portero::platform::database::{Batch, BatchLimits, BatchQuery, distinct};
use portero::platform::metrics::Metrics;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use sqlx::PgConnection;
use tokio::task::JoinSet;

use crate::support::Server;

/// Asks what twice a number is; rows come back in any order, and a number may say how long to think about it.
#[derive(Clone, Debug, Default)]
struct Doubles {
    asked: Arc<AtomicUsize>,
    statements: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, Debug)]
struct Number {
    value: i64,
    thinking: f64,
}

impl BatchQuery for Doubles {
    const NAME: &'static str = "doubles";
    type Ask = Number;
    type Answer = i64;

    async fn ask(&self, conn: &mut PgConnection, asked: &[Number]) -> Result<Vec<i64>> {
        self.asked.fetch_add(asked.len(), Ordering::Relaxed);
        self.statements.fetch_add(1, Ordering::Relaxed);
        assert!(asked.iter().all(|number| number.value != POISON), "as it was asked to");
        let values: Vec<i64> = asked.iter().map(|number| number.value).collect();
        let thinking = asked.iter().map(|number| number.thinking).fold(0.0, f64::max);
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "select place, value * 2 from unnest($1::bigint[]) with ordinality asked (value, place),
            (select pg_sleep($2)) thought order by random()",
        )
        .bind(values)
        .bind(thinking)
        .fetch_all(conn)
        .await?;
        let mut answers = vec![0; asked.len()];
        for (place, double) in rows {
            answers[usize::try_from(place).expect("a place") - 1] = double;
        }
        Ok(answers)
    }
}

/// Who asks this makes its lane panic.
const POISON: i64 = i64::MIN;

fn limits() -> BatchLimits {
    BatchLimits { lanes: 2, size: 8, queue: 1000, deadline: Duration::from_secs(20) }
}

const AT_ONCE: f64 = 0.0;

fn number(value: i64) -> Number {
    Number { value, thinking: AT_ONCE }
}

/// What happens next in a random story.
#[derive(Clone, Copy, Debug)]
enum Event {
    Ask { thinking: f64 },
    AskAndGoAway { after: Duration },
    CutAllLanes,
    Wait(Duration),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => (0..4_u32).prop_map(|ms| Event::Ask { thinking: f64::from(ms) / 1000.0 }),
        3 => (0..3000_u64).prop_map(|us| Event::AskAndGoAway { after: Duration::from_micros(us) }),
        1 => Just(Event::CutAllLanes),
        4 => (0..3000_u64).prop_map(|us| Event::Wait(Duration::from_micros(us))),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_answered_with_anothers_row() {
    let server = Server::on_a_fresh_database().await;
    let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    let story = prop::collection::vec(event(), 60..200);
    for _ in 0..40 {
        let events = story.new_tree(&mut runner).expect("a story").current();
        let lanes = Batch::start(Doubles::default(), &server.app.db, limits(), &Metrics::default());
        let mut callers = JoinSet::new();
        let (mut asked, mut cuts) = (0, 0);
        for (value, event) in (0_i64..).zip(&events) {
            let lanes = lanes.clone();
            match *event {
                Event::Ask { thinking } => {
                    asked += 1;
                    callers.spawn(async move { Some((value, lanes.ask(Number { value, thinking }).await)) });
                }
                Event::AskAndGoAway { after } => {
                    callers.spawn(async move {
                        let answer = tokio::time::timeout(after, lanes.ask(number(value))).await;
                        answer.ok().map(|answer| (value, answer))
                    });
                }
                Event::CutAllLanes => {
                    cuts += 1;
                    server
                        .execute(
                            "select pg_terminate_backend(pid) from pg_stat_activity
                            where datname = current_database() and query like 'select place, value%'",
                        )
                        .await;
                }
                Event::Wait(time) => tokio::time::sleep(time).await,
            }
        }
        let mut answered = 0;
        while let Some(caller) = callers.join_next().await {
            match caller.expect("a caller") {
                Some((value, Ok(double))) => {
                    assert_eq!(double, value * 2, "in {events:?}");
                    answered += 1;
                }
                Some((_, Err(Error::Unavailable(_)))) | None => {}
                Some((_, Err(other))) => panic!("{other:?} in {events:?}"),
            }
        }
        assert!(cuts > 0 || answered >= asked, "nothing broke, and yet somebody was refused in {events:?}");
        assert_eq!(lanes.ask(number(21)).await.expect("an answer"), 42, "and the lanes go on");
    }
}

#[tokio::test]
async fn what_waits_rides_together() {
    let server = Server::on_a_fresh_database().await;
    let doubles = Doubles::default();
    let lanes =
        Batch::start(doubles.clone(), &server.app.db, BatchLimits { lanes: 1, ..limits() }, &Metrics::default());
    let mut callers = JoinSet::new();
    for value in 0..40 {
        let lanes = lanes.clone();
        let thinking = if value == 0 { 0.2 } else { AT_ONCE };
        callers.spawn(async move { lanes.ask(Number { value, thinking }).await });
    }
    while let Some(answer) = callers.join_next().await {
        answer.expect("a caller").expect("an answer");
    }
    let statements = doubles.statements.load(Ordering::Relaxed);
    assert!((5..=8).contains(&statements), "40 questions, at most 8 at a time, took {statements} statements");
}

#[tokio::test]
async fn who_went_away_costs_nothing_more() {
    let server = Server::on_a_fresh_database().await;
    let doubles = Doubles::default();
    let lanes =
        Batch::start(doubles.clone(), &server.app.db, BatchLimits { lanes: 1, ..limits() }, &Metrics::default());
    let first = tokio::spawn({
        let lanes = lanes.clone();
        async move { lanes.ask(Number { value: 1, thinking: 0.3 }).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut impatient = JoinSet::new();
    for value in 0..20 {
        let lanes = lanes.clone();
        impatient.spawn(async move { lanes.ask(number(value)).await });
    }
    tokio::task::yield_now().await;
    impatient.shutdown().await;
    assert_eq!(first.await.expect("a caller").expect("an answer"), 2);
    assert_eq!(lanes.ask(number(4)).await.expect("an answer"), 8);
    assert_eq!(doubles.asked.load(Ordering::Relaxed), 2, "those who left were not asked for");
}

#[tokio::test]
async fn a_panic_costs_one_batch_and_not_the_lane() {
    let server = Server::on_a_fresh_database().await;
    let bounds = BatchLimits { lanes: 1, ..limits() };
    let lanes = Batch::start(Doubles::default(), &server.app.db, bounds, &Metrics::default());
    for _ in 0..3 {
        assert!(matches!(lanes.ask(number(POISON)).await, Err(Error::Unavailable(_))));
        assert_eq!(lanes.ask(number(8)).await.expect("an answer"), 16);
    }
}

#[tokio::test]
async fn what_postgres_can_not_take_costs_nobody_else_their_answer() {
    let server = Server::on_a_fresh_database().await;
    let bounds = BatchLimits { lanes: 1, deadline: Duration::from_secs(20), ..limits() };
    let lanes = Batch::start(Once(Doubles::default()), &server.app.db, bounds, &Metrics::default());
    let slow = tokio::spawn({
        let lanes = lanes.clone();
        async move { lanes.ask(Number { value: 1, thinking: 0.3 }).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    // Twice that is no bigint.
    let values = [3, i64::MAX, 5];
    let asked = values.map(|value| {
        let lanes = lanes.clone();
        tokio::spawn(async move { lanes.ask(number(value)).await })
    });
    assert_eq!(slow.await.expect("a caller").expect("an answer"), 2);
    let mut answers = Vec::new();
    for asked in asked {
        answers.push(asked.await.expect("a caller"));
    }
    assert!(matches!(answers[..], [Ok(6), Err(Error::Internal(_)), Ok(10)]), "{answers:?}");
}

/// What is not to be done twice.
#[derive(Debug)]
struct Once(Doubles);

impl BatchQuery for Once {
    const NAME: &'static str = "once";
    const MAY_BE_ASKED_TWICE: bool = false;
    type Ask = Number;
    type Answer = i64;

    async fn ask(&self, conn: &mut PgConnection, asked: &[Number]) -> Result<Vec<i64>> {
        self.0.ask(conn, asked).await
    }
}

#[tokio::test]
async fn what_may_be_asked_once_is_not_asked_again_when_its_connection_breaks() {
    let server = Server::on_a_fresh_database().await;
    let bounds = BatchLimits { lanes: 1, deadline: Duration::from_secs(20), ..limits() };
    let (twice, once) = (Doubles::default(), Doubles::default());
    let statements = [Arc::clone(&twice.statements), Arc::clone(&once.statements)];
    let twice = Batch::start(twice, &server.app.db, bounds, &Metrics::default());
    let once = Batch::start(Once(once), &server.app.db, bounds, &Metrics::default());
    assert_eq!((twice.ask(number(1)).await.expect("an answer"), once.ask(number(1)).await.expect("an answer")), (2, 2));

    let slow = Number { value: 3, thinking: 0.5 };
    let asked = tokio::spawn({
        let once = once.clone();
        async move { tokio::join!(twice.ask(slow), once.ask(slow)) }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let later = tokio::spawn(async move { once.ask(number(4)).await });
    let broken = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                  where datname = current_database() and query like '%pg_sleep%' and pid <> pg_backend_pid()";
    assert_eq!(server.number(broken).await, 2);

    let (twice, once) = asked.await.expect("answers");
    assert_eq!(twice.expect("an answer"), 6);
    assert!(matches!(once, Err(Error::Unavailable(_))), "{once:?}");
    assert_eq!(later.await.expect("an answer").expect("whose statement was another"), 8);
    assert_eq!(statements.map(|statements| statements.load(Ordering::Relaxed)), [3, 3]);
}

#[tokio::test]
async fn beyond_its_bounds_a_question_is_refused() {
    let server = Server::on_a_fresh_database().await;
    let bounds = BatchLimits { lanes: 1, size: 4, queue: 3, deadline: Duration::from_millis(500) };
    let lanes = Batch::start(Doubles::default(), &server.app.db, bounds, &Metrics::default());
    let slow = tokio::spawn({
        let lanes = lanes.clone();
        async move { lanes.ask(Number { value: 1, thinking: 5.0 }).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let waiting: Vec<_> = (0..3)
        .map(|value| {
            let lanes = lanes.clone();
            tokio::spawn(async move { lanes.ask(number(value)).await })
        })
        .collect();
    tokio::task::yield_now().await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    let asked = Instant::now();
    let refusal = lanes.ask(number(9)).await.expect_err("a full queue");
    assert!(matches!(&refusal, Error::Busy(_)), "{refusal:?}");
    assert!(asked.elapsed() < Duration::from_millis(300), "at once, not at the deadline");
    assert!(matches!(slow.await.expect("a caller"), Err(Error::Unavailable(_))), "longer than the deadline");
    for waiting in waiting {
        // They may have come at the end of their own time.
        assert!(matches!(waiting.await.expect("a caller"), Ok(_) | Err(Error::Unavailable(_))));
    }
    assert_eq!(lanes.ask(number(2)).await.expect("an answer"), 4, "the lane has another connection now");
}

proptest! {
    #[test]
    fn equal_keys_are_asked_once(keys in prop::collection::vec(0..12_u8, 0..60)) {
        let (once, places) = distinct(keys.iter().copied());
        let mut sorted = once.clone();
        sorted.sort_unstable();
        sorted.dedup();
        prop_assert_eq!(sorted.len(), once.len());
        let back: Vec<u8> = places.iter().map(|place| once[*place]).collect();
        prop_assert_eq!(back, keys);
    }
}
