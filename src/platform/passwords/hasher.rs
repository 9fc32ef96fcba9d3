//! Hashing behind a bounded queue, so that a storm of logins can't slow anything else, in turns, so that nobody's storm
//! keeps others from logging in.

use std::io;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use tokio::sync::oneshot;
use tracing::Instrument;

use super::work::{Done, Memory, Work};
use super::worker::Worker;
use super::{FirebaseKey, Password, PasswordHash, Presented};
use crate::base::error::{Error, Result};
use crate::platform::metrics::{Hashing, QueueTimer};
use crate::platform::shares::{Asker, Refused, Turn, Turns};
use crate::platform::traces;

/// How many passwords may wait for each hand: at about 20 ms each, well under a second of waiting.
const QUEUE_PER_HAND: usize = 32;

/// And how many in all.
const LONGEST_QUEUE: usize = 1024;

/// One under way and one at hand, so that no hand waits for the next.
const SEATS_PER_HAND: usize = 2;

/// After this long without work memory and processes are given back.
const IDLE: Duration = Duration::from_secs(5);

/// Why a hash of Firebase is refused.
pub const NO_FIREBASE_KEY: &str =
    "is one of Firebase's, which take the project's key to verify: set FIREBASE_SIGNER_KEY";

/// Where the hashing is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashingPlace {
    /// In this process, for tests.
    Here,
    /// In processes of their own, whose program is this one: it must be Portero.
    Apart,
}

/// A handle on those who hash, who end when its last clone is dropped.
#[derive(Clone, Debug)]
pub struct Hasher {
    turns: Turns,
    jobs: Sender<Job>,
    metrics: Hashing,
    firebase: Option<FirebaseKey>,
}

struct Job {
    work: Work,
    reply: oneshot::Sender<io::Result<Done>>,
    waiting: QueueTimer,
    turn: Turn,
}

impl Hasher {
    /// Starts so many threads that each hash, or lead a process that does. What they do is measured.
    pub fn start(hands: usize, place: HashingPlace, metrics: Hashing) -> io::Result<Self> {
        let seats = hands * SEATS_PER_HAND;
        let turns = Turns::new(seats, (hands * QUEUE_PER_HAND).min(LONGEST_QUEUE));
        let (jobs, at_hand) = bounded(seats);
        for n in 0..hands {
            let (at_hand, metrics) = (at_hand.clone(), metrics.clone());
            std::thread::Builder::new().name(format!("hash-{n}")).spawn(move || lead(&at_hand, place, &metrics))?;
        }
        Ok(Self { turns, jobs, metrics, firebase: None })
    }

    /// Which can verify the hashes of a Firebase project, too.
    #[must_use]
    pub fn with_firebase(self, key: Option<FirebaseKey>) -> Self {
        Self { firebase: key, ..self }
    }

    /// Refuses a hash that can't be verified here: 400 `invalid_request_body`.
    pub fn must_know(&self, hash: &PasswordHash) -> Result<()> {
        if self.firebase.is_none() && hash.is_of_firebase() {
            return Err(Error::invalid_field("password_hash", NO_FIREBASE_KEY));
        }
        Ok(())
    }

    /// Hashes a password with today's parameters.
    ///
    /// # Errors
    /// 429 `too_many_at_once` when the queue is full, of this asker's passwords more than of others'; 503 when it is full.
    pub async fn hash(&self, asker: &Asker, password: Password) -> Result<PasswordHash> {
        self.hash_in_turn(asker, password).await?.map_err(no_turn)
    }

