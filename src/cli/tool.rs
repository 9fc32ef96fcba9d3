//! What every command works with.

use std::process::ExitCode;

use sqlx::{ConnectOptions, Connection, PgConnection, Postgres, Transaction};

use super::output::{List, Output, Row};
use crate::app::App;
use crate::audit::{Actor, By, Change, Origin};
use crate::config::Config;
use crate::database::{Database, MIGRATIONS};
use crate::error::Result;
use crate::http::Page;
use crate::passwords::Place;
use crate::serve;

/// The app on the database that is served, and the way to answer.
#[derive(Debug)]
pub(super) struct Tool {
    pub app: App,
    pub output: Output,
}

impl Tool {
    /// Begins a change, of which the audit trail tells that it was made on the command line.
    pub(super) async fn begin(&self) -> Result<Change> {
        Ok(Change::new(self.app.db.begin().await?, self.by()))
    }

    /// Whoever runs this, as the audit trail tells of them.
    pub(super) fn by(&self) -> By {
        By { actor: Actor::CommandLine, origin: Origin::default(), now: self.app.clock.now() }
    }

    /// A connection for long work: without the server's limit on a statement's time, and without a word about it.
    pub(super) async fn patient_connection(&self) -> sqlx::Result<PgConnection> {
        let address = self.app.db.address();
        PgConnection::connect_with(&address.options.clone().disable_statement_logging()).await
    }

    /// A transaction on it.
    pub(super) async fn begin_on<'a>(&self, conn: &'a mut PgConnection) -> sqlx::Result<Transaction<'a, Postgres>> {
        self.app.db.address().begin_on(conn).await
    }
}

/// Runs a command on the database that is served, or would be.
pub(super) async fn on_the_database(
    config: Config,
    demo: bool,
    output: Output,
    act: impl AsyncFnOnce(&Tool) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let mut database = Database::for_tools(&config, demo).await?;
    let done = async {
        database.ready_for_tools(demo).await?;
        let tool = Tool { app: serve::build(&database, config, Place::Apart)?, output };
        let done = act(&tool).await;
        tool.app.db.close().await;
        done
    }
    .await;
    database.stop().await;
    done
}

/// `portero migrate`.
pub(super) async fn migrate(config: &Config, demo: bool, output: Output) -> anyhow::Result<ExitCode> {
    let mut database = Database::for_tools(config, demo).await?;
    let migrated = async {
        database.meet().await?;
        database.migrate().await
    }
    .await;
    database.stop().await;
    migrated?;
    let version = MIGRATIONS.iter().map(|migration| migration.version).max();
    output.done(
        &serde_json::json!({ "version": version }),
        format_args!("The database is at version {}.", version.unwrap_or_default()),
    )?;
    Ok(ExitCode::SUCCESS)
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
