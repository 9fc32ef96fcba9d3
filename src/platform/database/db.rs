//! How everything else holds Postgres: connections for questions, transactions for changes.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sqlx::pool::{PoolConnection, PoolConnectionMetadata};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Executor, PgConnection, PgPool, Postgres};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::address::{Address, Setting};
use super::broken_connections;
use super::connect::refused;
use super::lane::Lane;
use crate::base::error::{Error, Result};
use crate::platform::cores::Cores;

/// How long anybody waits for a free connection, so that a 503 comes within two seconds.
pub(super) const POOL_WAIT: Duration = Duration::from_millis(1500);

/// A connection that has rested this long is looked at before it is used: Postgres may have been restarted meanwhile.
const RESTED: Duration = Duration::from_millis(500);

/// How long that look may take, so that there is time for a new connection.
const LOOK: Duration = Duration::from_millis(700);

/// How long a connection may take to become free of what was begun on it. One that leads to a server which hangs would
/// take for ever, and keep its place in the pool.
const GIVING_BACK: Duration = Duration::from_secs(1);

/// A connection apart that has rested this long is closed.
const IDLE: Duration = Duration::from_secs(30);

/// No statement of ours takes longer, unless it hangs; nobody waits longer for a row that somebody else has locked,
/// since their connection is wanted by others.
pub(super) const PATIENCE: [Setting; 2] = [("statement_timeout", "10s"), ("lock_timeout", "1500ms")];

impl Address {
    /// One connection apart, made when it is needed and closed when it is not.
    pub fn one_connection(&self) -> Db {
        Db::new(self.clone(), careful(self).max_connections(1).idle_timeout(IDLE).max_lifetime(None))
    }

    /// Connections to share.
    pub fn pool(&self, max_connections: u32) -> Db {
        Db::new(self.clone(), careful(self).max_connections(max_connections))
    }
}

/// Whoever waits for a connection does not wait for ever, and gets one that works.
fn careful(address: &Address) -> PgPoolOptions {
    let address = address.clone();
    PgPoolOptions::new().acquire_timeout(POOL_WAIT).test_before_acquire(false).before_acquire(move |conn, meta| {
        let address = address.clone();
        Box::pin(async move { Ok(works(&address, conn, meta).await) })
    })
}

async fn works(address: &Address, conn: &mut PgConnection, meta: PoolConnectionMetadata) -> bool {
    if Instant::now().checked_sub(meta.age).is_none_or(broken_connections::came_after) {
        return false;
    }
    if meta.idle_for <= RESTED {
        return true;
    }
    match timeout(LOOK, address.must_still_be_fit(conn)).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a connection that rested is of no use");
            address.has_failed();
            false
        }
        Err(_) => {
            tracing::debug!("a connection that rested does not answer");
            broken_connections::mark();
            address.has_failed();
            false
        }
    }
}

/// The connections that a running Portero shares.
#[derive(Clone, Debug)]
pub struct Db {
    pool: PgPool,
    /// Which of the address' servers it connects to.
    leads_to: Arc<AtomicUsize>,
    address: Arc<Address>,
    cores: Cores,
}

impl Db {
    fn new(address: Address, pool: PgPoolOptions) -> Self {
        let leads_to = AtomicUsize::new(address.current()).into();
        Self { pool: address.connections(pool), leads_to, address: Arc::new(address), cores: Cores::default() }
    }

    /// The same, whose lanes are on these cores.
    #[must_use]
    pub fn on(self, cores: Cores) -> Self {
        Self { cores, ..self }
    }

    /// A connection to ask questions on. What is written through it may be lost without
    /// [`Reading::keep`]: changes are for [`Self::begin`].
    pub async fn read(&self) -> Result<Reading> {
        let mut held = self.acquire().await?;
        if self.address.pooled {
            held.begin(Address::begin_pooled(PATIENCE)).await?;
        }
        Ok(Reading(held))
    }

    /// A transaction for changes.
    pub async fn begin(&self) -> Result<Transaction> {
        let mut held = self.acquire().await?;
        if self.address.pooled {
            held.begin(Address::begin_pooled(PATIENCE)).await?;
        } else {
            held.begin("begin").await?;
        }
        Ok(Transaction(held))
    }

