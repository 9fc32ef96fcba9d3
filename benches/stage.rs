//! Where it all happens: a directory, a Postgres of our own in it, and servers on its databases.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use portero::app::database::MIGRATIONS;
use portero::platform::database::embedded::{Durability, Postgres};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, Executor, PgConnection};
use time::OffsetDateTime;

use crate::load::Connection;
use crate::process;
use crate::world::{World, fill};

/// Tokens live longer than any run.
const MONTH: &str = "2592000";
const PATIENCE: Duration = Duration::from_mins(1);

pub struct Stage {
    directory: tempfile::TempDir,
    postgres: Postgres,
    durability: Durability,
    /// Environment variables for every Portero.
    settings: Vec<(String, String)>,
    /// Another Portero to compare with.
    pub against: Option<PathBuf>,
    pub postmaster: u32,
}

impl Stage {
    pub async fn set(parent: &Path, durability: Durability, settings: Vec<(String, String)>) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("portero-figures-").tempdir_in(parent)?;
        // The account that Postgres runs as has to pass.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o711))?;
        let postgres = Postgres::start(directory.path(), durability, "figures").await?;
        let postmaster = process::postmaster(directory.path())?;
        Ok(Self { directory, postgres, durability, settings, against: None, postmaster })
    }

    /// What the reader of the figures should know of it.
    pub async fn description(&self) -> anyhow::Result<String> {
        let mut conn = self.connect("postgres").await?;
        let version: String = sqlx::query_scalar("show server_version").fetch_one(&mut conn).await?;
        let sync = match self.durability {
            Durability::Durable => "fsync on",
            Durability::Throwaway => "fsync OFF",
        };
        Ok(format!("Postgres {version}, {sync}, in {}", self.directory.path().display()))
    }

    pub async fn connect(&self, database: &str) -> anyhow::Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass()
            .socket(self.postgres.socket_dir())
            .username(Postgres::USER)
            .database(database);
        PgConnection::connect_with(&options).await.with_context(|| format!("connect to {database}"))
    }

    fn url(&self, database: &str) -> String {
        let socket = self.postgres.socket_dir().display();
        format!("postgres://{}@localhost/{database}?host={socket}", Postgres::USER)
    }

    /// Makes a database with so many people in it.
    pub async fn populate(&self, database: &str, people: i32) -> anyhow::Result<World> {
        self.create(database).await?;
        MIGRATIONS.run(&mut self.connect(database).await?).await?;
        self.fill(database, people).await
    }

    async fn create(&self, database: &str) -> anyhow::Result<()> {
        self.connect("postgres").await?.execute(AssertSqlSafe(format!("create database {database}"))).await?;
        Ok(())
    }

    async fn fill(&self, database: &str, people: i32) -> anyhow::Result<World> {
        let start = Instant::now();
        let world = World { people };
        let mut conn = self.connect(database).await?;
        fill(&mut conn, world, OffsetDateTime::now_utc()).await?;
        let size: String = sqlx::query_scalar("select pg_size_pretty(pg_database_size(current_database()))")
            .fetch_one(&mut conn)
            .await?;
        eprintln!("{people} people filled in within {:.1} s, {size}", start.elapsed().as_secs_f64());
        Ok(world)
    }

    /// Portero on this database, as it is installed: default settings but for lasting tokens and what the command line
    /// and `own` set. Its log, a line a request, goes to /dev/null.
    pub async fn portero(&self, database: &str, own: &[(&str, &str)]) -> anyhow::Result<Server> {
        self.built_as(Path::new(env!("CARGO_BIN_EXE_portero")), database, own).await
    }

    /// The other Portero, likewise, on a database of its own with so many people: it refuses one of later migrations.
    pub async fn other(&self, database: &str, people: i32) -> anyhow::Result<Option<Server>> {
        let Some(program) = &self.against else { return Ok(None) };
        self.create(database).await?;
        let mut migrate = Command::new(program);
        migrate.arg("migrate").env_clear().env("AUTH_DATABASE_URL", self.url(database)).stdout(Stdio::null());
        ensure!(migrate.status()?.success(), "{} migrate failed", program.display());
        self.fill(database, people).await?;
        self.built_as(program, database, &[]).await.map(Some)
    }

    async fn built_as(&self, program: &Path, database: &str, own: &[(&str, &str)]) -> anyhow::Result<Server> {
        let mut command = Command::new(program);
        command.arg("serve").env_clear().current_dir(self.directory.path());
        command.envs(["PATH", "HOME"].iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.env("PORTERO_DATA_DIR", self.directory.path()).env("AUTH_DATABASE_URL", self.url(database));
        command.env("TOKEN_TTL_SECONDS", MONTH).env("TOKEN_MAX_AGE_SECONDS", MONTH);
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.envs(own.iter().copied());
        let port = free_port()?;
        command.env("SERVER_PORT", port.to_string());
        Server::start(command, port).await
    }

    /// One of the servers that Portero is compared with: this program again, with another task.
    pub async fn baseline(&self, task: &str, database: &str) -> anyhow::Result<Server> {
        let port = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args([task, &self.url(database), &port.to_string()]);
        Server::start(command, port).await
    }

    pub async fn strike(self) {
        self.postgres.stop().await;
    }
}

/// A server in a process of its own, which ends with this.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// From its exec to its first good answer.
    pub started_in: Duration,
}

impl Server {
    async fn start(mut command: Command, port: u16) -> anyhow::Result<Self> {
        let start = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut server = Self { child, address, started_in: Duration::ZERO };
        while !is_ready(address).await {
            if let Some(status) = server.child.try_wait()? {
                bail!("{} ended with {status}", command.get_program().display());
            }
            ensure!(start.elapsed() < PATIENCE, "{} does not get ready", command.get_program().display());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.started_in = start.elapsed();
        Ok(server)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn is_ready(address: SocketAddr) -> bool {
    let Ok(mut connection) = Connection::open(address).await else { return false };
    let answer = connection.exchange(b"GET /readyz HTTP/1.1\r\nhost: portero\r\n\r\n").await;
    answer.is_ok_and(|answer| answer.status == 200)
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
