//! How everything else holds Postgres: connections for questions, transactions for changes, lanes for batches.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool, PgTransaction, Postgres};

/// How long anybody waits for a free connection, so that a 503 comes within two seconds.
const POOL_WAIT: Duration = Duration::from_millis(1500);

/// A connection that has rested this long is tried before it is used: Postgres may have been restarted meanwhile.
const RESTED: Duration = Duration::from_millis(500);

/// A connection apart that has rested this long is closed.
const IDLE: Duration = Duration::from_secs(30);

/// No statement of ours takes longer, unless it hangs; nobody waits longer for a row that somebody else has locked,
/// since their connection is wanted by others.
const PATIENCE: [(&str, &str); 2] = [("statement_timeout", "10s"), ("lock_timeout", "1500ms")];

/// Batches ask by key: an index is right, also where the planner still believes a table to be small.
const BY_KEY: [(&str, &str); 5] = [
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
    ("plan_cache_mode", "force_generic_plan"),
];

/// Settings of a connection, or behind a pooler of a transaction.
type Setting = (&'static str, &'static str);

/// Where Postgres is, and whether a transaction pooler (PgBouncer) stands before it.
#[derive(Clone, Debug)]
pub struct Address {
    /// How to connect.
    pub options: PgConnectOptions,
    /// Whether consecutive statements may reach different sessions, unless they are of one transaction.
    pub pooled: bool,
}

impl Address {
    /// Postgres itself.
    pub fn direct(options: PgConnectOptions) -> Self {
        Self { options, pooled: false }
    }

    /// The same, seen through a transaction pooler.
    pub fn pooled(options: PgConnectOptions) -> Self {
        // A pooler takes few start-up parameters, and a statement prepared in one transaction is not there in the next.
        Self { options: options.extra_float_digits(None).statement_cache_capacity(0), pooled: true }
    }

    /// The options of a connection with these settings, where a connection can have any.
    fn with(&self, settings: &[Setting]) -> PgConnectOptions {
        if self.pooled { self.options.clone() } else { self.options.clone().options(settings.iter().copied()) }
    }

    /// How a transaction begins behind a pooler, where it is all that is ours: it brings its settings along, and clears
    /// away the prepared statements that somebody else has left under the names that it will use.
    fn begin_pooled(settings: impl IntoIterator<Item = Setting>) -> AssertSqlSafe<String> {
        let settings = settings.into_iter().map(|(name, value)| format!("; set local {name} = '{value}'"));
        AssertSqlSafe(format!("begin; deallocate all{}", settings.collect::<String>()))
    }

    /// What tells a pooler from Postgres: it refuses settings at the start of a connection, or ignores them.
    pub(super) async fn find_pooler(&mut self) -> sqlx::Result<()> {
        let connected = PgConnection::connect_with(&self.with(&PATIENCE)).await;
        let (_, expected) = PATIENCE[0];
        let pooled = match connected {
            Ok(mut conn) => {
                // By the simple protocol, which every pooler passes on.
                let row = sqlx::raw_sql("show statement_timeout").fetch_one(&mut conn).await?;
                let _ = conn.close().await;
                sqlx::Row::try_get::<String, _>(&row, 0)? != expected
            }
            Err(sqlx::Error::Database(error)) if error.message().contains("unsupported startup parameter") => true,
            Err(error) => return Err(error),
        };
        if pooled {
            *self = Self::pooled(self.options.clone());
        }
        Ok(())
    }

    /// A connection for long work, without limits on its time. Whatever it does, it does in [`Self::begin_on`].
    pub async fn connect_patiently(&self) -> sqlx::Result<PgConnection> {
        PgConnection::connect_with(&self.options).await
    }

