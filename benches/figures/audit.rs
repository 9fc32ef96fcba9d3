//! What the audit trail costs a login: the same logins on a database that throws the events away.

use sqlx::Executor;

use super::{Bench, DATABASE, PEOPLE, login, logins, share};
use crate::load::{Load, Subjects};
use crate::stats::Rounds;
use crate::table::{Row, Target, Unit};

const WITHOUT: &str = "without_events";

const THROW_AWAY: &str = "
    create function auth.forget_event() returns trigger language plpgsql as $$ begin return null; end $$;
    create trigger a_forget before insert on auth.audit_events for each row execute function auth.forget_event();
";

#[derive(Default)]
struct Series {
    per_second: Rounds,
    /// Microseconds a login.
    cpu: Rounds,
}

pub async fn audit(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let world = bench.usual().await?;
    bench.stage.populate(WITHOUT, PEOPLE).await?;
    bench.stage.connect(WITHOUT).await?.execute(THROW_AWAY).await?;
    let told = bench.stage.portero(DATABASE, &[]).await?;
    let untold = bench.stage.portero(WITHOUT, &[]).await?;
    let mut series: [Series; 2] = Default::default();
    for round in bench.rounds() {
        for (server, series) in [&told, &untold].into_iter().zip(&mut series) {
            let load = Load {
                subjects: Subjects::Drawn(10_000),
                connections: logins::CLIENTS,
                seconds: bench.seconds,
                watch: vec![server.pid(), bench.stage.postmaster],
                seed: u64::from(round),
                ..Load::new(server.address, world, login())
            };
            let outcome = load.run_tolerating(&[429, 503]).await?;
            series.per_second.add(outcome.per_second);
            series.cpu.add(outcome.cpu.iter().sum::<f64>() * share(1_000_000, outcome.answers));
        }
        let [with, without] = series.each_ref().map(|series| series.per_second.0[series.per_second.0.len() - 1]);
        eprintln!("audit, round {round}: {with:.1}/s, without {without:.1}/s");
    }
    let [with, without] = series;
    let against = |rounds| ("without events", rounds);
    Ok(vec![
        Row::against(
            against(&without.per_second),
            "logins, each an event",
            Unit::PerSecond,
            with.per_second,
            Target::RatioAtLeast(0.95),
        ),
        Row::against(
            against(&without.cpu),
            "CPU of such a login, Postgres' too",
            Unit::Time,
            with.cpu,
            Target::RatioAtMost(1.05),
        ),
    ])
}
