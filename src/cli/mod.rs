//! The command line: one file a command.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::config::Config;
use crate::database::Database;
use crate::serve::{Mode, serve};

/// Central authentication and authorization for teams with several backends.
#[derive(Debug, Parser)]
#[command(name = "portero", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve (the default): on AUTH_DATABASE_URL when it is set, otherwise on a private Postgres.
    Serve,
    /// Serve the demo data on a private Postgres.
    Demo,
    /// Bring the database to this version.
    Migrate,
    /// Print the OpenAPI document.
    Openapi,
}

/// Runs what the command line says.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match start(&cli.command.unwrap_or(Command::Serve)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portero: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(command: &Command) -> anyhow::Result<()> {
    match dotenvy::dotenv() {
        Err(error) if !error.not_found() => anyhow::bail!(".env: {error}"),
        _ => {}
    }
    if let Command::Openapi = command {
        println!("{}", crate::app::documented_router().1.to_pretty_json()?);
        return Ok(());
    }
    let config = Config::from_env()?;
    log(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Serve => serve(config, Mode::Serve).await,
            Command::Demo => serve(config, Mode::Demo).await,
            Command::Migrate => migrate(&config).await,
            Command::Openapi => Ok(()),
        }
    })
}

async fn migrate(config: &Config) -> anyhow::Result<()> {
    let database = Database::for_tools(config).await?;
    let migrated = database.migrate().await;
    database.stop().await;
    migrated
}

/// Lines for people on a terminal, JSON otherwise; on standard error, so that standard output is the command's own.
fn log(config: &Config) {
    let filter = EnvFilter::try_new(&config.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        lines.init();
    } else {
        lines.json().flatten_event(true).init();
    }
}
