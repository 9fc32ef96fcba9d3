//! The command line: one file a command.
//!
//! A command gets a `Tool`: the app on the database that Portero serves, and the way to answer, for people or for
//! scripts. What it says goes to standard output, what went wrong to standard error.

mod admin;
mod ask;
mod audit;
mod doctor;
mod expires;
mod grant;
mod import;
mod invite;
mod mail;
mod named;
mod output;
mod permission;
mod role;
mod service;
mod service_key;
mod token;
mod tool;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::config::Config;
use crate::log;
use crate::passwords;
use crate::serve::{Mode, serve};
use output::Output;
use tool::Tool;

/// Central authentication and authorization for teams with several backends.
#[derive(Debug, Parser)]
#[command(name = "portero", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Answer with JSON, for scripts.
    #[arg(long, global = true)]
    json: bool,
    /// Work on the demo's database.
    #[arg(long, global = true)]
    demo: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve (the default): on AUTH_DATABASE_URL when it is set, otherwise on a private Postgres.
    Serve,
    /// Serve the demo data on a private Postgres.
    Demo,
    /// Bring the database to this version.
    Migrate,
    /// Look for what is wrong with configuration, database and machine.
    Doctor,
    /// Administrators of Portero itself.
    #[command(subcommand)]
    Admin(admin::Command),
    /// People.
    #[command(subcommand)]
    User(Box<user::Command>),
    /// Services: the backends that people have roles in.
    #[command(subcommand)]
    Service(service::Command),
    /// Roles: sets of permissions.
    #[command(subcommand)]
    Role(role::Command),
    /// Permissions.
    #[command(subcommand)]
    Permission(permission::Command),
    /// Who holds what where.
    #[command(subcommand)]
    Grant(grant::Command),
    /// Tokens.
    #[command(subcommand)]
    Token(token::Command),
    /// The audit trail.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Mails that could not be delivered.
    #[command(subcommand)]
    Mail(mail::Command),
    /// Print the OpenAPI document.
    Openapi,
    /// Hash passwords for the Portero that started this.
    #[command(name = passwords::HASH_WORKER, hide = true)]
    HashWorker,
}

/// How long the process waits for a thread that no longer matters, such as one that looks up a name.
const LINGERING: Duration = Duration::from_secs(1);

/// Runs what the command line says.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match start(cli) {
        Ok(code) => code,
        // Who reads us through `head` has read enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portero: {}", output::explain(&error));
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn start(cli: Cli) -> anyhow::Result<ExitCode> {
    let command = cli.command.unwrap_or(Command::Serve);
    if cli.demo && matches!(command, Command::Serve) {
        let advice = "`--demo` is for the tools; `portero demo` serves the demo data";
        Cli::command().error(ErrorKind::ArgumentConflict, advice).exit();
    }
    match command {
        Command::HashWorker => return Ok(passwords::hash_for_the_parent().map(|()| ExitCode::SUCCESS)?),
        Command::Openapi => {
            output::line(&crate::app::document().to_pretty_json()?)?;
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    let env_file = read_env_file();
    let output = if cli.json { Output::Json } else { Output::Text };
    // It looks at what would stop everything else.
    if matches!(command, Command::Doctor) {
        return runtime()?.block_on(doctor::run(env_file, cli.demo, output));
    }
    env_file.map_err(anyhow::Error::msg)?;
    let config = Config::from_env()?;
    let is_server = matches!(command, Command::Serve | Command::Demo);
    let default = if is_server { "info" } else { "warn" };
    let filter = EnvFilter::try_new(config.log.as_deref().unwrap_or(default));
    let filter = filter.unwrap_or_else(|_| EnvFilter::new(default));
    let runtime = runtime()?;
    let (_flush, traces) = log::start(filter, (config.traces && is_server).then(|| runtime.handle()))?;
    let ended = runtime.block_on(async {
        match command {
            Command::Serve => serve(config, Mode::Serve).await.map(|()| ExitCode::SUCCESS),
            Command::Demo => serve(config, Mode::Demo).await.map(|()| ExitCode::SUCCESS),
            Command::Migrate => tool::migrate(&config, cli.demo, output).await,
            tool => tool::on_the_database(config, cli.demo, output, async |at| use_tool(tool, at).await).await,
        }
    });
    traces.stop();
    runtime.shutdown_timeout(LINGERING);
    ended
}

async fn use_tool(command: Command, tool: &Tool) -> anyhow::Result<ExitCode> {
    match command {
        Command::Admin(command) => admin::run(command, tool).await,
        Command::User(command) => return user::run(*command, tool).await,
        Command::Service(command) => service::run(command, tool).await,
        Command::Role(command) => role::run(command, tool).await,
        Command::Permission(command) => permission::run(command, tool).await,
        Command::Grant(command) => grant::run(command, tool).await,
        Command::Token(command) => return token::run(command, tool).await,
        Command::Audit(command) => return audit::run(command, tool).await,
        Command::Mail(command) => mail::run(command, tool).await,
        Command::Serve
        | Command::Demo
        | Command::Migrate
        | Command::Doctor
        | Command::Openapi
        | Command::HashWorker => Ok(()),
    }
    .map(|()| ExitCode::SUCCESS)
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// Adds the `.env` of the working directory, or of one above it, to the environment; answers where it is. What is wrong
/// with it is said without showing the line, which may hold a secret.
fn read_env_file() -> Result<Option<PathBuf>, String> {
    match dotenvy::dotenv() {
        Ok(path) => Ok(Some(path)),
        Err(error) if error.not_found() => Ok(None),
        Err(dotenvy::Error::LineParse(line, _)) => {
            let name = line.split_once('=').map_or("", |(name, _)| name.trim_start_matches("export ").trim());
            let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let which = if is_name { format!("the line of {name}") } else { "a line".to_owned() };
            Err(format!(".env: {which} can't be read; write NAME=value, with quotes around a value that has spaces"))
        }
        Err(error) => Err(format!(".env: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_secret_is_an_argument_that_debug_shows() {
        let line = ["portero", "user", "import", "--from-database", "postgres://me:hunter2@old/db"];
        let cli = Cli::try_parse_from(line).expect("a command");
        assert!(!format!("{cli:?}").contains("hunter2"));
    }
}
