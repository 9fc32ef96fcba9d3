//! Logins a second while others keep every core busy, against bare Argon2id that ordinary threads compute meanwhile.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::Context;

use super::logins::{CLIENTS, hashes_a_second};
use super::{Bench, DATABASE, login};
use crate::load::{Load, Subjects};
use crate::stats::Rounds;
use crate::table::{Row, Target, Unit};

/// Between what is measured.
const BREATH: Duration = Duration::from_millis(300);

pub async fn beside(bench: &Bench) -> anyhow::Result<Vec<Row>> {
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
        let busy = Busy::on_every_core()?;
        tokio::time::sleep(BREATH).await;
        let outcome = load.run_tolerating(&[429, 503]).await?;
        let (stored, seconds) = (stored.clone(), bench.seconds);
        let hashes = tokio::task::spawn_blocking(move || apart(&stored, seconds)).await??;
        drop(busy);
        eprintln!(
            "beside, round {round}: {:.1}/s, refused {:?}, bare {hashes:.1}/s",
            outcome.per_second, outcome.others
        );
        ours.add(outcome.per_second);
        bare.add(hashes);
    }
    Ok(vec![Row::against(
        ("bare Argon2id", &bare),
        "logins while others keep every core busy",
        Unit::PerSecond,
        ours,
        Target::RatioAtLeast(0.5),
    )])
}

/// As an ordinary program would: in a process and a session of its own, at no lower priority than others.
fn apart(stored: &str, seconds: f64) -> anyhow::Result<f64> {
    let seconds = seconds.to_string();
    let output = of_its_own(&["hash", stored, &seconds])?.stdout(Stdio::piped()).spawn()?.wait_with_output()?;
    String::from_utf8(output.stdout)?.trim().parse().context("a number of hashes")
}

/// What [`apart`] starts.
pub fn hash(stored: &str, seconds: f64) -> anyhow::Result<()> {
    rustix::process::setsid()?;
    println!("{}", hashes_a_second(stored, seconds, 0)?);
    Ok(())
}

/// What [`Busy`] starts: works until it is killed.
pub fn busy() -> anyhow::Result<()> {
    rustix::process::setsid()?;
    let mut n = 0_u64;
    loop {
        n = std::hint::black_box(n.wrapping_mul(0x9e37_79b9).rotate_left(7));
    }
}

fn of_its_own(arguments: &[&str]) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).stdin(Stdio::null());
    Ok(command)
}

/// Other programs, one for each core, each in a session of its own, until this is dropped.
struct Busy(Vec<Child>);

impl Busy {
    fn on_every_core() -> anyhow::Result<Self> {
        let mut busy = Self(Vec::new());
        for _ in 0..thread::available_parallelism()?.get() {
            busy.0.push(of_its_own(&["busy"])?.spawn()?);
        }
        Ok(busy)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
