//! The command line: one file a command.
//!
//! A command gets a `Tool`: the app on the database that Portero serves, and the way to answer, for people or for
//! scripts. What it says goes to standard output, what went wrong to standard error.

mod admin;
mod ask;
mod audit;
mod by_option;
mod client;
mod decision;
mod doctor;
mod expires;
mod explained;
mod grant;
mod group;
mod import;
mod issuer;
mod key;
mod keys;
mod mail;
mod name_and_description;
mod output;
mod permission;
mod plan;
mod policy;
mod provider;
mod registration_token;
mod resource;
mod robot;
mod role;
mod service;
mod service_key;
mod token;
mod tool;
mod typed_ref;
mod user;

use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::app::config::Config;
use crate::app::config::env_file::{self, EnvFile};
use crate::app::serve::{Mode, serve};
use crate::base::error::causes;
use crate::gate::warnings;
use crate::platform::{log, passwords};
use output::Output;
use tool::{GlobalOptions, Tool};

/// Central authentication and authorization for teams with several backends.
#[derive(Debug, Parser)]
#[command(name = "portero", version, about, max_term_width = 100, after_help = SETTINGS)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print JSON, for scripts.
    #[arg(long, global = true)]
    json: bool,
    /// Work on the demo's database.
    #[arg(long, global = true)]
    demo: bool,
    /// Do not print which database is used.
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server (the default), on AUTH_DATABASE_URL if set, otherwise on a private Postgres.
    #[command(after_help = SETTINGS)]
    Serve,
    /// Start a server with demo data, on a private Postgres.
    #[command(after_help = SETTINGS)]
    Demo,
    /// Migrate the database to this version.
    Migrate {
        /// Create the private Postgres if there is none, as the first `portero serve` does.
        #[arg(long)]
        create: bool,
    },
    /// Check configuration, database and machine for problems.
    Doctor,
    /// Manage administrators of Portero itself.
    #[command(subcommand)]
    Admin(admin::Command),
    /// Manage people.
    #[command(subcommand)]
    User(Box<user::Command>),
    /// Manage robots: people of programs, without a way to log in.
    #[command(subcommand)]
    Robot(robot::Command),
    /// Manage API keys of people and robots.
    #[command(subcommand)]
    Key(Box<key::Command>),
    /// Manage services: the backends that people hold roles in.
    #[command(subcommand)]
    Service(service::Command),
    /// Manage the issuers whose tokens a service takes, besides Portero's own.
    #[command(subcommand)]
    Issuer(Box<issuer::Command>),
    /// Manage other identity providers, by which people log in here.
    #[command(subcommand)]
    Provider(Box<provider::Command>),
    /// Manage clients: applications that log people in here, or act for themselves.
    #[command(subcommand)]
    Client(Box<client::Command>),
    /// Manage roles: sets of permissions.
    #[command(subcommand)]
    Role(role::Command),
    /// Manage permissions.
    #[command(subcommand)]
    Permission(permission::Command),
    /// Manage policies: who may do what to which row of a service.
    #[command(subcommand)]
    Policy(Box<policy::Command>),
    /// Explain why somebody may do something, or may not.
    Explain(Box<decision::Explain>),
    /// Find who may do something.
    WhoCan(Box<decision::WhoCan>),
    /// Find what somebody may do.
    WhatCan(Box<decision::WhatCan>),
    /// Show what a decision would be if something were otherwise. Nothing is changed.
    Simulate(Box<decision::Simulate>),
    /// Manage grants: who holds what in which service.
    #[command(subcommand)]
    Grant(grant::Command),
    /// Manage resources that services tell of, and the roles that are held on them.
    #[command(subcommand)]
    Resource(resource::Command),
    /// Manage groups: people and other groups, and the roles that they hold.
    #[command(subcommand)]
    Group(group::Command),
    /// Print this server's configuration as one file, for `portero plan` and `portero apply`.
    Export(plan::Export),
    /// Show what a file would change here.
    Plan(plan::PlanArgs),
    /// Change this server to what a file says: all of it, or nothing.
    Apply(plan::File),
    /// Check tokens.
    #[command(subcommand)]
    Token(token::Command),
    /// Manage the keys that tokens are signed with.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Verify the audit trail.
    #[command(subcommand)]
    Audit(audit::Command),
    /// List and retry mails that could not be delivered.
    #[command(subcommand)]
    Mail(mail::Command),
    /// Print the OpenAPI document.
    Openapi,
    /// Hash passwords for the Portero that started this.
    #[command(name = passwords::HASH_WORKER, hide = true)]
    HashWorker,
}

