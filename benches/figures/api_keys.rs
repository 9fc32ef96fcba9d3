//! What an API key costs a check: the same check with a key in the place of a session's token.

use time::OffsetDateTime;

use super::{Bench, DATABASE, check};
use crate::load::{By, Load};
use crate::stats::Rounds;
use crate::table::{Row, Target, Unit};
use crate::world;

/// As many keys as there are tokens.
pub async fn api_keys(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let world = bench.usual().await?;
    world::api_keys(&mut bench.stage.connect(DATABASE).await?, 1..=world.people, OffsetDateTime::now_utc()).await?;
    let portero = bench.stage.portero(DATABASE, &[]).await?;
    let mut by_key = check();
    by_key.by = By::TheirKey;
    let (mut sessions, mut keys) = (Rounds::default(), Rounds::default());
    for round in bench.rounds() {
        for (ask, rounds) in [(check(), &mut sessions), (by_key.clone(), &mut keys)] {
            let load =
                Load { seconds: bench.seconds, seed: u64::from(round), ..Load::new(portero.address, world, ask) };
            rounds.add(load.run().await?.per_second);
        }
        let [by_session, by_key] = [&sessions, &keys].map(|rounds| rounds.0[rounds.0.len() - 1]);
        eprintln!("API keys, round {round}: {by_key:.0}/s, sessions {by_session:.0}/s");
    }
    let session = ("with a session", &sessions);
    Ok(vec![Row::against(session, "/check-token, with an API key", Unit::PerSecond, keys, Target::RatioAtLeast(0.95))])
}
