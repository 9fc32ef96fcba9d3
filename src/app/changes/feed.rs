//! What all streams of this instance share: one reader, and one bounded buffer.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use time::OffsetDateTime;
use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore, broadcast};
use tokio_util::sync::CancellationToken;

use super::change::{Audience, Change};
use super::{reader, store};
use crate::app::config::Config;
use crate::app::database::Database;
use crate::base::clock::Clock;
use crate::base::error::{Error, Result};
use crate::base::id::{KeyId, ServiceId};
use crate::gate::Backend;
use crate::platform::cores::spawn_beside;
use crate::platform::database::{Address, Db, Reading};
use crate::platform::http::rate_limit;
use crate::platform::metrics;
use crate::platform::shares::{Share, Shares};

/// How many streams an instance keeps open,
const MAX_STREAMS: usize = 1000;

/// of those with one key,
const OF_A_KEY: u32 = 20;

/// and with all keys of one service.
const OF_A_SERVICE: u32 = 100;

/// Who has their share of streams may ask again after so long.
const LATER: Duration = Duration::from_secs(10);

/// How many changes a stream may fall behind before it is told `reset`.
const BUFFER: usize = 4096;

/// How often things happen.
#[derive(Clone, Copy, Debug)]
pub struct FeedTimings {
    /// A stream that has nothing to tell says this often that it lives.
    pub heartbeat: Duration,
    /// How often the log is looked at while notifications come through.
    pub trusting: Duration,
    /// How often while they don't.
    pub deaf: Duration,
    /// When the log could not be read for so long, the streams end: nobody should go on trusting what they keep.
    pub patience: Duration,
}

impl Default for FeedTimings {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(15),
            trusting: Duration::from_secs(1),
            deaf: Duration::from_millis(25),
            patience: Duration::from_secs(5),
        }
    }
}

/// The log, as this instance reads it while anybody listens.
#[derive(Clone)]
pub struct Feed(Arc<Inner>);

pub(super) struct Inner {
    /// For reading the log, so that it waits for nobody else's queries.
    pub(super) db: Db,
    /// For LISTEN, which needs a session of its own.
    pub(super) ears: Option<Address>,
    pub(super) pace: FeedTimings,
    pub(super) measured: metrics::StreamMetrics,
    pub(super) stopping: CancellationToken,
    seats: Arc<Semaphore>,
    of_keys: Shares<KeyId>,
    of_services: Shares<ServiceId>,
    live: Mutex<Option<Live>>,
    /// How often a reader has been started.
    starts: AsyncMutex<u64>,
}

/// While a reader runs.
struct Live {
    reader: u64,
    sender: broadcast::Sender<Arc<Told>>,
    /// How far it has read: all beyond is still to be sent.
    position: i64,
}

/// A change, written out once for all streams.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) position: i64,
    pub(super) audience: Audience,
    pub(super) text: Bytes,
}

impl From<Change> for Told {
    fn from(change: Change) -> Self {
        Self { position: change.position, audience: change.audience(), text: change.event().into() }
    }
}

/// Everything after `position`, as it comes.
pub(super) struct Subscription {
    pub(super) receiver: broadcast::Receiver<Arc<Told>>,
    pub(super) position: i64,
}

impl Feed {
    /// The feed of a database. It connects when the first stream is opened.
    pub fn new(
        database: &Database,
        config: &Config,
        pace: FeedTimings,
        measured: metrics::StreamMetrics,
        stopping: CancellationToken,
    ) -> anyhow::Result<Self> {
        Ok(Self(Arc::new(Inner {
            db: database.one_connection(),
            ears: database.where_to_listen(config)?,
            pace,
            measured,
            stopping,
            seats: Arc::new(Semaphore::new(MAX_STREAMS)),
            of_keys: Shares::new(OF_A_KEY as usize),
            of_services: Shares::new(OF_A_SERVICE as usize),
            live: Mutex::new(None),
            starts: AsyncMutex::new(0),
        })))
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.0
    }

