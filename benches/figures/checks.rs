//! The hot path.

use super::{Bench, DATABASE, check, share};
use crate::load::{Ask, By, Connection, Load};
use crate::stage::Server;
use crate::stats::Rounds;
use crate::table::{Row, Target, Unit};
use crate::world::Person;

/// What is kept of the rounds of one subject.
#[derive(Default)]
struct Series {
    per_second: Rounds,
    p50: Rounds,
    p99: Rounds,
    cpu: Rounds,
    postgres: Rounds,
    /// Of both.
    whole: Rounds,
}

impl Series {
    async fn measure(&mut self, what: &str, load: &Load) -> anyhow::Result<()> {
        let outcome = load.run().await?;
        eprintln!("  {what}: {:.0}/s, p50 {:.0} us, p99 {:.0} us", outcome.per_second, outcome.p50, outcome.p99);
        self.per_second.add(outcome.per_second);
        self.p50.add(outcome.p50);
        self.p99.add(outcome.p99);
        let a_check = share(1_000_000, outcome.answers);
        self.cpu.add(outcome.cpu[0] * a_check);
        self.postgres.add(outcome.cpu[1] * a_check);
        self.whole.add((outcome.cpu[0] + outcome.cpu[1]) * a_check);
        Ok(())
    }
}

/// 64 keep-alive connections, 100,000 different live tokens.
pub async fn checks(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let world = bench.usual().await?;
    let portero = bench.stage.portero(DATABASE, &[]).await?;
    let one_select = bench.stage.baseline("one-select", DATABASE).await?;
    let memory = bench.stage.baseline("memory", DATABASE).await?;

    compare(&portero, [&one_select, &memory]).await?;

    let with_service =
        check().body(r#"{"service_id":{service},"permission":"{permission}"}"#).proof(r#","allowed":true"#);
    let in_service =
        Ask::new("GET", "/people/{person}/services/{service}", By::Themselves).proof("{\"user\":{\"id\":{person},");
    let other = bench.stage.other("other", world.people).await?;
    let mut subjects = vec![
        ("Portero", &portero, check()),
        ("one select", &one_select, check()),
        ("memory", &memory, check()),
        ("Portero, with a permission", &portero, with_service.clone()),
        ("Portero, /people/…/services/…", &portero, in_service),
    ];
    if let Some(other) = &other {
        subjects.extend([("the other", other, check()), ("the other, with a permission", other, with_service)]);
    }
    let mut series: [Series; 7] = Default::default();
    for round in bench.rounds() {
        eprintln!("checks, round {round}");
        for ((what, server, ask), series) in subjects.iter().zip(&mut series) {
            let load = Load {
                seconds: bench.seconds,
                watch: vec![server.pid(), bench.stage.postmaster],
                seed: u64::from(round),
                ..Load::new(server.address, world, ask.clone())
            };
            series.measure(what, &load).await?;
        }
    }
    let [plain, one, memory, permission, person, before, before_permission] = series;
    let select = |rounds| ("one select", rounds);
    let mut rows = vec![
        Row::against(select(&one.whole), "CPU a check, Postgres' too", Unit::Time, plain.whole.clone(), Target::None),
        Row::against(
            select(&one.whole),
            "the same, service and permission",
            Unit::Time,
            permission.whole.clone(),
            Target::None,
        ),
    ];
    if other.is_some() {
        let against = |what, whole: &Rounds, before: &Rounds| {
            Row::against(("the other", before), what, Unit::Time, whole.clone(), Target::None)
        };
        rows.push(against("CPU a check, Postgres' too", &plain.whole, &before.whole));
        rows.push(against("the same, service and permission", &permission.whole, &before_permission.whole));
    }
    rows.extend([
        Row::against(
            select(&one.per_second),
            "/check-token, 64 connections",
            Unit::PerSecond,
            plain.per_second.clone(),
            Target::RatioAtLeast(2.5),
        ),
        Row::against(("memory", &memory.per_second), "the same", Unit::PerSecond, plain.per_second, Target::None),
        Row::against(("memory", &memory.cpu), "its CPU a check", Unit::Time, plain.cpu, Target::RatioAtMost(1.4)),
        Row::against(select(&one.postgres), "Postgres' CPU a check", Unit::Time, plain.postgres, Target::None),
        Row::against(select(&one.p99), "its p99", Unit::Time, plain.p99, Target::RatioAtMost(0.6)),
        Row::against(
            select(&one.per_second),
            "/check-token, service and permission",
            Unit::PerSecond,
            permission.per_second,
            Target::RatioAtLeast(1.5),
        ),
        Row::against(
            select(&one.per_second),
            "/people/{id}/services/{id}",
            Unit::PerSecond,
            person.per_second,
            Target::RatioAtLeast(1.5),
        ),
    ]);
    Ok(rows)
}

/// A baseline that answers something else is none.
async fn compare(portero: &Server, baselines: [&Server; 2]) -> anyhow::Result<()> {
    let expected = one_answer(portero).await?;
    for baseline in baselines {
        let answer = one_answer(baseline).await?;
        if answer != expected {
            println!("NOTE: Portero answers {expected}, a baseline {answer}");
        }
    }
    Ok(())
}

async fn one_answer(server: &Server) -> anyhow::Result<String> {
    let token = Person::ADMINISTRATOR.token(1);
    let token = token.reveal();
    let request = format!("POST /check-token HTTP/1.1\r\nhost: portero\r\ntoken: {token}\r\ncontent-length: 0\r\n\r\n");
    Ok(Connection::open(server.address).await?.exchange(request.as_bytes()).await?.text())
}

/// Portero and *one select* in turn, each under what `load` makes of the usual one.
async fn in_turn(bench: &Bench, figure: &str, load: impl Fn(Load) -> Load) -> anyhow::Result<[Series; 2]> {
    let world = bench.usual().await?;
    let portero = bench.stage.portero(DATABASE, &[]).await?;
    let one_select = bench.stage.baseline("one-select", DATABASE).await?;
    let mut series: [Series; 2] = Default::default();
    for round in bench.rounds() {
        eprintln!("{figure}, round {round}");
        for ((what, server), series) in [("Portero", &portero), ("one select", &one_select)].iter().zip(&mut series) {
            let usual = Load {
                seconds: bench.seconds,
                watch: vec![server.pid(), bench.stage.postmaster],
                seed: u64::from(round),
                ..Load::new(server.address, world, check())
            };
            series.measure(what, &load(usual)).await?;
        }
    }
    Ok(series)
}

/// A connection for each check, as programs open them that keep none.
pub async fn connections(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let each = |load: Load| Load { ask: load.ask.on_its_own_connection(), ..load };
    let [ours, theirs] = in_turn(bench, "connections", each).await?;
    let select = |rounds| ("one select", rounds);
    Ok(vec![
        Row::against(
            select(&theirs.whole),
            "CPU a check with a connection of its own",
            Unit::Time,
            ours.whole,
            Target::None,
        ),
        Row::against(
            select(&theirs.per_second),
            "/check-token, a connection each",
            Unit::PerSecond,
            ours.per_second,
            Target::None,
        ),
        Row::against(select(&theirs.p99), "its p99", Unit::Time, ours.p99, Target::None),
    ])
}

/// One connection, nothing else going on.
pub async fn alone(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let [ours, theirs] = in_turn(bench, "alone", |load| Load { connections: 1, ..load }).await?;
    let baseline = ("one select", &theirs.p50);
    Ok(vec![Row::against(
        baseline,
        "/check-token, 1 connection: median",
        Unit::Time,
        ours.p50,
        Target::RatioAtMost(1.1),
    )])
}
