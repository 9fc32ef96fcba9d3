//! The load: a process of its own, so that what it costs is not counted with what it measures. One thread, keep-alive
//! connections, requests that are rendered beforehand, no more reading of the answers than is needed to know that they
//! are right.

mod ask;
mod connection;
mod drive;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

pub use ask::{Ask, By};
pub use connection::Connection;
pub use drive::drive;

use crate::world::World;

/// What is asked of a server, how often and for how long.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Load {
    pub to: SocketAddr,
    pub world: World,
    pub ask: Ask,
    pub subjects: Subjects,
    /// The first and the last of the people it is about.
    pub people: (i32, i32),
    pub pace: Pace,
    pub connections: usize,
    pub warm_up: f64,
    pub seconds: f64,
    /// Stop after so many requests, however early.
    pub at_most: Option<u64>,
    /// Processes whose CPU time is read at the beginning and at the end; their children's counts as theirs.
    pub watch: Vec<u32>,
    pub seed: u64,
}

/// Who or what the requests are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subjects {
    /// Any token, at random, again and again.
    Tokens,
    /// So many people, drawn at random, again and again.
    Drawn(usize),
    /// Each person once; then the load is over.
    EachPerson,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Pace {
    /// Each connection asks as soon as it has its answer.
    Eager,
    /// So many requests a second, whether or not the earlier ones have been answered.
    PerSecond(f64),
}

/// What came of it. Times are in microseconds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// Answers of the expected status.
    pub answers: u64,
    pub seconds: f64,
    pub per_second: f64,
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
    /// Answers of another status.
    pub others: BTreeMap<u16, u64>,
    /// The first of those.
    pub refusal: Option<String>,
    /// The first answer of the expected status that was not right all the same.
    pub wrong: Option<String>,
    /// CPU seconds of each watched process.
    pub cpu: Vec<f64>,
}

impl Load {
    pub fn new(to: SocketAddr, world: World, ask: Ask) -> Self {
        Self {
            to,
            world,
            ask,
            subjects: Subjects::Tokens,
            people: (1, world.people),
            pace: Pace::Eager,
            connections: 64,
            warm_up: 0.5,
            seconds: 3.0,
            at_most: None,
            watch: Vec::new(),
            seed: 1,
        }
    }

    /// Puts it on in another process, and refuses an outcome with wrong answers: a figure made of errors is worthless.
    pub async fn run(&self) -> anyhow::Result<Outcome> {
        let outcome = self.run_tolerating(&[]).await?;
        ensure!(outcome.answers > 0, "{} {}: no answers", self.ask.method, self.ask.path);
        Ok(outcome)
    }

    /// Likewise, but these statuses are no fault.
    pub async fn run_tolerating(&self, statuses: &[u16]) -> anyhow::Result<Outcome> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("load")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut stdin = child.stdin.take().context("a pipe")?;
        stdin.write_all(&serde_json::to_vec(self)?).await?;
        drop(stdin);
        let output = child.wait_with_output().await?;
        ensure!(output.status.success(), "the load failed: {}", output.status);
        let outcome: Outcome = serde_json::from_slice(&output.stdout)?;
        let what = format!("{} {}", self.ask.method, self.ask.path);
        if let Some(status) = outcome.others.keys().find(|status| !statuses.contains(status)) {
            bail!("{what} answered {status}: {}", outcome.refusal.unwrap_or_default());
        }
        if let Some(wrong) = &outcome.wrong {
            bail!("{what}: a wrong answer: {wrong}");
        }
        Ok(outcome)
    }
}
