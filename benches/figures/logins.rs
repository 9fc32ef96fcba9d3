//! Logins a second, against bare Argon2id with the same parameters on as many threads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use argon2::Block;
use portero::platform::passwords::Scheme;

use super::{Bench, DATABASE, login, share};
use crate::load::{Load, Subjects};
use crate::stats::Rounds;
use crate::table::{Row, Target, Unit};
use crate::world::PASSWORD;

pub const CLIENTS: usize = 64;

/// As low a priority as that of Portero's own.
const LOW: i32 = 2;

pub async fn logins(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let world = bench.usual().await?;
    let portero = bench.stage.portero(DATABASE, &[]).await?;
    let stored: String = sqlx::query_scalar("select password_hash from auth.person where id = 1")
        .fetch_one(&mut bench.stage.connect(DATABASE).await?)
        .await?;
    let (mut ours, mut bare) = (Rounds::default(), Rounds::default());
    for round in bench.rounds() {
        let load = Load {
            subjects: Subjects::Drawn(10_000),
            connections: CLIENTS,
            seconds: bench.seconds,
            seed: u64::from(round),
            ..Load::new(portero.address, world, login())
        };
        let outcome = load.run_tolerating(&[429, 503]).await?;
        ours.add(outcome.per_second);
        let (stored, seconds) = (stored.clone(), bench.seconds);
        let hashes = tokio::task::spawn_blocking(move || hashes_a_second(&stored, seconds, LOW)).await??;
        bare.add(hashes);
        eprintln!(
            "logins, round {round}: {:.1}/s, refused {:?}, bare {hashes:.1}/s",
            outcome.per_second, outcome.others
        );
    }
    Ok(vec![Row::against(("bare Argon2id", &bare), "logins", Unit::PerSecond, ours, Target::RatioAtLeast(0.95))])
}

/// With memory that is kept from one to the next, as Portero does it.
pub fn hashes_a_second(stored: &str, seconds: f64, nice: i32) -> anyhow::Result<f64> {
    let scheme = Scheme::parse(stored).map_err(anyhow::Error::msg)?;
    let (done, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let start = Instant::now();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..thread::available_parallelism()?.get())
            .map(|_| scope.spawn(|| hash_until(nice, &over, &done, &scheme)))
            .collect();
        thread::sleep(Duration::from_secs_f64(seconds));
        over.store(true, Ordering::Relaxed);
        threads.into_iter().try_for_each(|thread| thread.join().ok().context("a panic")?)
    })?;
    Ok(share(done.into_inner(), 1) / start.elapsed().as_secs_f64())
}

fn hash_until(nice: i32, over: &AtomicBool, done: &AtomicU64, scheme: &Scheme) -> anyhow::Result<()> {
    rustix::process::setpriority_process(None, nice)?;
    let mut memory = vec![Block::default(); scheme.blocks()];
    while !over.load(Ordering::Relaxed) {
        anyhow::ensure!(scheme.verify(PASSWORD.as_bytes(), &mut memory), "not the password that was hashed");
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