/// Most of what is set is no option of the command line.
const SETTINGS: &str = "\
Settings are environment variables, or lines of a `.env` in the working directory:
  SERVER_PORT=8080 portero serve

  AUTH_DATABASE_URL        the Postgres to use; without it, a private one
  PORTERO_DATA_DIR         where the private one is
  SERVER_URL, SERVER_PORT  address to listen on; http://127.0.0.1:7878
  CORS                     allowed browser origins
  TRUSTED_PROXIES          proxies whose X-Forwarded-For is trusted
  ADMIN, ADMIN_PASSWORD    the first administrator
  SMTP_URL, MAIL_FROM      the mail server, and the sender
All of them, with their defaults: .env.example, beside the README.";

/// How long the process waits for a thread that no longer matters, such as one that looks up a name.
const LINGERING: Duration = Duration::from_secs(1);

/// Runs what the command line says.
pub fn run() -> ExitCode {
    let cli = Cli::from_arg_matches(&command_line().get_matches()).unwrap_or_else(|error| error.exit());
    match start(cli) {
        Ok(code) => code,
        // Who reads us through `head` has read enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portero: {}", causes(&error));
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
    let env_file = env_file::load();
    let output = if cli.json { Output::Json } else { Output::Text };
    // It looks at what would stop everything else.
    if matches!(command, Command::Doctor) {
        return runtime()?.block_on(doctor::run(env_file, cli.demo, output));
    }
    let env_file = env_file.map_err(anyhow::Error::msg)?;
    let config = Config::from_env()?;
    let is_server = matches!(command, Command::Serve | Command::Demo);
    let default = if is_server { "info" } else { "warn" };
    let filter = EnvFilter::try_new(config.log.as_deref().unwrap_or(default));
    let filter = filter.unwrap_or_else(|_| EnvFilter::new(default));
    let runtime = runtime()?;
    let (_flush, traces) = log::start(filter, (config.traces && is_server).then(|| runtime.handle()))?;
    if let Some(file) = &env_file {
        tell_of(file);
    }
    let asked = GlobalOptions { demo: cli.demo, output, quiet: cli.quiet };
    let ended = runtime.block_on(async {
        match command {
            Command::Serve => serve(config, Mode::Serve).await.map(|()| ExitCode::SUCCESS),
            Command::Demo => serve(config, Mode::Demo).await.map(|()| ExitCode::SUCCESS),
            Command::Migrate { create } => tool::migrate(&config, create, asked).await,
            tool => tool::on_the_database(config, asked, async |at| use_and_warn(tool, at).await).await,
        }
    });
    traces.stop();
    runtime.shutdown_timeout(LINGERING);
    ended
}

/// Uses a tool, and says what is to be known of what it has changed.
async fn use_and_warn(command: Command, tool: &Tool) -> anyhow::Result<ExitCode> {
    // It undoes what others have changed, and says itself what it does.
    let is_apply = matches!(command, Command::Apply(_));
    let (done, warnings) = warnings::gathered(Box::pin(use_tool(command, tool))).await;
    for warning in warnings.into_iter().filter(|_| !is_apply) {
        output::remark(warning.text());
    }
    done
}

async fn use_tool(command: Command, tool: &Tool) -> anyhow::Result<ExitCode> {
    match command {
        Command::Admin(command) => admin::run(command, tool).await,
        Command::User(command) => return user::run(*command, tool).await,
        Command::Robot(command) => robot::run(command, tool).await,
        Command::Key(command) => key::run(*command, tool).await,
        Command::Service(command) => service::run(command, tool).await,
        Command::Issuer(command) => issuer::run(*command, tool).await,
        Command::Provider(command) => provider::run(*command, tool).await,
        Command::Client(command) => client::run(*command, tool).await,
        Command::Role(command) => role::run(command, tool).await,
        Command::Permission(command) => permission::run(command, tool).await,
        Command::Policy(command) => policy::run(*command, tool).await,
        Command::Explain(args) => decision::explain(*args, tool).await,
        Command::WhoCan(args) => decision::who(*args, tool).await,
        Command::WhatCan(args) => decision::what(*args, tool).await,
        Command::Simulate(args) => decision::what_if(*args, tool).await,
        Command::Grant(command) => grant::run(command, tool).await,
        Command::Group(command) => group::run(command, tool).await,
        Command::Resource(command) => resource::run(command, tool).await,
        Command::Export(args) => plan::export(args, tool).await,
        Command::Plan(args) => return plan::plan(args, tool).await,
        Command::Apply(args) => plan::apply(args, tool).await,
        Command::Token(command) => return token::run(command, tool).await,
        Command::Audit(command) => return audit::run(command, tool).await,
        Command::Keys(command) => keys::run(command, tool).await,
        Command::Mail(command) => mail::run(command, tool).await,
        Command::Serve
        | Command::Demo
        | Command::Migrate { .. }
        | Command::Doctor
        | Command::Openapi
        | Command::HashWorker => Ok(()),
    }
    .map(|()| ExitCode::SUCCESS)
}

fn tell_of(file: &EnvFile) {
    let path = file.path.display();
    if file.passed_over.is_empty() {
        tracing::info!("read settings from {path}");
    } else {
        tracing::info!(
            "read settings from {path}, but no {}: Portero has no such settings",
            file.passed_over.join(", ")
        );
        for typo in file.probable_typos() {
            tracing::warn!("{typo}");
        }
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// The command line. What is global is in each command; where it does nothing, it is not shown.
fn command_line() -> clap::Command {
    let hidden = |name| Arg::new(name).long(name).action(ArgAction::SetTrue).hide(true);
    ["serve", "demo", "openapi"].iter().fold(Cli::command(), |all, server| {
        all.mut_subcommand(server, |command| command.args(["json", "demo", "quiet"].map(hidden)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        command_line().debug_assert();
    }

    #[test]
    fn an_option_is_shown_where_it_does_something() {
        let help = |line: &[&str]| command_line().try_get_matches_from(line).expect_err("help").to_string();
        for server in ["serve", "demo"] {
            let shown = help(&["portero", server, "--help"]);
            assert!(!shown.contains("--json") && !shown.contains("--demo"), "{shown}");
            for setting in ["AUTH_DATABASE_URL", "SERVER_PORT", ".env.example"] {
                assert!(shown.contains(setting), "{shown}");
            }
        }
        let shown = help(&["portero", "user", "list", "--help"]);
        assert!(shown.contains("--json") && shown.contains("--demo") && shown.contains("--quiet"), "{shown}");
        assert!(help(&["portero", "--help"]).contains("SERVER_PORT"));
    }

    #[test]
    fn what_is_global_may_stand_anywhere() {
        for line in [["portero", "--json", "user", "list"], ["portero", "user", "list", "--json"]] {
            let matches = command_line().try_get_matches_from(line).expect("a command");
            assert!(Cli::from_arg_matches(&matches).expect("a command").json);
        }
        let matches = command_line().try_get_matches_from(["portero", "serve", "--demo"]).expect("a command");
        assert!(Cli::from_arg_matches(&matches).expect("a command").demo, "so that it can be refused");
    }

    #[test]
    fn no_secret_is_an_argument_that_debug_shows() {
        let line = ["portero", "user", "import", "--from-database", "postgres://me:hunter2@old/db"];
        let cli = Cli::try_parse_from(line).expect("a command");
        assert!(!format!("{cli:?}").contains("hunter2"));
    }
}
