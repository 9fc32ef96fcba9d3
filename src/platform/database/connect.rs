//! The one place where connections are made, so that none is used to a server that is not the primary: each is asked
//! what it leads to before anybody gets it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection, PgPool, Postgres, Row, Transaction};
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::address::{Address, Setting};
use super::broken_connections;
use super::db::{PATIENCE, POOL_WAIT};
use crate::base::error::Result;
use crate::base::no_primary::{ConnectFailure, NoPrimary, Unfit};

/// How long a server may take to let us in, so that there is time to go to another.
const SOON: Duration = Duration::from_millis(1200);

/// The same for a tool, which nobody waits for at the other end.
const LATER: Duration = Duration::from_secs(10);

/// The next server is tried as well when the one before has not answered by then.
const HEAD_START: Duration = Duration::from_millis(250);

/// What is known of where the primary is.
#[derive(Debug)]
pub(super) struct PrimaryLocation {
    at: Mutex<Instant>,
    /// Whether a connection has failed since.
    doubted: AtomicBool,
    looking: AsyncMutex<()>,
    /// Told each time that a pool's connection came to a server that is unfit.
    refused: watch::Sender<Option<NoPrimary>>,
}

impl Default for PrimaryLocation {
    fn default() -> Self {
        Self {
            at: Mutex::new(Instant::now()),
            doubted: AtomicBool::new(false),
            looking: AsyncMutex::default(),
            refused: watch::Sender::default(),
        }
    }
}

impl PrimaryLocation {
    fn is_certain(&self) -> bool {
        let at = *self.at.lock().unwrap_or_else(PoisonError::into_inner);
        !self.doubted.load(Ordering::Relaxed) && !broken_connections::came_after(at)
    }

    /// The primary may be elsewhere by now.
    pub(super) fn doubt(&self) {
        self.doubted.store(true, Ordering::Relaxed);
    }

    fn has_begun_at(&self, looking: Instant) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = looking;
        self.doubted.store(false, Ordering::Relaxed);
    }

    /// Hears of connections that were refused from now on.
    pub(super) fn refusals(&self) -> watch::Receiver<Option<NoPrimary>> {
        self.refused.subscribe()
    }
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    Everything,
    /// To read somebody else's database.
    Reading,
}

impl Address {
    /// A connection to the primary, for a task of its own.
    pub(super) async fn connect(&self, settings: &[Setting]) -> Result<PgConnection, NoPrimary> {
        self.find(settings, SOON, For::Everything).await
    }

    /// A connection for long work, without limits on its time. Whatever it does, it does in [`Self::begin_on`].
    pub async fn connect_patiently(&self) -> Result<PgConnection, NoPrimary> {
        self.find(&[], LATER, For::Everything).await
    }

    /// A connection to whichever server answers first, to read a database that is not Portero's.
    pub async fn connect_to_read(&self) -> Result<PgConnection, NoPrimary> {
        self.find(&[], LATER, For::Reading).await
    }

