//! A storm of logins must harm nobody: the same steady checks without it and in it, and the memory that it takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::logins::CLIENTS;
use super::{Bench, DATABASE, check, login};
use crate::load::{Load, Outcome, Pace, Subjects};
use crate::process::resident;
use crate::stats::Rounds;
use crate::table::{Row, Target, Unit};

/// What a busy backend asks, far from all that the machine can do.
pub const CHECKS_A_SECOND: f64 = 1000.0;

/// As long as an idle hashing thread keeps its memory, and more.
const CALM: Duration = Duration::from_secs(7);
const LEAD: f64 = 1.0;

pub async fn storm(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let world = bench.usual().await?;
    let portero = bench.stage.portero(DATABASE, &[]).await?;
    let (mut idle, mut stormy, mut memory) = (Rounds::default(), Rounds::default(), Rounds::default());
    for round in bench.rounds() {
        let checks = Load {
            pace: Pace::PerSecond(CHECKS_A_SECOND),
            connections: 32,
            seconds: bench.seconds,
            seed: u64::from(round),
            ..Load::new(portero.address, world, check())
        };
        let logins = Load {
            subjects: Subjects::Drawn(10_000),
            connections: CLIENTS,
            seconds: bench.seconds + checks.warm_up + 2.0 * LEAD,
            seed: u64::from(round),
            ..Load::new(portero.address, world, login())
        };
        let calm = checks.run().await?;
        let at_rest = resident(portero.pid())?;
        let (outcome, most) = in_the_storm(portero.pid(), &checks, &logins).await?;
        eprintln!(
            "storm, round {round}: p99 {:.0} us, at rest {:.0} us; {most:.1} MiB, at rest {at_rest:.1}",
            outcome.p99, calm.p99
        );
        idle.add(calm.p99);
        stormy.add(outcome.p99);
        memory.add(most - at_rest);
        tokio::time::sleep(CALM).await;
    }
    let cores = u32::try_from(std::thread::available_parallelism()?.get())?;
    let bound = f64::from(cores) * 19.0 + 30e6 / f64::from(1 << 20);
    Ok(vec![
        Row::against(
            ("at rest", &idle),
            "p99 of a check while 64 log in",
            Unit::Time,
            stormy,
            Target::RatioAtMost(3.0),
        ),
        Row::alone("memory while 64 log in, above rest", Unit::Mebibytes, memory, Target::AtMost(bound)),
    ])
}

/// The checks while the logins go on, and the most memory that was seen meanwhile.
async fn in_the_storm(pid: u32, checks: &Load, logins: &Load) -> anyhow::Result<(Outcome, f64)> {
    let over = Arc::new(AtomicBool::new(false));
    let watcher = tokio::spawn(watch(pid, Arc::clone(&over)));
    let in_it = async {
        tokio::time::sleep(Duration::from_secs_f64(LEAD)).await;
        checks.run().await
    };
    let (outcome, storm) = tokio::join!(in_it, logins.run_tolerating(&[429, 503]));
    over.store(true, Ordering::Relaxed);
    storm?;
    Ok((outcome?, watcher.await??))
}

async fn watch(pid: u32, over: Arc<AtomicBool>) -> anyhow::Result<f64> {
    let mut most = 0.0_f64;
    while !over.load(Ordering::Relaxed) {
        most = most.max(resident(pid)?);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(most)
}
