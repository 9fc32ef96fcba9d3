//! Many questions, one statement: what is asked while a statement is under way gathers, and rides the next one
//! together. Alone, a question goes out at once. Each core has lanes of its own, as far as there are enough.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::PgConnection;
use tokio::sync::{Mutex, mpsc, oneshot};
use tracing::Instrument;

use super::{Db, Lane};
use crate::base::error::{Error, Result, causes};
use crate::platform::cores;
use crate::platform::metrics::{self, Metrics};
use crate::platform::traces;

/// A kind of question.
pub trait BatchQuery: Send + Sync + 'static {
    /// What it is called in logs and metrics.
    const NAME: &'static str;
    /// What one caller asks.
    type Ask: Send + Sync + 'static;
    /// What one caller is answered.
    type Answer: Send + 'static;

    /// Asks Postgres; one answer to each, in the order of `asked`. After a broken connection it is asked once more, so
    /// asking twice must do no more than asking once.
    fn ask(
        &self,
        conn: &mut PgConnection,
        asked: &[Self::Ask],
    ) -> impl Future<Output = Result<Vec<Self::Answer>>> + Send;
}

/// So often a lane gives way to those who are about to ask, while there are any.
const COURTESY: usize = 8;

/// How much may be asked at a time.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    /// Statements under way at once, each on a connection of its own.
    pub lanes: usize,
    /// Questions in one statement.
    pub size: usize,
    /// Questions that may wait; further ones are refused at once.
    pub queue: usize,
    /// How long a question may take, waiting included.
    pub deadline: Duration,
}

/// Where questions of one kind are asked. The lanes end with the last clone.
#[derive(Debug)]
pub struct Batch<Q: BatchQuery> {
    /// Each with lanes on a core of its own.
    queues: Arc<[mpsc::Sender<Waiting<Q>>]>,
    deadline: Duration,
    metrics: metrics::BatchMetrics,
}

impl<Q: BatchQuery> Clone for Batch<Q> {
    fn clone(&self) -> Self {
        Self { queues: Arc::clone(&self.queues), deadline: self.deadline, metrics: self.metrics.clone() }
    }
}

#[derive(Debug)]
struct Waiting<Q: BatchQuery> {
    ask: Q::Ask,
    place: metrics::QueueTimer,
    reply: oneshot::Sender<Result<Q::Answer>>,
}

type Queue<Q> = Arc<Mutex<mpsc::Receiver<Waiting<Q>>>>;

impl<Q: BatchQuery> Batch<Q> {
    /// Starts the lanes; they connect when they are first needed.
    pub fn start(question: Q, db: &Db, limits: BatchLimits, metrics: &Metrics) -> Self {
        let metrics = metrics.batch(Q::NAME);
        let (question, cores) = (Arc::new(question), db.cores());
        let count = cores.count().min(limits.lanes).max(1);
        let queues = (0..count).map(|core| {
            let (sender, receiver) = mpsc::channel(limits.queue.div_ceil(count));
            let queue = Arc::new(Mutex::new(receiver));
            for _ in (core..limits.lanes).step_by(count) {
                let (question, queue) = (Arc::clone(&question), Arc::clone(&queue));
                cores.spawn_on(core, keep_serving(question, db.clone(), queue, limits, metrics.clone()));
            }
            sender
        });
        Self { queues: queues.collect(), deadline: limits.deadline, metrics }
    }

    /// Asks one question.
    ///
    /// # Errors
    /// 503 when the queue is full, when Postgres can't be asked, or when the deadline has passed.
    pub async fn ask(&self, ask: Q::Ask) -> Result<Q::Answer> {
        let (reply, answer) = oneshot::channel();
        let place = self.metrics.queue().join();
        let queue = &self.queues[cores::here() % self.queues.len()];
        queue.try_send(Waiting { ask, place, reply }).map_err(|_| {
            self.metrics.queue().refused();
            Error::Busy("too many questions wait for Postgres already")
        })?;
        match tokio::time::timeout(self.deadline, answer).instrument(traces::query(Q::NAME)).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) => Err(Error::Unavailable(format!("{}: the lane was stopped", Q::NAME))),
            Err(_) => Err(Error::Unavailable(format!("{}: no answer within {:?}", Q::NAME, self.deadline))),
        }
    }
}

/// A panic costs the questions of one batch, not the lane.
async fn keep_serving<Q: BatchQuery>(
    question: Arc<Q>,
    db: Db,
    queue: Queue<Q>,
    limits: BatchLimits,
    metrics: metrics::BatchMetrics,
) {
    loop {
        let lane = serve(Arc::clone(&question), db.lane(), Arc::clone(&queue), limits, metrics.clone());
        match tokio::spawn(lane).await {
            Err(error) if error.is_panic() => tracing::error!("{}: a lane panicked and starts anew", Q::NAME),
            _ => return,
        }
    }
}