    /// A connection to the primary, wherever that is by now.
    async fn acquire(&self) -> Result<PooledConnection> {
        // 4 KiB, which each future that may ask Postgres would have in it, and move about: also those that never do.
        let acquired = Box::pin(self.find_and_acquire());
        let Ok(acquired) = timeout(POOL_WAIT, acquired).await else {
            self.address.found.doubt();
            return Err(Error::Unavailable(format!("no connection to Postgres within {POOL_WAIT:?}")));
        };
        Ok(PooledConnection { conn: Some(acquired?), in_transaction: false })
    }

    async fn find_and_acquire(&self) -> Result<PoolConnection<Postgres>> {
        let mut turned_away = false;
        loop {
            self.address.settle().await?;
            let current = self.address.current();
            if self.leads_to.swap(current, Ordering::Relaxed) != current {
                self.pool.set_connect_options(self.address.options(current, &PATIENCE));
            }
            let mut refusals = self.address.found.refusals();
            tokio::select! {
                acquired = self.pool.acquire() => return acquired.map_err(|error| {
                    self.address.found.doubt();
                    Error::Unavailable(crate::base::error::plainly(&error))
                }),
                refused = refused(&mut refusals) => if turned_away || self.address.count() == 1 {
                    return Err(refused.into());
                }
            }
            turned_away = true;
        }
    }

    /// Where lanes are.
    pub(super) fn cores(&self) -> &Cores {
        &self.cores
    }

    /// A lane of its own, for questions by key.
    pub fn lane(&self) -> Lane {
        Lane::of(Arc::clone(&self.address))
    }

    /// Makes sure that Postgres can be asked now, and is one that may be.
    pub async fn must_be_fit(&self) -> Result<Reading> {
        let mut reading = self.read().await?;
        self.address.must_still_be_fit(&mut reading).await?;
        Ok(reading)
    }

    /// Where these connections lead.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The pool itself.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Ends all connections once those who hold them are done.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A connection of the pool, which goes back when this is dropped.
#[derive(Debug)]
struct PooledConnection {
    conn: Option<PoolConnection<Postgres>>,
    in_transaction: bool,
}

impl PooledConnection {
    async fn begin(&mut self, statement: impl sqlx::SqlSafeStr + Send) -> Result<()> {
        // Also if it does not come to its end, there may be something to roll back.
        self.in_transaction = true;
        let statement = statement.into_sql_str();
        (**self).execute(statement).await?;
        Ok(())
    }

    async fn end(mut self, statement: &'static str) -> sqlx::Result<()> {
        (*self).execute(statement).await.inspect_err(|error| {
            broken_connections::is_seen_in(error);
        })?;
        self.in_transaction = false;
        Ok(())
    }
}

impl Deref for PooledConnection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.conn.as_ref().expect("it is there until this is dropped")
    }
}

impl DerefMut for PooledConnection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.conn.as_mut().expect("it is there until this is dropped")
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        match Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(give_back(conn, self.in_transaction));
            }
            Err(_) => drop(conn.detach()),
        }
    }
}

/// Frees a connection of what was begun on it, and gives it back; one that can't be freed soon is closed instead.
async fn give_back(mut conn: PoolConnection<Postgres>, in_transaction: bool) {
    if in_transaction && !matches!(timeout(GIVING_BACK, conn.execute("rollback")).await, Ok(Ok(_))) {
        drop(conn.detach());
        return;
    }
    // It waits for whatever was asked last and not waited for.
    let _ = timeout(GIVING_BACK, conn.return_to_pool()).await;
}

/// A connection on which questions are asked: behind a transaction pooler, a transaction.
#[derive(Debug)]
pub struct Reading(PooledConnection);

impl Reading {
    /// Keeps what a single statement has written, where that is not kept by itself.
    pub async fn keep(self) -> sqlx::Result<()> {
        if self.0.in_transaction { self.0.end("commit").await } else { Ok(()) }
    }
}

impl Deref for Reading {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for Reading {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}

/// A transaction, rolled back unless it is committed.
#[derive(Debug)]
pub struct Transaction(PooledConnection);

impl Transaction {
    /// Keeps what was done.
    pub async fn commit(self) -> sqlx::Result<()> {
        self.0.end("commit").await
    }

    /// Undoes what was done.
    pub async fn rollback(self) -> sqlx::Result<()> {
        self.0.end("rollback").await
    }
}

impl Deref for Transaction {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}