    /// Likewise, for who can wait until there is room.
    #[expect(clippy::disallowed_methods, reason = "a salt is random and nothing else")]
    pub async fn hash_in_turn(&self, asker: &Asker, password: Password) -> Result<Result<PasswordHash, Refused>> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|error| Error::Internal(error.into()))?;
        match self.ask(asker, Work::Hash { password, salt }).await? {
            Ok(Done::Hashed(hash)) => Ok(Ok(hash)),
            Ok(done) => Err(failed(done)),
            Err(refused) => Ok(Err(refused)),
        }
    }

    /// Whether `presented` is the password behind `hash`.
    ///
    /// # Errors
    /// As [`Self::hash`].
    pub async fn verify(&self, asker: &Asker, presented: Presented, hash: PasswordHash) -> Result<bool> {
        if self.must_know(&hash).is_err() {
            tracing::error!(
                "a stored password hash is Firebase's, and FIREBASE_SIGNER_KEY is not set; its owner can't log in"
            );
        }
        let hash = hash.complete(self.firebase.as_ref());
        match self.ask(asker, Work::Verify { presented, hash }).await?.map_err(no_turn)? {
            Done::Verified(right) => Ok(right),
            Done::Unreadable => {
                tracing::error!("a stored password hash can't be read; its owner can't log in");
                Ok(false)
            }
            done => Err(failed(done)),
        }
    }

    async fn ask(&self, asker: &Asker, work: Work) -> Result<Result<Done, Refused>> {
        let waiting = self.metrics.queue().join();
        let turn = match self.turns.take(asker.clone()).await {
            Ok(turn) => turn,
            Err(refused) => {
                self.metrics.queue().refused();
                return Ok(Err(refused));
            }
        };
        let (reply, answer) = oneshot::channel();
        let sent = self.jobs.try_send(Job { work, reply, waiting, turn });
        sent.map_err(|_| Error::Internal(anyhow::anyhow!("the hashing threads are gone")))?;
        let done = answer.instrument(traces::step("hash password")).await;
        let done = done.map_err(|_| Error::Internal(anyhow::anyhow!("a hashing thread dropped its job")))?;
        let done = done.map_err(|error| Error::Internal(anyhow::anyhow!("the process that hashes passwords: {error}")));
        done.map(Ok)
    }
}

fn no_turn(refused: Refused) -> Error {
    refused.because("the password hashing queue is full")
}

fn failed(done: Done) -> Error {
    let Done::Failed(error) = done else { return Error::Internal(anyhow::anyhow!("an answer to another question")) };
    Error::Internal(anyhow::anyhow!("argon2: {error}"))
}

fn lead(jobs: &Receiver<Job>, place: HashingPlace, metrics: &Hashing) {
    let mut hand = Hand::at(place);
    loop {
        match jobs.recv_timeout(IDLE) {
            // A caller who went away costs nothing more.
            Ok(job) if job.reply.is_closed() => {}
            Ok(Job { work, reply, waiting, turn }) => {
                waiting.is_over();
                // A panic in one hash must not cost the thread.
                let done = std::panic::catch_unwind(AssertUnwindSafe(|| metrics.at_work(|| hand.act(&work))));
                drop(turn);
                if let Ok(done) = done {
                    let _ = reply.send(done);
                }
            }
            Err(RecvTimeoutError::Timeout) => hand = Hand::at(place),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// What a thread has at hand while there is work.
enum Hand {
    Here(Memory),
    Apart(Option<Worker>),
}

impl Hand {
    fn at(place: HashingPlace) -> Self {
        match place {
            HashingPlace::Here => Self::Here(Memory::new()),
            HashingPlace::Apart => Self::Apart(None),
        }
    }

    fn act(&mut self, work: &Work) -> io::Result<Done> {
        match self {
            Self::Here(memory) => Ok(work.act(memory)),
            // Somebody may have stopped it.
            Self::Apart(worker) => apart(worker, work).or_else(|_| apart(worker, work)),
        }
    }
}

fn apart(worker: &mut Option<Worker>, work: &Work) -> io::Result<Done> {
    let mut running = match worker.take().map_or_else(Worker::start, Ok) {
        Ok(running) => running,
        // In some sandboxes nothing can be started; people must be able to log in there, too.
        Err(error) => {
            tracing::warn!(%error, "can't start a process that hashes passwords; doing it here, where it slows others down");
            return Ok(work.act(&mut Memory::new()));
        }
    };
    let done = running.act(work)?;
    // After success only: what may still come from one that failed answers another question.
    *worker = Some(running);
    Ok(done)
}
