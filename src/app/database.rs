//! The database of a run: found or started, brought to this version, and let go.

use std::path::Path;

use anyhow::{Context, bail};
use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::config::Config;
use crate::base::error::Result;
use crate::identity::people;
use crate::platform::database::embedded::{Durability, Postgres};
use crate::platform::database::{Address, Db};

/// The migrations, as they were when this binary was built.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// The database of `serve` in the private Postgres.
pub const PRIVATE: &str = "portero";

/// The database of `demo` in the private Postgres: apart, so that no demo password ever opens a real server.
pub const DEMO: &str = "portero_demo";

/// Two Porteros that start at once migrate one after the other.
const MIGRATING: i64 = 0x706f_7274_6572_6f00;

/// A database in use, and the private Postgres under it, if it is ours to stop.
pub struct Database {
    pub address: Address,
    /// The same, for people.
    pub place: String,
    private: Option<Postgres>,
}

impl Database {
    /// The database to serve: the one of `AUTH_DATABASE_URL`, or our own in a private Postgres that this starts.
    pub async fn to_serve(config: &Config) -> anyhow::Result<Self> {
        match &config.database_url {
            Some(url) => Self::of(url.expose()),
            None => Self::private(config, PRIVATE, Missing::Make).await,
        }
    }

    /// The demo's database, always in a private Postgres.
    pub async fn to_demonstrate(config: &Config) -> anyhow::Result<Self> {
        Self::private(config, DEMO, Missing::Make).await
    }

    /// The database for a command-line tool: what a living Portero serves, or what the next one would; `None` when there
    /// is none yet. With `demo`, the demo's, whatever else is served: who asks for the demo never meets real people.
    pub async fn for_tools(config: &Config, demo: bool) -> anyhow::Result<Option<Self>> {
        let name = if demo { DEMO } else { PRIVATE };
        if let Some(living) = Self::living(config, demo)? {
            let Some(running) = Postgres::running(&config.data_dir)?.filter(|_| demo) else { return Ok(Some(living)) };
            return Ok(exists(&running.socket_dir, DEMO).await?.then_some(living));
        }
        if !Postgres::is_in(&config.data_dir)? {
            return Ok(None);
        }
        match Self::private(config, name, Missing::Leave).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is::<NoDatabase>() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The same, unless it would have to be started: then `None`.
    pub fn living(config: &Config, demo: bool) -> anyhow::Result<Option<Self>> {
        if let (Some(url), false) = (&config.database_url, demo) {
            return Self::of(url.expose()).map(Some);
        }
        let Some(running) = Postgres::running(&config.data_dir)? else { return Ok(None) };
        let name = if demo { DEMO } else { &running.serving };
        let place = format!("{}, of the Portero that runs (pid {})", in_private(config, name), running.pid);
        Ok(Some(Self { address: through(&running.socket_dir, name), place, private: None }))
    }

    /// Whether there is a private Postgres, whatever is in it.
    pub fn has_private_postgres(config: &Config) -> bool {
        Postgres::is_in(&config.data_dir).is_ok_and(|is_there| is_there)
    }

    /// The database of `AUTH_DATABASE_URL`.
    fn of(url: &str) -> anyhow::Result<Self> {
        let address = Address::parse(url).map_err(|fault| anyhow::anyhow!("AUTH_DATABASE_URL {fault}"))?;
        let place = format!("the database {} at {} (AUTH_DATABASE_URL)", address.database(), address.names());
        Ok(Self { address, place, private: None })
    }

    /// Connects for the first time, and finds out whether a transaction pooler stands between.
    pub async fn meet(&mut self) -> anyhow::Result<()> {
        if self.private.is_none() {
            self.address.find_pooler().await?;
        }
        Ok(())
    }

    /// Makes sure that a tool can work here. A database of our own is brought to this version, one that others may be
    /// using only by `portero migrate` or a server.
    pub async fn ready_for_tools(&mut self, demo: bool) -> anyhow::Result<()> {
        self.meet().await?;
        if self.private.is_some() || demo {
            self.migrate().await?;
        } else {
            let mut conn = self.address.connect_patiently().await?;
            let mut tx = self.address.begin_on(&mut conn).await?;
            match migration_status(&mut tx).await? {
                MigrationStatus::Current => {}
                MigrationStatus::Behind => bail!("the database is not migrated to this version: run `portero migrate`"),
                MigrationStatus::Ahead(version) => bail!(newer(version)),
            }
            drop(tx);
            conn.close().await?;
        }
        if demo { self.load_demo_data().await } else { Ok(()) }
    }

    async fn private(config: &Config, name: &'static str, missing: Missing) -> anyhow::Result<Self> {
        let postgres = Postgres::start(&config.data_dir, Durability::Durable, name).await?;
        if !exists(postgres.socket_dir(), name).await? {
            if missing == Missing::Leave {
                postgres.stop().await;
                return Err(NoDatabase.into());
            }
            create(postgres.socket_dir(), name).await?;
        }
        let place = format!("{}, started for this", in_private(config, name));
        Ok(Self { address: through(postgres.socket_dir(), name), place, private: Some(postgres) })
    }

    /// Brings the database to this binary's version, wholly or not at all; nothing happens when it is there already.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        let mut conn = self.address.connect_patiently().await?;
        let migrated = self.migrate_on(&mut conn).await;
        let settled = if migrated.is_ok() { self.settle_on(&mut conn).await } else { Ok(()) };
        let _ = conn.close().await;
        match migrated {
            Ok(()) => settled.context("can't bring what is stored to this version"),
            Err(MigrateError::VersionMissing(version)) => bail!(newer(version)),
            Err(error) => Err(error).context("can't migrate the database"),
        }
    }

