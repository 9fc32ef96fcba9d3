//! Hashing has its own few threads at low priority behind a bounded queue, so that a storm of logins can't slow
//! anything else.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use argon2::Block;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use tokio::sync::oneshot;
use tracing::Instrument;

use super::hash::MEMORY_KIB;
use super::{Password, PasswordHash, Presented, Scheme};
use crate::error::{Error, Result};
use crate::metrics::Hashing;
use crate::traces;

/// How many hashes may wait for each thread: at about 20 ms each, well under a second of waiting.
const QUEUE_PER_THREAD: usize = 32;

/// Of 100, lower than everything else in the process: a nice value of 10 (see setpriority(2)).
const PRIORITY: u8 = 24;

/// After this long without work a thread gives its memory back.
const IDLE: Duration = Duration::from_secs(5);

/// Each thread keeps its memory between jobs: allocating and clearing 19 MiB costs a quarter of a hash.
type Memory = Vec<Block>;
type Job = Box<dyn FnOnce(&mut Memory) + Send>;

/// A handle on the hashing threads, which end when its last clone is dropped.
#[derive(Clone, Debug)]
pub struct Hasher {
    queue: Sender<Job>,
    metrics: Hashing,
}

impl Hasher {
    /// Starts `threads` hashing threads.
    pub fn start(threads: usize) -> std::io::Result<Self> {
        let (queue, jobs) = bounded(threads * QUEUE_PER_THREAD);
        for n in 0..threads {
            let jobs: Receiver<Job> = jobs.clone();
            std::thread::Builder::new().name(format!("hash-{n}")).spawn(move || work(&jobs))?;
        }
        Ok(Self { queue, metrics: Hashing::default() })
    }

    /// Measures what it does from now on.
    #[must_use]
    pub fn measured_by(self, metrics: Hashing) -> Self {
        Self { metrics, ..self }
    }

    /// Hashes a password with today's parameters.
    ///
    /// # Errors
    /// 503 when the queue is full.
    pub async fn hash(&self, password: Password) -> Result<PasswordHash> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|error| Error::Internal(error.into()))?;
        self.run(move |memory| PasswordHash::make(password.as_bytes(), &salt, blocks(memory, MEMORY_KIB as usize)))
            .await?
            .map_err(|error| Error::Internal(anyhow::anyhow!("argon2: {error}")))
    }

    /// Whether `presented` is the password behind `hash`.
    ///
    /// # Errors
    /// 503 when the queue is full.
    pub async fn verify(&self, presented: Presented, hash: PasswordHash) -> Result<bool> {
        self.run(move |memory| {
            let Ok(scheme) = Scheme::parse(hash.as_str()) else {
                tracing::error!("a stored password hash can't be read; its owner can't log in");
                return false;
            };
            let memory = blocks(memory, scheme.blocks());
            let normalised = presented.normalised();
            scheme.verify(normalised.as_bytes(), memory)
                // Other systems may not have normalised what they hashed.
                || (!hash.is_current()
                    && normalised.as_str() != presented.raw()
                    && scheme.verify(presented.raw().as_bytes(), memory))
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, act: impl FnOnce(&mut Memory) -> T + Send + 'static) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let waiting = self.metrics.queue().join();
        let metrics = self.metrics.clone();
        let job: Job = Box::new(move |memory| {
            // A caller who went away costs nothing more.
            if !reply.is_closed() {
                waiting.is_over();
                let _ = reply.send(metrics.at_work(|| act(memory)));
            }
        });
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => {
                self.metrics.queue().refused();
                Error::Busy("the password hashing queue is full")
            }
            TrySendError::Disconnected(_) => Error::Internal(anyhow::anyhow!("the hashing threads are gone")),
        })?;
        answer
            .instrument(traces::step("hash password"))
            .await
            .map_err(|_| Error::Internal(anyhow::anyhow!("a hashing thread dropped its job")))
    }
}

fn blocks(memory: &mut Memory, needed: usize) -> &mut [Block] {
    if memory.len() < needed {
        memory.resize(needed, Block::default());
    }
    memory
}

/// Lets everybody else go first. On Linux as batch work besides: a hash takes longer than a thread's turn, and without that
/// whoever wakes meanwhile waits for the end of it.
fn step_back() -> Result<(), thread_priority::Error> {
    use thread_priority::{
        Error, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
    };
    #[cfg(target_os = "linux")]
    let policy = thread_priority::NormalThreadSchedulePolicy::Batch;
    #[cfg(not(target_os = "linux"))]
    let policy = thread_priority::NormalThreadSchedulePolicy::Other;
    let priority = ThreadPriority::Crossplatform(PRIORITY.try_into().map_err(|_| Error::Priority("more than 99"))?);
    set_thread_priority_and_policy(thread_native_id(), priority, ThreadSchedulePolicy::Normal(policy))
}

fn work(jobs: &Receiver<Job>) {
    if let Err(error) = step_back() {
        tracing::debug!(?error, "hashing threads keep normal priority");
    }
    let mut memory = Memory::new();
    loop {
        match jobs.recv_timeout(IDLE) {
            Ok(job) => {
                // A panic in one hash must not cost the thread.
                let _ = std::panic::catch_unwind(AssertUnwindSafe(|| job(&mut memory)));
                // An imported hash may have needed more than ours do.
                memory.truncate(MEMORY_KIB as usize);
                memory.shrink_to(MEMORY_KIB as usize);
            }
            Err(RecvTimeoutError::Timeout) => memory = Memory::new(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
