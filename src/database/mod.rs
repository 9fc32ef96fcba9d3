//! Postgres: somebody's, or our own private one; connected to and migrated.

pub mod embedded;

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail};
use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};

use crate::config::Config;
use crate::error::Result;
use embedded::{Durability, Postgres};

/// The migrations, as they were when this binary was built.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// The database of `serve` in the private Postgres.
pub const PRIVATE: &str = "portero";

/// The database of `demo` in the private Postgres: apart, so that no demo password ever opens a real server.
pub const DEMO: &str = "portero_demo";

/// How long anybody waits for a free connection, so that a 503 comes within two seconds.
const POOL_WAIT: Duration = Duration::from_millis(1500);

/// A connection that has rested this long is tried before it is used: Postgres may have been restarted meanwhile.
const RESTED: Duration = Duration::from_millis(500);

/// A connection apart that has rested this long is closed.
const IDLE: Duration = Duration::from_secs(30);

/// No statement of ours takes longer, unless it hangs.
const STATEMENT_TIMEOUT: &str = "10s";

/// Nobody waits longer for a row that somebody else has locked: their connection is wanted by others.
const LOCK_TIMEOUT: &str = "1500ms";

/// A database in use, and the private Postgres under it, if it is ours to stop.
pub struct Database {
    /// Where it is.
    pub options: PgConnectOptions,
    private: Option<Postgres>,
}

impl Database {
    /// The database to serve: the one of `AUTH_DATABASE_URL`, or our own in a private Postgres that this starts.
    pub async fn to_serve(config: &Config) -> anyhow::Result<Self> {
        match &config.database_url {
            Some(url) => Ok(Self { options: parse(url.expose())?, private: None }),
            None => Self::private(config, PRIVATE).await,
        }
    }

    /// The demo's database, always in a private Postgres.
    pub async fn to_demonstrate(config: &Config) -> anyhow::Result<Self> {
        Self::private(config, DEMO).await
    }

    /// The database for a command-line tool: what a living Portero serves, or what the next one would. With `demo`,
    /// the demo's, whatever else is served: who asks for the demo never meets real people.
    pub async fn for_tools(config: &Config, demo: bool) -> anyhow::Result<Self> {
        if let Some(living) = Self::living(config, demo)? {
            if demo {
                create_if_missing(&living.options, DEMO).await?;
            }
            return Ok(living);
        }
        Self::private(config, if demo { DEMO } else { PRIVATE }).await
    }

    /// The same, unless it would have to be started: then `None`.
    pub fn living(config: &Config, demo: bool) -> anyhow::Result<Option<Self>> {
        if let (Some(url), false) = (&config.database_url, demo) {
            return Ok(Some(Self { options: parse(url.expose())?, private: None }));
        }
        let Some(running) = Postgres::running(&config.data_dir)? else { return Ok(None) };
        let options = PgConnectOptions::new_without_pgpass().socket(&running.socket_dir).username(Postgres::USER);
        let name = if demo { DEMO } else { &running.serving };
        Ok(Some(Self { options: options.database(name), private: None }))
    }

    /// Makes sure that a tool can work here. A database of our own is brought to this version, one that others may be
    /// using only by `portero migrate` or a server.
    pub async fn ready_for_tools(&self, demo: bool) -> anyhow::Result<()> {
        if self.private.is_some() || demo {
            self.migrate().await?;
        } else {
            let mut conn = PgConnection::connect_with(&self.options).await.with_context(|| self.unreachable())?;
            match standing(&mut conn).await? {
                Standing::Current => {}
                Standing::Behind => bail!("the database is not migrated to this version: run `portero migrate`"),
                Standing::Ahead(version) => bail!(newer(version)),
            }
            conn.close().await?;
        }
        if demo { load_demo_data(&self.options).await } else { Ok(()) }
    }

    async fn private(config: &Config, name: &'static str) -> anyhow::Result<Self> {
        let postgres = Postgres::start(&config.data_dir, Durability::Durable, name).await?;
        let options = PgConnectOptions::new_without_pgpass().socket(postgres.socket_dir()).username(Postgres::USER);
        create_if_missing(&options, name).await?;
        Ok(Self { options: options.database(name), private: Some(postgres) })
    }