    /// A transaction on such a connection.
    pub async fn begin_on<'a>(&self, conn: &'a mut PgConnection) -> sqlx::Result<sqlx::Transaction<'a, Postgres>> {
        if self.pooled { conn.begin_with(Self::begin_pooled([])).await } else { conn.begin().await }
    }

    /// One connection apart, made when it is needed and closed when it is not.
    pub fn one_connection(&self) -> Db {
        let pool =
            careful().max_connections(1).idle_timeout(IDLE).max_lifetime(None).connect_lazy_with(self.with(&PATIENCE));
        Db { pool, address: Arc::new(self.clone()) }
    }

    /// Connections to share.
    pub fn pool(&self, max_connections: u32) -> Db {
        let pool = careful().max_connections(max_connections).connect_lazy_with(self.with(&PATIENCE));
        Db { pool, address: Arc::new(self.clone()) }
    }
}

/// Whoever waits for a connection does not wait for ever, and gets one that works.
fn careful() -> PgPoolOptions {
    PgPoolOptions::new().acquire_timeout(POOL_WAIT).test_before_acquire(false).before_acquire(|conn, meta| {
        Box::pin(async move {
            if meta.idle_for > RESTED {
                conn.ping().await?;
            }
            Ok(true)
        })
    })
}

/// The connections that a running Portero shares.
#[derive(Clone, Debug)]
pub struct Db {
    pool: PgPool,
    address: Arc<Address>,
}

impl Db {
    /// A connection to ask questions on. What is written through it may be lost without
    /// [`Reading::keep`]: changes are for [`Self::begin`].
    pub async fn read(&self) -> sqlx::Result<Reading> {
        if self.address.pooled {
            Ok(Reading::Pooled(self.begin().await?))
        } else {
            Ok(Reading::Direct(self.pool.acquire().await?))
        }
    }

    /// A transaction for changes.
    pub async fn begin(&self) -> sqlx::Result<PgTransaction<'static>> {
        if self.address.pooled {
            self.pool.begin_with(Address::begin_pooled(PATIENCE)).await
        } else {
            self.pool.begin().await
        }
    }

    /// A lane of its own, for questions by key.
    pub fn lane(&self) -> Lane {
        let settings: Vec<_> = PATIENCE.into_iter().chain(BY_KEY).collect();
        Lane { options: self.address.with(&settings), pooled: self.address.pooled, conn: None }
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

/// A connection on which questions are asked.
#[derive(Debug)]
pub enum Reading {
    /// To Postgres itself.
    Direct(PoolConnection<Postgres>),
    /// Through a transaction pooler.
    Pooled(PgTransaction<'static>),
}

impl Reading {
    /// Keeps what a single statement has written, where that is not kept by itself.
    pub async fn keep(self) -> sqlx::Result<()> {
        match self {
            Self::Direct(_) => Ok(()),
            Self::Pooled(tx) => tx.commit().await,
        }
    }
}

impl Deref for Reading {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match self {
            Self::Direct(conn) => conn,
            Self::Pooled(tx) => tx,
        }
    }
}

impl DerefMut for Reading {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::Direct(conn) => conn,
            Self::Pooled(tx) => tx,
        }
    }
}

/// One connection that one task keeps for itself. It connects when it is first used, and again after a failure.
#[derive(Debug)]
pub struct Lane {
    options: PgConnectOptions,
    pooled: bool,
    conn: Option<PgConnection>,
}

impl Lane {
    /// Whether the connection was used before, and may have broken since.
    pub fn is_connected(&self) -> bool {
        self.conn.is_some()
    }

    /// The connection, to be given back by [`Self::keep`] after success only: what may still arrive on one that failed, or
    /// whose user was stopped halfway, is nobody's.
    pub async fn take(&mut self) -> sqlx::Result<PgConnection> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => PgConnection::connect_with(&self.options).await?,
        };
        if self.pooled {
            conn.execute(Address::begin_pooled(PATIENCE.into_iter().chain(BY_KEY))).await?;
        }
        Ok(conn)
    }

    /// Keeps what was done on the connection, and the connection for the next time.
    pub async fn keep(&mut self, mut conn: PgConnection) -> sqlx::Result<()> {
        if self.pooled {
            conn.execute("commit").await?;
        }
        self.conn = Some(conn);
        Ok(())
    }
}