    async fn migrate_on(&self, conn: &mut PgConnection) -> Result<(), MigrateError> {
        let mut tx = self.address.begin_on(conn).await?;
        // sqlx makes its own table `if not exists`, and Postgres would say each time that it does.
        tx.execute("set local client_min_messages to warning").await?;
        sqlx::query("select pg_advisory_xact_lock($1)").bind(MIGRATING).execute(&mut *tx).await?;
        // sqlx would lock a session, which behind a pooler is nobody's.
        let mut migrator = Migrator::with_migrations(MIGRATIONS.iter().cloned().collect());
        migrator.set_locking(false).run_direct(None, &mut *tx, false).await?;
        Ok(tx.commit().await?)
    }

    /// What SQL alone can't do. Twice is safe.
    async fn settle_on(&self, conn: &mut PgConnection) -> anyhow::Result<()> {
        let mut tx = self.address.begin_on(conn).await?;
        sqlx::query("select pg_advisory_xact_lock($1)").bind(MIGRATING).execute(&mut *tx).await?;
        people::store::write_domains_in_one_way(&mut tx).await?;
        Ok(tx.commit().await?)
    }

    /// Loads the demo data, unless it has been loaded before.
    pub async fn load_demo_data(&self) -> anyhow::Result<()> {
        let mut conn = self.address.connect_patiently().await?;
        load_demo_data(&mut conn).await?;
        Ok(conn.close().await?)
    }

    /// Connections to share, which fail soon rather than hang.
    pub fn pool(&self, max_connections: u32) -> Db {
        self.address.pool(max_connections)
    }

    /// One connection beside the pool, made when it is needed and closed when it is not.
    pub fn one_connection(&self) -> Db {
        self.address.one_connection()
    }

    /// Where LISTEN is heard, which is not through a transaction pooler: then there is no such place, unless
    /// `AUTH_DATABASE_DIRECT_URL` says how to avoid it.
    pub fn where_to_listen(&self, config: &Config) -> anyhow::Result<Option<Address>> {
        match (&config.database_direct_url, &self.private) {
            (Some(url), None) => {
                let address = Address::parse(url.expose());
                Ok(Some(address.map_err(|fault| anyhow::anyhow!("AUTH_DATABASE_DIRECT_URL {fault}"))?))
            }
            _ if self.address.pooled => Ok(None),
            _ => Ok(Some(self.address.clone())),
        }
    }

