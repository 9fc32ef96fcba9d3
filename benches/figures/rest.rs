//! What Portero takes when nobody asks it anything, and how soon it answers after its start.

use std::time::Duration;

use super::{Bench, DATABASE, check};
use crate::load::Load;
use crate::process::resident;
use crate::stats::Rounds;
use crate::table::{Row, Target, Unit};

pub async fn rest(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let world = bench.usual().await?;
    let (mut memory, mut start) = (Rounds::default(), Rounds::default());
    for round in bench.rounds() {
        let portero = bench.stage.portero(DATABASE, &[]).await?;
        // Rest is what comes after some work, not before any, and once Portero has let go of what only the start ran.
        Load { connections: 8, seconds: 0.5, ..Load::new(portero.address, world, check()) }.run().await?;
        tokio::time::sleep(Duration::from_secs(6)).await;
        memory.add(resident(portero.pid())?);
        start.add(portero.started_in.as_secs_f64() * 1e6);
        eprintln!("rest, round {round}: {:.1} MiB, started in {:?}", resident(portero.pid())?, portero.started_in);
    }
    Ok(vec![
        Row::alone("memory at rest", Unit::Mebibytes, memory, Target::AtMost(25e6 / f64::from(1 << 20))),
        Row::alone("start to first answer", Unit::Time, start, Target::AtMost(0.5e6)),
    ])
}
