//! Many questions, one statement: what is asked while a statement is under way gathers, and rides the next one
//! together. Alone, a question goes out at once. The lanes are spread over the cores.

use std::future::Future;
use std::pin::{Pin, pin};
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgConnection;
use tokio::time::{Instant, Sleep, sleep};
use tracing::Instrument;

use super::asker::{Asker, hand_out, refuse};
use super::queue::Queue;
use super::{Db, InLane, Lane};
use crate::base::error::{Error, Result, causes};
use crate::platform::cores;
use crate::platform::metrics::{self, Metrics};
use crate::platform::traces;

/// A kind of question.
pub trait BatchQuery: Send + Sync + 'static {
    /// What it is called in logs and metrics.
    const NAME: &'static str;
    /// Whether asking twice does no more than asking once. Only then is a statement sent once more after its connection broke.
    const MAY_BE_ASKED_TWICE: bool = true;
    /// What one caller asks.
    type Ask: Send + Sync + 'static;
    /// What one caller is answered.
    type Answer: Send + 'static;

    /// Asks Postgres; one answer to each, in the order of `asked`.
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
    queues: Arc<Queues<Q>>,
    deadline: Duration,
    metrics: metrics::BatchMetrics,
}

impl<Q: BatchQuery> Clone for Batch<Q> {
    fn clone(&self) -> Self {
        Self { queues: Arc::clone(&self.queues), deadline: self.deadline, metrics: self.metrics.clone() }
    }
}

type Waits<Q> = Arc<Queue<Waiting<Q>>>;

/// Each with lanes on a core of its own.
#[derive(Debug)]
struct Queues<Q: BatchQuery>(Vec<Waits<Q>>);

impl<Q: BatchQuery> Drop for Queues<Q> {
    fn drop(&mut self) {
        self.0.iter().for_each(|queue| queue.close());
    }
}

struct Waiting<Q: BatchQuery> {
    ask: Q::Ask,
    place: metrics::QueueTimer,
    asker: Asker<Q::Answer>,
}

impl<Q: BatchQuery> Batch<Q> {
    /// Starts the lanes; they connect when they are first needed.
    pub fn start(question: Q, db: &Db, limits: BatchLimits, metrics: &Metrics) -> Self {
        let metrics = metrics.batch(Q::NAME);
        let (question, cores) = (Arc::new(question), db.cores());
        let count = cores.count().min(limits.lanes).max(1);
        let queues = (0..count).map(|core| {
            let queue = Arc::new(Queue::new(limits.queue.div_ceil(count)));
            for _ in (core..limits.lanes).step_by(count) {
                let (question, queue) = (Arc::clone(&question), Arc::clone(&queue));
                cores.spawn_on(core, keep_serving(question, db.clone(), queue, limits, metrics.clone()));
            }
            queue
        });
        Self { queues: Arc::new(Queues(queues.collect())), deadline: limits.deadline, metrics }
    }

    /// Asks one question.
    ///
    /// # Errors
    /// 503 when the queue is full, when Postgres can't be asked, or when the deadline has passed.
    pub async fn ask(&self, ask: Q::Ask) -> Result<Q::Answer> {
        let core = cores::current();
        let (asker, answer) = Asker::new(core, self.deadline);
        let place = self.metrics.queue().join();
        let queue = &self.queues.0[core.unwrap_or(0) % self.queues.0.len()];
        if !queue.join(Waiting { ask, place, asker }) {
            self.metrics.queue().refused();
            return Err(Error::Busy("too many questions wait for Postgres already"));
        }
        // The lane keeps to the deadline: a timer for each question would cost more than its answer.
        let answered = answer.instrument(traces::query(Q::NAME)).await;
        answered.unwrap_or_else(|_| Err(Error::Unavailable(format!("{}: the lane was stopped", Q::NAME))))
    }
}

/// A panic costs the questions of one batch, not the lane.
async fn keep_serving<Q: BatchQuery>(
    question: Arc<Q>,
    db: Db,
    queue: Waits<Q>,
    limits: BatchLimits,
    metrics: metrics::BatchMetrics,
) {
    loop {
        let serving = serve(Arc::clone(&question), db.clone(), Arc::clone(&queue), limits, metrics.clone());
        match tokio::spawn(serving).await {
            Err(error) if error.is_panic() => tracing::error!("{}: a lane panicked and starts anew", Q::NAME),
            _ => return,
        }
    }
}