    /// Stops the private Postgres, if it is ours.
    pub async fn stop(self) {
        if let Some(postgres) = self.private {
            postgres.stop().await;
        }
    }
}

/// What to do about a database that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Make,
    Leave,
}

/// The private Postgres is there, but not that database in it.
#[derive(Debug, thiserror::Error)]
#[error("there is no such database")]
struct NoDatabase;

fn in_private(config: &Config, name: &str) -> String {
    format!("the database {name} of the private Postgres in {}", config.data_dir.display())
}

/// A database of a private Postgres.
fn through(socket_dir: &Path, name: &str) -> Address {
    let options = PgConnectOptions::new_without_pgpass().socket(socket_dir).username(Postgres::USER);
    Address::direct(options.database(name))
}

async fn exists(socket_dir: &Path, name: &'static str) -> anyhow::Result<bool> {
    let mut conn = through(socket_dir, "postgres").connect_patiently().await?;
    let exists = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(name)
        .fetch_one(&mut conn)
        .await?;
    conn.close().await?;
    Ok(exists)
}

async fn create(socket_dir: &Path, name: &'static str) -> anyhow::Result<()> {
    let mut conn = through(socket_dir, "postgres").connect_patiently().await?;
    // Sorted by bytes, but with upper and lower case of every script; not every system has that locale.
    let plain = format!("create database {name}");
    let unicode = format!("{plain} template template0 lc_ctype 'C.UTF-8'");
    if conn.execute(AssertSqlSafe(unicode)).await.is_err() {
        conn.execute(AssertSqlSafe(plain)).await?;
    }
    conn.close().await?;
    Ok(())
}

/// What to say about a database that a newer binary has migrated to `version`.
pub fn newer(version: i64) -> String {
    format!("the database is at version {version}, which is newer than this Portero: run the newer one")
}

/// How a database compares with this binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationStatus {
    /// Every migration of this binary has been applied, and no other.
    Current,
    /// Some have not.
    Behind,
    /// A newer binary has migrated it, to this version.
    Ahead(i64),
}

/// Compares a database with this binary.
pub async fn migration_status(conn: &mut PgConnection) -> Result<MigrationStatus> {
    let there: bool =
        sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null").fetch_one(&mut *conn).await?;
    if !there {
        return Ok(MigrationStatus::Behind);
    }
    let applied = conn.list_applied_migrations("_sqlx_migrations").await.map_err(anyhow::Error::from)?;
    let all = MIGRATIONS
        .iter()
        .all(|wanted| applied.iter().any(|done| done.version == wanted.version && done.checksum == wanted.checksum));
    let ours = |version| MIGRATIONS.iter().any(|wanted| wanted.version == version);
    let beyond = applied.iter().map(|done| done.version).filter(|version| !ours(*version)).max();
    Ok(match (all, beyond) {
        (false, _) => MigrationStatus::Behind,
        (true, None) => MigrationStatus::Current,
        (true, Some(version)) => MigrationStatus::Ahead(version),
    })
}

/// Whether every migration of this binary has been applied.
pub async fn is_migrated(conn: &mut PgConnection) -> Result<bool> {
    Ok(migration_status(conn).await? != MigrationStatus::Behind)
}

/// Loads the demo data, unless it has been loaded before.
pub async fn load_demo_data(conn: &mut PgConnection) -> anyhow::Result<()> {
    let loaded: bool = sqlx::query_scalar("select exists (select from auth.person)").fetch_one(&mut *conn).await?;
    if !loaded {
        sqlx::raw_sql(include_str!("../../db/demo_data.sql")).execute(conn).await.context("demo data")?;
    }
    Ok(())
}