async fn serve<Q: BatchQuery>(
    question: Arc<Q>,
    mut lane: Lane,
    queue: Queue<Q>,
    limits: BatchLimits,
    metrics: metrics::BatchMetrics,
) {
    let mut waiting: Vec<Waiting<Q>> = Vec::with_capacity(limits.size);
    let mut was_alone = true;
    loop {
        // The lanes take turns at listening; whoever listens takes all that has gathered.
        let mut listening = queue.lock().await;
        if listening.recv_many(&mut waiting, limits.size).await == 0 {
            return;
        }
        if waiting.len() > 1 || !was_alone {
            give_way(&mut listening, &mut waiting, limits.size).await;
        }
        drop(listening);
        was_alone = waiting.len() == 1;
        // Who went away costs nothing more.
        waiting.retain(|waiting| !waiting.reply.is_closed());
        let (asked, replies): (Vec<_>, Vec<_>) = waiting
            .drain(..)
            .map(|waiting| {
                waiting.place.is_over();
                (waiting.ask, waiting.reply)
            })
            .unzip();
        if asked.is_empty() {
            continue;
        }
        let start = Instant::now();
        let answered = tokio::time::timeout(limits.deadline, answer(&*question, &mut lane, &asked)).await;
        metrics.asked(asked.len(), start.elapsed());
        match answered {
            Ok(Ok(answers)) => {
                for (reply, answer) in replies.into_iter().zip(answers) {
                    let _ = reply.send(Ok(answer));
                }
            }
            Ok(Err(error)) => refuse(replies, &error),
            Err(_) => {
                refuse(replies, &Error::Unavailable(format!("{}: Postgres is silent", Q::NAME)));
            }
        }
    }
}

/// Lets those ask who are about to, as long as each time somebody has: they ride along. A statement costs Postgres as much as many
/// questions in it, and small batches would follow on small ones.
async fn give_way<Q: BatchQuery>(
    listening: &mut mpsc::Receiver<Waiting<Q>>,
    waiting: &mut Vec<Waiting<Q>>,
    most: usize,
) {
    for _ in 0..COURTESY {
        tokio::task::yield_now().await;
        let before = waiting.len();
        while waiting.len() < most
            && let Ok(another) = listening.try_recv()
        {
            waiting.push(another);
        }
        if waiting.len() == before || waiting.len() == most {
            return;
        }
    }
}

/// Answers to all of `asked`, over a new connection if the old one turns out to be broken.
async fn answer<Q: BatchQuery>(question: &Q, lane: &mut Lane, asked: &[Q::Ask]) -> Result<Vec<Q::Answer>> {
    if lane.is_connected() {
        match attempt(question, lane, asked).await {
            Err(error @ (Error::Unavailable(_) | Error::NoPrimary(_))) => {
                tracing::debug!(%error, "{}: asking again on a new connection", Q::NAME);
            }
            done => return done,
        }
    }
    attempt(question, lane, asked).await
}

async fn attempt<Q: BatchQuery>(question: &Q, lane: &mut Lane, asked: &[Q::Ask]) -> Result<Vec<Q::Answer>> {
    let mut conn = lane.take().await?;
    let answers = question.ask(&mut conn, asked).await?;
    if answers.len() != asked.len() {
        return Err(Error::Internal(anyhow::anyhow!("{}: {} answers to {}", Q::NAME, answers.len(), asked.len())));
    }
    lane.keep(conn).await?;
    Ok(answers)
}

fn refuse<T>(replies: Vec<oneshot::Sender<Result<T>>>, error: &Error) {
    for reply in replies {
        let _ = reply.send(Err(match error {
            Error::Unavailable(why) => Error::Unavailable(why.clone()),
            Error::NoPrimary(none) => Error::NoPrimary(none.clone()),
            Error::Busy(why) => Error::Busy(why),
            Error::Internal(error) => Error::Internal(anyhow::anyhow!(causes(error))),
            Error::Refused(_) => Error::Internal(anyhow::anyhow!("{error}")),
        }));
    }
}

/// The index of what Postgres has numbered `with ordinality`, from 1.
pub fn index(ordinality: i64) -> Result<usize> {
    usize::try_from(ordinality - 1).map_err(|error| Error::Internal(error.into()))
}

/// For each that was asked, in their order, the answer that Postgres has numbered like it, if there is one.
pub fn by_place<A, T>(asked: &[A], answers: impl IntoIterator<Item = (i64, T)>) -> Result<Vec<Option<T>>> {
    let mut in_order = Vec::new();
    in_order.resize_with(asked.len(), || None);
    for (ordinality, answer) in answers {
        let place = in_order.get_mut(index(ordinality)?);
        *place.ok_or_else(|| Error::Internal(anyhow::anyhow!("an answer that nobody asked for")))? = Some(answer);
    }
    Ok(in_order)
}

/// Each different key once, and for each of `keys` its place among those.
pub fn distinct<K: Copy + Hash + Eq>(keys: impl Iterator<Item = K>) -> (Vec<K>, Vec<usize>) {
    let mut places = HashMap::with_capacity(keys.size_hint().0);
    let mut once = Vec::with_capacity(keys.size_hint().0);
    let of_each = keys
        .map(|key| {
            *places.entry(key).or_insert_with(|| {
                once.push(key);
                once.len() - 1
            })
        })
        .collect();
    (once, of_each)
}