    /// The connection for what must not wait, and not make others wait.
    pub(super) async fn connection(&self) -> Result<Reading> {
        self.0.db.read().await
    }

    /// A seat for one more stream of a backend.
    ///
    /// # Errors
    /// 429 `too_many_streams` when its key or its service has its share; 503 when there is none left.
    pub(super) fn seat(&self, backend: Backend) -> Result<StreamSeat> {
        let key = self.0.of_keys.take(backend.key).ok_or_else(|| too_many("key", OF_A_KEY))?;
        let service = self.0.of_services.take(backend.service).ok_or_else(|| too_many("service", OF_A_SERVICE))?;
        let all = Arc::clone(&self.0.seats).try_acquire_owned();
        let all = all.map_err(|_| Error::Unavailable(format!("{MAX_STREAMS} streams are open")))?;
        Ok(StreamSeat { _held: (key, service, all) })
    }

    /// The position up to which all has been placed that is committed now.
    pub(super) async fn head(&self, clock: &Clock) -> Result<i64> {
        let mut conn = self.connection().await?;
        let head = store::place_all(&mut conn, clock.now()).await?;
        conn.keep().await?;
        Ok(head)
    }

    /// Joins the other streams; the first one starts the reader, from what is committed now.
    pub(super) async fn subscribe(&self, clock: &Clock) -> Result<Subscription> {
        if let Some(subscription) = self.join() {
            return Ok(subscription);
        }
        let mut starts = self.0.starts.lock().await;
        if let Some(subscription) = self.join() {
            return Ok(subscription);
        }
        let position = self.head(clock).await?;
        let (sender, receiver) = broadcast::channel(BUFFER);
        *starts += 1;
        *self.0.live() = Some(Live { reader: *starts, sender, position });
        spawn_beside(reader::read(Arc::clone(&self.0), *starts, clock.clone()));
        Ok(Subscription { receiver, position })
    }

    /// Joins the other streams, if the reader runs.
    pub(super) fn join(&self) -> Option<Subscription> {
        let live = self.0.live();
        live.as_ref().map(|live| Subscription { receiver: live.sender.subscribe(), position: live.position })
    }
}

/// One stream's, until it ends.
#[derive(Debug)]
pub(super) struct StreamSeat {
    _held: (Share<KeyId>, Share<ServiceId>, OwnedSemaphorePermit),
}

fn too_many(whose: &str, most: u32) -> Error {
    let what = format!("{most} streams of this {whose} are open; close those that nobody reads");
    rate_limit::share_is_taken("too_many_streams", &what, ("streams", most), LATER)
}

impl Inner {
    fn live(&self) -> MutexGuard<'_, Option<Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the reader has read.
    pub(super) fn position(&self) -> i64 {
        self.live().as_ref().map_or(0, |live| live.position)
    }

    /// Sends to all streams what was read, up to `position`.
    pub(super) fn send(&self, changes: Vec<Change>, position: i64, now: OffsetDateTime) {
        if let Some(live) = &mut *self.live() {
            for change in changes {
                self.measured.lag((now - change.at).unsigned_abs());
                // Nobody may be listening just now.
                let _ = live.sender.send(Arc::new(change.into()));
            }
            live.position = position;
        }
    }

    /// Ends the feed if nobody listens; says whether it did.
    pub(super) fn end_unless_heard(&self) -> bool {
        let mut live = self.live();
        let is_heard = live.as_ref().is_some_and(|live| live.sender.receiver_count() > 0);
        if !is_heard {
            *live = None;
        }
        !is_heard
    }

    /// Ends what a reader fed, and with it the streams.
    pub(super) fn end(&self, reader: u64) {
        self.live().take_if(|live| live.reader == reader);
    }
}

/// Without the connections, whose options hold a password.
impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("pace", &self.0.pace).finish_non_exhaustive()
    }
}
