//! What the audit trail costs a login: the same logins on a database that throws the events away.

use sqlx::Executor;

use super::{Bench, DATABASE, PEOPLE, login, logins};
use crate::load::{Load, Subjects};
use crate::stats::Rounds;
use crate::table::{Row, Target, Unit};

const WITHOUT: &str = "without_events";

const THROW_AWAY: &str = "
    create function auth.forget_event() returns trigger language plpgsql as $$ begin return null; end $$;
    create trigger a_forget before insert on auth.audit_events for each row execute function auth.forget_event();
";

pub async fn audit(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let world = bench.usual().await?;
    bench.stage.populate(WITHOUT, PEOPLE).await?;
    bench.stage.connect(WITHOUT).await?.execute(THROW_AWAY).await?;
    let told = bench.stage.portero(DATABASE, &[]).await?;
    let untold = bench.stage.portero(WITHOUT, &[]).await?;
    let (mut with, mut without) = (Rounds::default(), Rounds::default());
    for round in bench.rounds() {
        for (server, rounds) in [(&told, &mut with), (&untold, &mut without)] {
            let load = Load {
                subjects: Subjects::Drawn(10_000),
                connections: logins::CLIENTS,
                seconds: bench.seconds,
                seed: u64::from(round),
                ..Load::new(server.address, world, login())
            };
            rounds.add(load.run_tolerating(&[503]).await?.per_second);
        }
        eprintln!(
            "audit, round {round}: {:.1}/s, without {:.1}/s",
            with.0[with.0.len() - 1],
            without.0[without.0.len() - 1]
        );
    }
    let without = ("without events", &without);
    Ok(vec![Row::against(without, "logins, each an event", Unit::PerSecond, with, Target::RatioAtLeast(0.95))])
}
