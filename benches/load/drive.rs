//! The load's own process.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::ask::{Request, Subject, below};
use super::connection::{Connection, contains};
use super::{Load, Outcome, Pace, Subjects};
use crate::process::cpu_seconds;
use crate::stats::Samples;
use crate::world::{Person, TOKENS_EACH, mix};

/// Of so many answers, one body is looked at; each one's status is.
const LOOKED_AT: u64 = 61;

/// Each connection's share of what is not measured, where the load ends by itself.
const FIRST: u64 = 2;

/// Reads a load from standard input and answers its outcome on standard output.
pub fn drive() -> anyhow::Result<()> {
    let mut order = Vec::new();
    std::io::stdin().read_to_end(&mut order)?;
    let load: Load = serde_json::from_slice(&order)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(put_on(load))?;
    std::io::stdout().write_all(&serde_json::to_vec(&outcome)?)?;
    Ok(())
}

/// What the connections share.
struct Stage {
    load: Load,
    requests: Vec<Request>,
    next: AtomicU64,
    over: AtomicBool,
    start: Instant,
    /// What is asked before is not measured.
    measured_from: Instant,
}

#[derive(Default)]
struct Seen {
    /// Right answers while it was measured, whenever they were asked for.
    answered: u64,
    /// How long those took that were asked for while it was measured.
    times: Samples,
    others: BTreeMap<u16, u64>,
    refusal: Option<String>,
    wrong: Option<String>,
}

async fn put_on(load: Load) -> anyhow::Result<Outcome> {
    let requests = render(&load);
    let mut connections = Vec::new();
    for _ in 0..load.connections {
        connections.push(Connection::open(load.to).await?);
    }
    let (warm_up, length) = (Duration::from_secs_f64(load.warm_up), Duration::from_secs_f64(load.seconds));
    let watch = load.watch.clone();
    let start = Instant::now();
    let stage = Arc::new(Stage {
        load,
        requests,
        next: AtomicU64::new(0),
        over: AtomicBool::new(false),
        start,
        measured_from: start + warm_up,
    });
    let mut conversations = tokio::task::JoinSet::new();
    for (n, connection) in connections.into_iter().enumerate() {
        conversations.spawn(converse(connection, Arc::clone(&stage), n as u64));
    }
    tokio::time::sleep(warm_up).await;
    let (began, before) = (Instant::now(), cpu(&watch)?);
    let all = async {
        let mut seen = Seen::default();
        while let Some(ended) = conversations.join_next().await {
            seen.add(ended??);
        }
        Ok::<_, anyhow::Error>(seen)
    };
    tokio::pin!(all);
    let (seen, seconds, after) = tokio::select! {
        seen = &mut all => (seen?, began.elapsed(), cpu(&watch)?),
        () = tokio::time::sleep(length) => {
            let (seconds, after) = (began.elapsed(), cpu(&watch)?);
            stage.over.store(true, Ordering::Relaxed);
            (all.await?, seconds, after)
        }
    };
    let cpu = before.iter().zip(after).map(|(before, after)| after - before).collect();
    Ok(seen.outcome(seconds.as_secs_f64(), cpu))
}

fn cpu(watch: &[u32]) -> anyhow::Result<Vec<f64>> {
    watch.iter().map(|pid| cpu_seconds(*pid)).collect()
}

fn render(load: &Load) -> Vec<Request> {
    let (first, last) = load.people;
    let render = |person, token, n: u64| {
        // Of two loads with different seeds no two requests are alike.
        let unique = load.seed * 10_000_000 + n;
        load.ask.render(load.world, Subject { person: Person(person), token, unique })
    };
    let drawn = |n: u64| {
        let chance = mix(load.seed << 32 | n);
        render(first + below(last - first + 1, chance), below(TOKENS_EACH, chance >> 40), n)
    };
    match load.subjects {
        Subjects::Drawn(count) => (0..count as u64).map(drawn).collect(),
        Subjects::EachPerson => (first..=last).zip(0..).map(|(person, n)| render(person, 0, n)).collect(),
        Subjects::Tokens => {
            let tokens = (first..=last).flat_map(|person| (0..TOKENS_EACH).map(move |token| (person, token)));
            tokens.zip(0..).map(|((person, token), n)| render(person, token, n)).collect()
        }
    }
}

async fn converse(mut connection: Connection, stage: Arc<Stage>, n: u64) -> anyhow::Result<Seen> {
    let mut seen = Seen::default();
    let mut chance = mix(stage.load.seed ^ (n << 20));
    for turn in 0.. {
        let due = stage.due(n, turn).await;
        if stage.over.load(Ordering::Relaxed) {
            break;
        }
        chance = mix(chance);
        let Some(request) = stage.pick(chance) else { break };
        let asked = due.unwrap_or_else(Instant::now);
        if stage.load.ask.closes && turn > 0 {
            connection.reopen(stage.load.to).await?;
        }
        let answer = connection.exchange(&request.bytes).await?;
        let took = asked.elapsed();
        let began = |at: Instant| at >= stage.measured_from && (stage.load.subjects.repeat() || turn >= FIRST);
        if answer.status != stage.load.ask.status {
            *seen.others.entry(answer.status).or_default() += 1;
            seen.refusal.get_or_insert_with(|| answer.text());
        } else if turn % LOOKED_AT == 0 && !contains(answer.body, &request.proof) {
            seen.wrong.get_or_insert_with(|| answer.text());
        } else if began(asked + took) && !stage.over.load(Ordering::Relaxed) {
            seen.answered += 1;
            if began(asked) {
                seen.times.add(took);
            }
        }
    }
    Ok(seen)
}

impl Stage {
    /// Waits for this connection's turn where there is a pace. A request that is late because the one before it was
    /// answered late has waited since it was due; that a timer is late is no fault of the server.
    async fn due(&self, n: u64, turn: u64) -> Option<Instant> {
        let Pace::PerSecond(rate) = self.load.pace else { return None };
        #[expect(clippy::cast_precision_loss, reason = "few enough")]
        let seconds = (turn * self.load.connections as u64 + n) as f64 / rate;
        let due = self.start + Duration::from_secs_f64(seconds);
        if due <= Instant::now() {
            return Some(due);
        }
        tokio::time::sleep_until(due.into()).await;
        None
    }

    fn pick(&self, chance: u64) -> Option<&Request> {
        if self.load.at_most.is_none() && self.load.subjects.repeat() {
            return self.requests.get(usize::try_from(chance).ok()? % self.requests.len());
        }
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        if self.load.subjects.repeat() {
            let more = self.load.at_most.is_none_or(|most| n < most);
            return more
                .then(|| usize::try_from(chance).ok())
                .flatten()
                .map(|at| &self.requests[at % self.requests.len()]);
        }
        self.requests.get(usize::try_from(n).ok()?)
    }
}

impl Subjects {
    fn repeat(self) -> bool {
        matches!(self, Self::Tokens | Self::Drawn(_))
    }
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.times.append(other.times);
        for (status, count) in other.others {
            *self.others.entry(status).or_default() += count;
        }
        self.refusal = self.refusal.take().or(other.refusal);
        self.wrong = self.wrong.take().or(other.wrong);
    }

    fn outcome(mut self, seconds: f64, cpu: Vec<f64>) -> Outcome {
        let answers = self.answered;
        #[expect(clippy::cast_precision_loss, reason = "few enough")]
        let per_second = answers as f64 / seconds;
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| self.times.quantile(share));
        let Self { others, refusal, wrong, .. } = self;
        Outcome { answers, seconds, per_second, p50, p99, max, others, refusal, wrong, cpu }
    }
}