async fn serve<Q: BatchQuery>(
    question: Arc<Q>,
    db: Db,
    queue: Waits<Q>,
    limits: BatchLimits,
    metrics: metrics::BatchMetrics,
) {
    let mut lane = db.lane();
    let mut waiting: Vec<Waiting<Q>> = Vec::with_capacity(limits.size);
    let mut alarm = pin!(sleep(limits.deadline));
    let mut was_alone = true;
    while queue.is_joined().await {
        queue.take(&mut waiting, limits.size);
        if waiting.len() > 1 || !was_alone {
            give_way(&queue, &mut waiting, limits.size).await;
        }
        was_alone = waiting.len() <= 1;
        // Who went away costs nothing more.
        waiting.retain(|waiting| !waiting.asker.is_gone());
        let (asked, mut askers): (Vec<_>, Vec<_>) = waiting
            .drain(..)
            .map(|waiting| {
                waiting.place.is_over();
                (waiting.ask, waiting.asker)
            })
            .unzip();
        if asked.is_empty() {
            continue;
        }
        let start = Instant::now();
        let answered = tokio::select! {
            biased;
            answered = answer_each(&*question, &mut lane, &asked) => Some(answered),
            // Postgres is silent.
            () = until_all_are_late(&queue, &mut askers, alarm.as_mut(), limits.deadline) => None,
        };
        metrics.asked(asked.len(), start.elapsed());
        match answered {
            Some(Ok(answers)) => hand_out(db.cores(), askers, answers),
            Some(Err(error)) => refuse(askers, &error),
            None => {}
        }
    }
}

/// Refuses whoever has waited for too long, of those who were asked for and of those who still wait; ends when nobody waits any more for
/// what is asked.
async fn until_all_are_late<Q: BatchQuery>(
    queue: &Queue<Waiting<Q>>,
    askers: &mut [Asker<Q::Answer>],
    mut alarm: Pin<&mut Sleep>,
    deadline: Duration,
) {
    let too_late = || Error::Unavailable(format!("{}: no answer within {deadline:?}", Q::NAME));
    while let Some(asked) = askers.iter().find(|asker| asker.waits()) {
        let waiting = queue.first(|waiting| waiting.asker.until).filter(|until| *until < asked.until);
        let next = waiting.unwrap_or(asked.until);
        // It rings too early rather than being set for each statement.
        if alarm.is_elapsed() || next < alarm.deadline() {
            alarm.as_mut().reset(next);
        }
        alarm.as_mut().await;
        let now = Instant::now();
        for mut late in queue.take_while(|waiting| waiting.asker.until <= now) {
            late.asker.refuse_if_late(now, too_late);
        }
        for asker in askers.iter_mut() {
            asker.refuse_if_late(now, too_late);
        }
    }
}

/// Lets those ask who are about to, as long as each time somebody has: they ride along. A statement costs Postgres as much as many
/// questions in it, and small batches would follow on small ones.
async fn give_way<Q: BatchQuery>(queue: &Queue<Waiting<Q>>, waiting: &mut Vec<Waiting<Q>>, most: usize) {
    for _ in 0..COURTESY {
        tokio::task::yield_now().await;
        let before = waiting.len();
        queue.take(waiting, most);
        if waiting.len() == before || waiting.len() == most {
            return;
        }
    }
}

/// An answer to each of `asked`. If Postgres can't take them together, each goes alone: what is wrong with one does not cost the others their answer.
async fn answer_each<Q: BatchQuery>(question: &Q, lane: &mut Lane, asked: &[Q::Ask]) -> Result<Vec<Result<Q::Answer>>> {
    match answer(question, lane, asked).await {
        Ok(answers) => return Ok(answers.into_iter().map(Ok).collect()),
        Err(Error::Internal(error)) if asked.len() > 1 && was_undone(&error) => {
            tracing::warn!("{}: {} questions are asked one by one: {}", Q::NAME, asked.len(), causes(&error));
        }
        Err(error) => return Err(error),
    }
    let mut answers = Vec::with_capacity(asked.len());
    for ask in asked {
        answers.push(
            answer(question, lane, slice::from_ref(ask)).await.and_then(|mut one| {
                one.pop().ok_or_else(|| Error::Internal(anyhow::anyhow!("{}: no answer", Q::NAME)))
            }),
        );
    }
    Ok(answers)
}

/// Whether Postgres itself refused the statement, of which nothing is left then.
fn was_undone(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(sqlx::Error::Database(_)))
}

/// Answers to all of `asked`, over a new connection if the old one turns out to be broken.
async fn answer<Q: BatchQuery>(question: &Q, lane: &mut Lane, asked: &[Q::Ask]) -> Result<Vec<Q::Answer>> {
    let was_connected = lane.is_connected();
    let first = match lane.take().await {
        Ok(conn) => match attempt(question, lane, conn, asked).await {
            // Nobody knows what it has done.
            Err(error) if !Q::MAY_BE_ASKED_TWICE => return Err(error),
            answered => answered,
        },
        Err(error) => Err(error),
    };
    match first {
        Err(error @ (Error::Unavailable(_) | Error::NoPrimary(_))) if was_connected => {
            tracing::debug!(%error, "{}: asking again on a new connection", Q::NAME);
        }
        answered => return answered,
    }
    let conn = lane.take().await?;
    attempt(question, lane, conn, asked).await
}

async fn attempt<Q: BatchQuery>(
    question: &Q,
    lane: &mut Lane,
    mut conn: InLane,
    asked: &[Q::Ask],
) -> Result<Vec<Q::Answer>> {
    let answers = question.ask(&mut conn, asked).await?;
    if answers.len() != asked.len() {
        return Err(Error::Internal(anyhow::anyhow!("{}: {} answers to {}", Q::NAME, answers.len(), asked.len())));
    }
    lane.keep(conn).await?;
    Ok(answers)
}
