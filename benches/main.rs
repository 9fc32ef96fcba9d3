//! The figures of docs/performance.md: `cargo bench` starts Postgres, servers and load, all on this machine, and prints one
//! table. `cargo bench -- --help` says what else it can do.

#![allow(clippy::disallowed_methods, reason = "figures look from outside, at the real clock too")]

#[path = "../tests/api/support/authenticator.rs"]
#[expect(dead_code, reason = "the figures need no more than a passkey that works")]
mod authenticator;
mod baselines;
mod figures;
mod load;
mod process;
mod stage;
mod stats;
mod table;
mod world;

use std::path::PathBuf;
use std::time::Instant;

use clap::{Parser, Subcommand};
use portero::app::database::MIGRATIONS;
use portero::platform::database::embedded::Durability;
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;

use figures::{Bench, Figure};
use stage::Stage;
use world::{Person, World};

/// Measures Portero against bare servers in the same run, and prints one table.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    task: Option<Task>,
    /// Only these figures, with commas.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Figure>,
    /// Also the figures of a large world, which take a long time: purge, renewals, scale.
    #[arg(long)]
    all: bool,
    /// How often each thing is measured, in turn with the others.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// How long each time.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// The size of the large world.
    #[arg(long, default_value_t = 1_000_000)]
    people: i32,
    /// An environment variable for the Portero under test, as NAME=VALUE.
    #[arg(long, value_parser = setting)]
    set: Vec<(String, String)>,
    /// Another Portero, as built before a change, to compare checks with; one that knows all migrations.
    #[arg(long)]
    against: Option<PathBuf>,
    /// Where Postgres keeps its data.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    directory: PathBuf,
    /// Don't let Postgres wait for the disk.
    #[arg(long)]
    throwaway: bool,
    /// What cargo adds.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Fill an empty database with the large world, to try things by hand.
    Fill {
        /// As AUTH_DATABASE_URL has it; its user must be a superuser.
        url: String,
        /// How many people; ten grants and five tokens each.
        #[arg(long, default_value_t = 1_000_000)]
        people: i32,
    },
    /// The load, in a process of its own.
    #[command(hide = true)]
    Load,
    /// Bare hashing, in a session of its own.
    #[command(hide = true)]
    Hash { stored: String, seconds: f64 },
    /// Something else that keeps a core busy.
    #[command(hide = true)]
    Busy,
    /// A bare server that asks Postgres once a request.
    #[command(hide = true)]
    OneSelect { url: String, port: u16 },
    /// A bare server that answers from memory.
    #[command(hide = true)]
    Memory { url: String, port: u16 },
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match &cli.task {
        Some(Task::Load) => return load::drive(),
        Some(Task::Hash { stored, seconds }) => return figures::beside::hash(stored, *seconds),
        Some(Task::Busy) => return figures::beside::busy(),
        Some(Task::OneSelect { url, port }) => return baselines::one_select(url, *port),
        Some(Task::Memory { url, port }) => return baselines::memory(url, *port),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        if let Some(Task::Fill { url, people }) = &cli.task {
            return fill(url, *people).await;
        }
        // `cargo test --all-targets` runs benches too, without this.
        if !cli.bench {
            println!("run `cargo bench` to measure");
            return Ok(());
        }
        tokio::select! {
            measured = measure(cli) => measured,
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    })
}

async fn fill(url: &str, people: i32) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut conn = PgConnection::connect(url).await?;
    MIGRATIONS.run(&mut conn).await?;
    world::fill(&mut conn, World { people }, OffsetDateTime::now_utc()).await?;
    let size: String =
        sqlx::query_scalar("select pg_size_pretty(pg_database_size(current_database()))").fetch_one(&mut conn).await?;
    println!("{people} people in {:.0} s, {size}", start.elapsed().as_secs_f64());
    let administrator = Person::ADMINISTRATOR;
    println!("administrator: {}, password `{}`", administrator.username(), world::PASSWORD);
    println!("a token of theirs, begun now: {}", administrator.token(0).reveal());
    Ok(())
}

async fn measure(cli: Cli) -> anyhow::Result<()> {
    let start = Instant::now();
    let durability = if cli.throwaway { Durability::Throwaway } else { Durability::Durable };
    let mut stage = Stage::set(&cli.directory, durability, cli.set).await?;
    stage.against = cli.against;
    let cores = std::thread::available_parallelism()?;
    let description = format!("{cores} cores; {}", stage.description().await?);
    let bench = Bench::new(stage, cli.rounds, cli.seconds, cli.people);
    let chosen = match (cli.only.as_slice(), cli.all) {
        ([], false) => Figure::USUAL.to_vec(),
        ([], true) => Figure::ALL.to_vec(),
        (only, _) => only.to_vec(),
    };
    let mut rows = Vec::new();
    for figure in chosen {
        rows.extend(bench.measure(figure).await?);
    }
    bench.end().await;
    println!("\n{description}");
    println!(
        "medians of {} interleaved rounds (lowest .. highest), {:.0} s in all\n",
        cli.rounds,
        start.elapsed().as_secs_f64()
    );
    table::print(&rows);
    Ok(())
}