    /// Brings the database to this binary's version; nothing happens when it is there already.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        let mut conn = PgConnection::connect_with(&self.options).await.with_context(|| self.unreachable())?;
        // sqlx makes its own table `if not exists`, and Postgres would say each time that it does.
        conn.execute("set client_min_messages to warning").await?;
        let migrated = MIGRATIONS.run(&mut conn).await;
        let _ = conn.close().await;
        match migrated {
            Ok(()) => Ok(()),
            Err(MigrateError::VersionMissing(version)) => {
                bail!(newer(version))
            }
            Err(error) => Err(error).context("can't migrate the database"),
        }
    }

    /// What to say when it can't be connected to.
    pub fn unreachable(&self) -> String {
        format!(
            "can't connect to Postgres at {}:{}, database {}; is it running, and is AUTH_DATABASE_URL right?",
            self.options.get_host(),
            self.options.get_port(),
            self.options.get_database().unwrap_or("(default)"),
        )
    }

    /// A pool that fails soon rather than hangs.
    pub fn pool(&self, max_connections: u32) -> PgPool {
        careful().max_connections(max_connections).connect_lazy_with(self.hurried())
    }

    /// One connection beside the pool, made when it is needed and closed when it is not.
    pub fn one_connection(&self) -> PgPool {
        one_connection(self.hurried())
    }

    /// Likewise, for LISTEN: never through a transaction pooler if `AUTH_DATABASE_DIRECT_URL` says how to avoid it.
    pub fn listening_connection(&self, config: &Config) -> anyhow::Result<PgPool> {
        let options = match (&config.database_direct_url, &self.private) {
            (Some(url), None) => PgConnectOptions::from_str(url.expose()).context("AUTH_DATABASE_DIRECT_URL")?,
            _ => self.options.clone(),
        };
        Ok(one_connection(options))
    }

    fn hurried(&self) -> PgConnectOptions {
        self.options.clone().options([("statement_timeout", STATEMENT_TIMEOUT), ("lock_timeout", LOCK_TIMEOUT)])
    }

    /// Stops the private Postgres, if it is ours.
    pub async fn stop(self) {
        if let Some(postgres) = self.private {
            postgres.stop().await;
        }
    }
}

/// A pool that fails soon, and tries connections that have rested.
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

fn one_connection(options: PgConnectOptions) -> PgPool {
    careful().max_connections(1).idle_timeout(IDLE).max_lifetime(None).connect_lazy_with(options)
}

fn parse(url: &str) -> anyhow::Result<PgConnectOptions> {
    PgConnectOptions::from_str(url).context("AUTH_DATABASE_URL")
}

async fn create_if_missing(options: &PgConnectOptions, name: &'static str) -> anyhow::Result<()> {
    let mut conn = PgConnection::connect_with(&options.clone().database("postgres")).await?;
    let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(name)
        .fetch_one(&mut conn)
        .await?;
    if !exists {
        // Sorted by bytes, but with upper and lower case of every script; not every system has that locale.
        let plain = format!("create database {name}");
        let unicode = format!("{plain} template template0 lc_ctype 'C.UTF-8'");
        if conn.execute(AssertSqlSafe(unicode)).await.is_err() {
            conn.execute(AssertSqlSafe(plain)).await?;
        }
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
pub enum Standing {
    /// Every migration of this binary has been applied, and no other.
    Current,
    /// Some have not.
    Behind,
    /// A newer binary has migrated it, to this version.
    Ahead(i64),
}

/// Compares a database with this binary.
pub async fn standing(conn: &mut PgConnection) -> Result<Standing> {
    let there: bool =
        sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null").fetch_one(&mut *conn).await?;
    if !there {
        return Ok(Standing::Behind);
    }
    let applied = conn.list_applied_migrations("_sqlx_migrations").await.map_err(anyhow::Error::from)?;
    let all = MIGRATIONS
        .iter()
        .all(|wanted| applied.iter().any(|done| done.version == wanted.version && done.checksum == wanted.checksum));
    let ours = |version| MIGRATIONS.iter().any(|wanted| wanted.version == version);
    let beyond = applied.iter().map(|done| done.version).filter(|version| !ours(*version)).max();
    Ok(match (all, beyond) {
        (false, _) => Standing::Behind,
        (true, None) => Standing::Current,
        (true, Some(version)) => Standing::Ahead(version),
    })
}

/// Whether every migration of this binary has been applied.
pub async fn is_migrated(conn: &mut PgConnection) -> Result<bool> {
    Ok(standing(conn).await? != Standing::Behind)
}

/// Loads the demo data, unless it has been loaded before.
pub async fn load_demo_data(options: &PgConnectOptions) -> anyhow::Result<()> {
    let mut conn = PgConnection::connect_with(options).await?;
    let loaded: bool = sqlx::query_scalar("select exists (select from auth.person)").fetch_one(&mut conn).await?;
    if !loaded {
        sqlx::raw_sql(include_str!("../../db/demo_data.sql")).execute(&mut conn).await.context("demo data")?;
    }
    conn.close().await?;
    Ok(())
}