    /// A transaction on a connection of one's own.
    pub async fn begin_on<'a>(&self, conn: &'a mut PgConnection) -> sqlx::Result<Transaction<'a, Postgres>> {
        if self.pooled { conn.begin_with(Self::begin_pooled([])).await } else { conn.begin().await }
    }

    /// Tries the server that was the primary last, then, or when that takes long, the others.
    async fn find(&self, settings: &[Setting], patience: Duration, to: For) -> Result<PgConnection, NoPrimary> {
        let (begun, first, count) = (Instant::now(), self.current(), self.count());
        let mut next = (0..count).map(|n| (first + n) % count).peekable();
        let mut racing = JoinSet::new();
        let mut tried = Vec::new();
        loop {
            if let Some(server) = next.next() {
                let options = self.options(server, settings);
                racing.spawn(async move { (server, knock(&options, patience, to).await) });
            }
            tokio::select! {
                Some(answered) = racing.join_next() => match answered {
                    Ok((server, Ok(conn))) => {
                        self.has_found(server, begun, to);
                        return Ok(conn);
                    }
                    Ok((server, Err(why))) => tried.push((server, why)),
                    Err(error) => tracing::error!(%error, "connecting failed"),
                },
                () = sleep(HEAD_START), if next.peek().is_some() => {}
                else => break,
            }
        }
        tried.sort_by_key(|(server, _)| *server);
        Err(self.none_of(tried))
    }

    fn has_found(&self, server: usize, begun: Instant, to: For) {
        if to == For::Everything {
            self.found.has_begun_at(begun);
            if self.lead_to(server) {
                tracing::warn!(server = self.name(server), "this is the primary from here on");
                // What still leads to the other one is not asked any more.
                broken_connections::mark();
                self.found.has_begun_at(Instant::now());
            }
        }
    }

    fn none_of(&self, tried: Vec<(usize, ConnectFailure)>) -> NoPrimary {
        let tried = tried.into_iter().map(|(server, why)| (self.name(server), why));
        NoPrimary::new(tried.collect(), self.database())
    }

    /// Finds the primary again, if there is more than one server and any doubt. Who comes meanwhile waits for the answer.
    pub(super) async fn settle(&self) -> Result<(), NoPrimary> {
        if self.count() == 1 || self.found.is_certain() {
            return Ok(());
        }
        let _one_at_a_time = self.found.looking.lock().await;
        if self.found.is_certain() {
            return Ok(());
        }
        let conn = self.connect(&PATIENCE).await?;
        tokio::spawn(conn.close());
        Ok(())
    }

    /// Each server and how it is, all asked at once.
    pub async fn look_at_each(&self) -> Vec<(String, Result<(), ConnectFailure>)> {
        let mut asked = JoinSet::new();
        for server in 0..self.count() {
            let options = self.options(server, &[]);
            asked.spawn(async move {
                let knocked = knock(&options, LATER / 4, For::Everything).await;
                (server, knocked.map(drop))
            });
        }
        let mut each = asked.join_all().await;
        each.sort_by_key(|(server, _)| *server);
        each.into_iter().map(|(server, how)| (self.name(server), how)).collect()
    }

    /// What tells a pooler from Postgres: it refuses settings at the start of a connection, or ignores them.
    pub async fn find_pooler(&mut self) -> anyhow::Result<()> {
        if self.takes_any() {
            tracing::warn!("`target_session_attrs=any`: Portero writes, and looks for a server that does all the same");
        }
        let (_, expected) = PATIENCE[0];
        let pooled = match self.find(&PATIENCE, LATER, For::Everything).await {
            Ok(mut conn) => {
                // By the simple protocol, which every pooler passes on.
                let row = sqlx::raw_sql("show statement_timeout").fetch_one(&mut conn).await?;
                let _ = conn.close().await;
                row.try_get::<String, _>(0)? != expected
            }
            Err(none) => {
                if !none.is_because_of_a_pooler() {
                    return Err(none.into());
                }
                true
            }
        };
        if pooled {
            self.through_a_pooler();
            let _ = self.connect_patiently().await?.close().await;
        }
        Ok(())
    }

    /// A pool whose connections all lead to the primary, or are not made.
    #[expect(clippy::disallowed_methods, reason = "each is looked at")]
    pub(super) fn connections(&self, pool: PgPoolOptions) -> PgPool {
        let address = self.clone();
        let looked_at = pool.after_connect(move |conn, _| {
            let address = address.clone();
            Box::pin(async move { address.take_or_refuse(conn).await })
        });
        looked_at.connect_lazy_with(self.options(self.current(), &PATIENCE))
    }

    async fn take_or_refuse(&self, conn: &mut PgConnection) -> sqlx::Result<()> {
        let Some(unfit) = unfit(conn).await? else { return Ok(()) };
        let none = self.none_of(vec![(self.current(), ConnectFailure::Unfit(unfit))]);
        self.found.doubt();
        self.found.refused.send_replace(Some(none.clone()));
        Err(sqlx::Error::Configuration(none.into()))
    }

    /// A connection of a pool has failed: where there are several servers, who waits for another one looks for the primary
    /// first.
    pub(super) fn has_failed(&self) {
        self.found.doubt();
        if self.count() > 1 {
            let failed = ConnectFailure::Failed { text: "the connection broke".to_owned(), by_a_pooler: false };
            self.found.refused.send_replace(Some(self.none_of(vec![(self.current(), failed)])));
        }
    }

    /// What is said on a channel, by the primary.
    #[expect(clippy::disallowed_methods, reason = "its connection is of a pool whose connections are looked at")]
    pub async fn listen(&self, channel: &str) -> Result<PgListener> {
        let _ = self.connect(&PATIENCE).await?.close().await;
        let pool = self.connections(PoolOptions::new().max_connections(1).acquire_timeout(POOL_WAIT));
        let mut refusals = self.found.refusals();
        let mut listener = tokio::select! {
            connected = PgListener::connect_with(&pool) => connected?,
            refused = refused(&mut refusals) => return Err(refused.into()),
        };
        listener.eager_reconnect(false);
        listener.listen(channel).await?;
        Ok(listener)
    }

    /// Makes sure that a connection which was used before still leads to the primary.
    pub(super) async fn must_still_be_fit(&self, conn: &mut PgConnection) -> Result<()> {
        let Some(unfit) = unfit(conn).await? else { return Ok(()) };
        broken_connections::mark();
        Err(self.none_of(vec![(self.current(), ConnectFailure::Unfit(unfit))]).into())
    }
}

/// The next refusal.
pub(super) async fn refused(refusals: &mut watch::Receiver<Option<NoPrimary>>) -> NoPrimary {
    loop {
        if refusals.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        if let Some(refused) = refusals.borrow_and_update().clone() {
            return refused;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
async fn knock(options: &PgConnectOptions, patience: Duration, to: For) -> Result<PgConnection, ConnectFailure> {
    let connecting = async {
        let mut conn = PgConnection::connect_with(options).await?;
        let unfit = if to == For::Everything { unfit(&mut conn).await? } else { None };
        Ok((conn, unfit))
    };
    match timeout(patience, connecting).await {
        Ok(Ok((conn, None))) => Ok(conn),
        Ok(Ok((conn, Some(unfit)))) => {
            tokio::spawn(conn.close());
            Err(ConnectFailure::Unfit(unfit))
        }
        Ok(Err(error)) => {
            let by_a_pooler = matches!(&error, sqlx::Error::Database(database)
                if database.message().contains("unsupported startup parameter"));
            Err(ConnectFailure::Failed { text: crate::base::error::plainly(&error), by_a_pooler })
        }
        Err(_) => Err(ConnectFailure::Failed { text: format!("no answer within {patience:?}"), by_a_pooler: false }),
    }
}

/// Why this connection must not be used, if so. In one round trip, by the simple protocol, which every pooler passes on.
async fn unfit(conn: &mut PgConnection) -> sqlx::Result<Option<Unfit>> {
    let asked = "select pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'";
    let rows = conn.fetch_all(sqlx::raw_sql(asked)).await?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    Ok(match (row.try_get(0)?, row.try_get(1)?) {
        (true, _) => Some(Unfit::Standby),
        (false, true) => Some(Unfit::ReadOnly),
        (false, false) => None,
    })
}
