//! What every command works with.

use std::process::ExitCode;

use anyhow::bail;
use sqlx::{Connection, PgConnection, Postgres, Transaction};

use super::output::{List, Output, Row, remark};
use crate::app::config::Config;
use crate::app::database::{Database, MIGRATIONS};
use crate::app::{App, build, trail};
use crate::base::error::Result;
use crate::base::no_primary::NoPrimary;
use crate::gate::audit::{Actor, AuditedTx, By, Origin};
use crate::platform::http::Page;
use crate::platform::passwords::HashingPlace;

/// The app on the database that is served, and the way to answer.
#[derive(Debug)]
pub(super) struct Tool {
    pub app: App,
    pub output: Output,
}

impl Tool {
    /// Begins a change, of which the audit trail tells that it was made on the command line.
    pub(super) async fn begin(&self) -> Result<AuditedTx> {
        Ok(AuditedTx::new(self.app.db.begin().await?, self.by()))
    }

    /// Whoever runs this, as the audit trail tells of them.
    pub(super) fn by(&self) -> By {
        By { actor: Actor::CommandLine, origin: Origin::default(), now: self.app.clock.now() }
    }

    /// A connection for long work: without the server's limit on a statement's time, and without a word about it.
    pub(super) async fn patient_connection(&self) -> Result<PgConnection, NoPrimary> {
        self.app.db.address().quiet().connect_patiently().await
    }

    /// A transaction on it.
    pub(super) async fn begin_on<'a>(&self, conn: &'a mut PgConnection) -> sqlx::Result<Transaction<'a, Postgres>> {
        self.app.db.address().begin_on(conn).await
    }
}

/// What every command is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct GlobalOptions {
    /// The demo's database instead of the real one.
    pub demo: bool,
    pub output: Output,
    /// Without saying which database it is.
    pub quiet: bool,
}

impl GlobalOptions {
    /// Says which database this is, on standard error, so that nobody works on another one than they think.
    fn tell_of(self, database: &Database) {
        if !self.quiet {
            remark(&format!("working on {}", database.place));
        }
    }
}

/// Runs a command on the database that is served, or was. None is made: what it said of an empty one would be wrong.
pub(super) async fn on_the_database(
    config: Config,
    asked: GlobalOptions,
    act: impl AsyncFnOnce(&Tool) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let Some(mut database) = Database::for_tools(&config, asked.demo).await? else {
        bail!(nowhere(&config, asked.demo))
    };
    let done = async {
        asked.tell_of(&database);
        database.ready_for_tools(asked.demo).await?;
        let config = as_served(&database, config).await?;
        let tool = Tool { app: build::build(&database, config, HashingPlace::Apart)?, output: asked.output };
        let done = act(&tool).await;
        tool.app.db.close().await;
        done
    }
    .await;
    database.stop().await;
    done
}

/// The settings with which a tool says of sessions what the server would say that was last started on this database.
async fn as_served(database: &Database, config: Config) -> anyhow::Result<Config> {
    let mut conn = database.address.quiet().connect_patiently().await?;
    let mut tx = database.address.begin_on(&mut conn).await?;
    let settings = trail::configuration_told(&mut tx).await?;
    drop(tx);
    conn.close().await?;
    Ok(match settings {
        Some(settings) => config.with_sessions_of(settings),
        None => config,
    })
}

/// `portero migrate`.
pub(super) async fn migrate(config: &Config, create: bool, asked: GlobalOptions) -> anyhow::Result<ExitCode> {
    let mut database = match Database::for_tools(config, asked.demo).await? {
        Some(database) => database,
        None if create && asked.demo => Database::to_demonstrate(config).await?,
        None if create => Database::to_serve(config).await?,
        None => bail!("{}; to make the private one now: portero migrate --create", nowhere(config, asked.demo)),
    };
    let migrated = async {
        asked.tell_of(&database);
        database.meet().await?;
        database.migrate().await
    }
    .await;
    database.stop().await;
    migrated?;
    let version = MIGRATIONS.iter().map(|migration| migration.version).max();
    asked.output.done(
        &serde_json::json!({ "version": version }),
        format_args!("The database is at version {}.", version.unwrap_or_default()),
    )?;
    Ok(ExitCode::SUCCESS)
}

/// What to say where there is no database.
fn nowhere(config: &Config, demo: bool) -> String {
    let directory = config.data_dir.display();
    if demo {
        return format!(
            "no demo here: there is none in {directory}; start `portero demo`, or set PORTERO_DATA_DIR as it has it"
        );
    }
    if Database::has_private_postgres(config) {
        return format!("only a demo has been started in {directory}: add `--demo`, or start `portero`");
    }
    let others = config.set_for_others.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    format!(
        "no database here: AUTH_DATABASE_URL is not set{others}, and there is no private Postgres in {directory}. Set \
         AUTH_DATABASE_URL or PORTERO_DATA_DIR as the server has it, or start `portero`"
    )
}

/// Answers a list, page by page.
pub(super) async fn list_all<T: Row>(
    output: Output,
    prefix: Option<String>,
    id: impl Fn(&T) -> i32,
    mut list: impl AsyncFnMut(&Page) -> Result<Vec<T>>,
) -> anyhow::Result<()> {
    let mut all = List::begin(output);
    let mut next = Some(Page::first(prefix));
    while let Some(page) = next {
        let mut rows = list(&page).await?;
        next = page.next(&mut rows, &id);
        all.add(&rows)?;
    }
    all.end()
}

/// All pages of a short list.
pub(super) async fn everything<T>(
    id: impl Fn(&T) -> i32,
    mut list: impl AsyncFnMut(&Page) -> Result<Vec<T>>,
) -> Result<Vec<T>> {
    let mut all = Vec::new();
    let mut next = Some(Page::first(None));
    while let Some(page) = next {
        let mut rows = list(&page).await?;
        next = page.next(&mut rows, &id);
        all.append(&mut rows);
    }
    Ok(all)
}
