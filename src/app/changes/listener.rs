//! Hearing that something was written: NOTIFY, as long as it comes through. It may not: the connection breaks, or a
//! transaction pooler is in between. Then the reader looks more often, until notifications come again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::feed::Inner;
use super::store;
use crate::base::error::Result;
use crate::platform::cores::spawn_beside;
use crate::platform::database::{Address, Db, is_outdated};

/// Between two attempts to listen.
const RETRY: Duration = Duration::from_millis(500);

/// Who is deaf for so long tries another connection.
const SILENCE: Duration = Duration::from_secs(30);

/// How often a silent connection is asked about.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Ears {
    state: Arc<State>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    heard: Notify,
    trusted: AtomicBool,
}

impl Ears {
    /// Listens until it is dropped.
    pub(super) fn open(feed: &Inner) -> Self {
        let state = Arc::<State>::default();
        let task = listen_always(Arc::clone(&state), feed.ears.clone(), feed.db.clone());
        Self { state, _task: AbortOnDropHandle::new(spawn_beside(task)) }
    }

    /// Waits until something was announced.
    pub(super) async fn heard(&self) {
        self.state.heard.notified().await;
    }

    /// Whether notifications have come through, and none was missed since.
    pub(super) fn are_trusted(&self) -> bool {
        self.state.trusted.load(Ordering::Relaxed)
    }

    /// There was something that nobody had announced.
    pub(super) fn distrust(&self) {
        self.state.trusted.store(false, Ordering::Relaxed);
    }
}

async fn listen_always(state: Arc<State>, ears: Option<Address>, db: Db) {
    let Some(ears) = ears else { return };
    loop {
        if let Err(error) = listen(&state, &ears, &db).await {
            tracing::debug!(%error, "can't listen for changes; looking for them instead");
        }
        state.trusted.store(false, Ordering::Relaxed);
        sleep(RETRY).await;
    }
}

/// Listens until the connection breaks, or lets nothing through.
async fn listen(state: &State, ears: &Address, db: &Db) -> Result<()> {
    let (begun, mut heard) = (Instant::now(), Instant::now());
    let mut listener = ears.listen(store::CHANNEL).await?;
    // A pooler accepts LISTEN and then delivers nothing: trust what has been heard once.
    let mut conn = db.read().await?;
    store::announce(&mut conn).await?;
    conn.keep().await?;
    loop {
        match timeout(LOOK, listener.try_recv()).await {
            Ok(Ok(Some(_))) => {
                heard = Instant::now();
                state.trusted.store(true, Ordering::Relaxed);
                state.heard.notify_one();
            }
            Ok(Err(error)) => return Err(error.into()),
            // Other connections have ended meanwhile: this one may lead to where nothing is written any more.
            Err(_) if is_outdated(begun) => return Ok(()),
            // Nothing to be heard is as it should be, as long as something has been.
            Err(_) if state.trusted.load(Ordering::Relaxed) || heard.elapsed() < SILENCE => {}
            Ok(Ok(None)) | Err(_) => return Ok(()),
        }
    }
}
