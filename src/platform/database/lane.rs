//! How batches hold Postgres: a connection each, for questions by key.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::{Executor, PgConnection};

use super::address::{Address, Setting};
use super::broken_connections;
use super::db::PATIENCE;
use crate::base::error::Result;

/// A lane, which is never at rest under load, is looked at this often.
const LOOKED_AT: Duration = Duration::from_secs(1);

/// Batches ask by key: an index is right, also where the planner still believes a table to be small.
const BY_KEY: [Setting; 5] = [
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
    ("plan_cache_mode", "force_generic_plan"),
];

/// One connection that one task keeps for itself. It connects when it is first used, and again after a failure.
#[derive(Debug)]
pub struct Lane {
    address: Arc<Address>,
    settings: Vec<Setting>,
    conn: Option<InLane>,
}

/// The connection of a lane.
#[derive(Debug)]
pub struct InLane {
    conn: PgConnection,
    address: Arc<Address>,
    made: Instant,
    looked_at: Instant,
}

impl Lane {
    pub(super) fn of(address: Arc<Address>) -> Self {
        Self { address, settings: PATIENCE.into_iter().chain(BY_KEY).collect(), conn: None }
    }

    /// Whether the connection was used before, and may have broken since.
    pub fn is_connected(&self) -> bool {
        self.conn.is_some()
    }

    /// Whether there was trouble since its connection was made, which is not used again.
    pub(super) fn is_outdated(&self) -> bool {
        self.conn.as_ref().is_some_and(|lane| broken_connections::came_after(lane.made))
    }

    /// The connection, to be given back by [`Self::keep`] after success only: what may still arrive on one that failed, or
    /// whose user was stopped halfway, is nobody's.
    pub async fn take(&mut self) -> Result<InLane> {
        let mut lane = if let Some(lane) = self.conn.take().filter(|lane| !broken_connections::came_after(lane.made)) {
            lane
        } else {
            let conn = self.address.connect(&self.settings).await?;
            let (address, now) = (Arc::clone(&self.address), Instant::now());
            InLane { conn, address, made: now, looked_at: now }
        };
        if self.address.pooled {
            let settings = self.settings.iter().copied();
            lane.conn.execute(Address::begin_pooled(settings)).await?;
        } else if lane.looked_at.elapsed() > LOOKED_AT {
            lane.must_be_fit().await?;
        }
        Ok(lane)
    }

    /// Keeps what was done on the connection, and the connection for the next time.
    pub async fn keep(&mut self, mut lane: InLane) -> Result<()> {
        if self.address.pooled {
            lane.conn.execute("commit").await?;
        }
        self.conn = Some(lane);
        Ok(())
    }
}

impl InLane {
    /// Makes sure that it still leads to the primary.
    pub async fn must_be_fit(&mut self) -> Result<()> {
        self.address.must_still_be_fit(&mut self.conn).await?;
        self.looked_at = Instant::now();
        Ok(())
    }
}

impl Deref for InLane {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.conn
    }
}

impl DerefMut for InLane {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.conn
    }
}
