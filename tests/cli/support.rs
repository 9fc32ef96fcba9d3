//! One Postgres for all tests of this binary, one database a test, and the `portero` that works on it.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, thread};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use portero::app::config::Config;
use portero::app::database::Database;
use portero::app::{self, App, build};
use portero::platform::database::embedded::{Durability, Postgres};
use portero::platform::passwords::Place;
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, Executor, PgConnection};
use tower::ServiceExt;

const PREFIX: &str = "portero-cli-tests-";

/// Where throw-away data goes: into memory, where that is a directory.
pub fn scratch() -> PathBuf {
    let shm = PathBuf::from("/dev/shm");
    if shm.is_dir() { shm } else { std::env::temp_dir() }
}

/// The socket's directory of the Postgres that lives as long as this process.
static CLUSTER: LazyLock<PathBuf> = LazyLock::new(|| {
    remove_leftovers();
    let directory = scratch().join(format!("{PREFIX}{}", std::process::id()));
    let started = thread::spawn(move || {
        remove_at_our_end(&directory);
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let postgres =
            runtime.block_on(Postgres::start(&directory, Durability::Throwaway, "postgres")).expect("Postgres");
        let sockets = postgres.socket_dir().to_owned();
        let options = PgConnectOptions::new_without_pgpass().socket(&sockets).username(Postgres::USER);
        runtime.block_on(async {
            let mut conn = PgConnection::connect_with(&options.clone().database("postgres")).await.expect("connects");
            conn.execute("create database template").await.expect("a template");
            let config = config(&url(&sockets, "template"));
            Database::to_serve(&config).await.expect("a database").migrate().await.expect("migrations");
        });
        // It ends with this process.
        std::mem::forget(postgres);
        sockets
    });
    started.join().expect("a cluster")
});

/// A shell that waits for our end, however it comes, and then for Postgres'.
fn remove_at_our_end(directory: &std::path::Path) {
    let script = r#"
        cat > /dev/null
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            [ -e "$1/postgres/postmaster.pid" ] || break
            sleep 1
        done
        rm -rf "$1"
    "#;
    let cleaner = Command::new("sh")
        .args(["-c", script, "remove-at-our-end"])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("a shell");
    // It holds the other end of its input, which so closes with this process.
    std::mem::forget(cleaner);
}

/// What runs have left that were killed together with their cleaner.
fn remove_leftovers() {
    for entry in fs::read_dir(scratch()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        if pid.is_some_and(|pid| !PathBuf::from("/proc").join(pid).exists()) && PathBuf::from("/proc/self").exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn url(sockets: &std::path::Path, database: &str) -> String {
    let host = sockets.to_str().expect("a path").replace('/', "%2F");
    format!("postgres://{}@{host}/{database}", Postgres::USER)
}

fn config(url: &str) -> Config {
    Config::from_vars([("AUTH_DATABASE_URL".to_owned(), url.to_owned())]).expect("a configuration")
}

/// A test's own database, and a directory for its files.
pub struct House {
    pub url: String,
    pub files: tempfile::TempDir,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl House {
    /// A migrated database with nobody in it.
    pub async fn new() -> Self {
        Self::from("template").await
    }

    /// A database with nothing in it.
    pub async fn empty() -> Self {
        Self::from("template0").await
    }

    async fn from(template: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let sockets = tokio::task::spawn_blocking(|| CLUSTER.clone()).await.expect("a cluster");
        let name = format!("house_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut conn = PgConnection::connect(&url(&sockets, "postgres")).await.expect("connects");
        let create = format!("create database {name} template {template} strategy file_copy");
        // Cloning is refused while somebody else does, too.
        while let Err(error) = conn.execute(sqlx::AssertSqlSafe(create.clone())).await {
            assert!(error.to_string().contains("being accessed by other users"), "{error}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Self { url: url(&sockets, &name), files: tempfile::tempdir().expect("a directory") }
    }

    /// Runs `portero` here.
    pub fn run(&self, args: &[&str]) -> Said {
        self.run_with(args, "", &[])
    }

    /// Runs `portero` with something on standard input.
    pub fn run_with(&self, args: &[&str], input: &str, vars: &[(&str, &str)]) -> Said {
        let mut command = bare(&self.files.path().to_owned(), args);
        command.env("AUTH_DATABASE_URL", &self.url).envs(vars.iter().copied());
        finish(command, input)
    }

    /// Runs `portero --json`, which must succeed.
    pub fn json(&self, args: &[&str]) -> Value {
        self.json_with(args, "")
    }

    pub fn json_with(&self, args: &[&str], input: &str) -> Value {
        let said = self.run_with(&[args, &["--json"]].concat(), input, &[]);
        assert_eq!(said.code, 0, "{said:?}");
        said.json()
    }

    /// Writes a file.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.files.path().join(name);
        fs::write(&path, text).expect("a file");
        path.to_str().expect("a path").to_owned()
    }

    pub async fn conn(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.expect("connects")
    }

    pub async fn number(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&mut self.conn().await).await.expect("a number")
    }

    pub async fn app(&self) -> App {
        let config = config(&self.url);
        build::build(&Database::to_serve(&config).await.expect("a database"), config, Place::Here).expect("an app")
    }

    /// What the audit trail tells of the command line of one kind: what was there, and what is there now.
    pub async fn told(&self, action: &str) -> Vec<(Value, Value)> {
        let told = "select coalesce(before, 'null'), coalesce(after, 'null') from auth.audit_events
             where actor = 'command-line' and action = $1 order by id";
        sqlx::query_as(told).bind(action).fetch_all(&mut self.conn().await).await.expect("events")
    }

    /// Asks the API; answers the body of a 200.
    pub async fn get(&self, path: &str, token: &str) -> Vec<u8> {
        let request = Request::get(path).header("token", token).body(Body::empty()).expect("a request");
        let response = app::router(&self.app().await).oneshot(request).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        axum::body::to_bytes(response.into_body(), 65536).await.expect("a body").to_vec()
    }

    /// Logs in over the API; answers the token.
    pub async fn log_in(&self, username: &str, password: &str) -> Option<String> {
        let body = serde_json::json!({ "username": username, "password": password }).to_string();
        let request = Request::post("/auth/login").body(Body::from(body)).expect("a request");
        let response = app::router(&self.app().await).oneshot(request).await.expect("an answer");
        if response.status() != StatusCode::OK {
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            return None;
        }
        let body = axum::body::to_bytes(response.into_body(), 65536).await.expect("a body");
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        Some(body["token"].as_str().expect("a token").to_owned())
    }
}

/// `portero` with nothing of this machine's settings.
pub fn bare(directory: &PathBuf, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portero"));
    command.args(args).current_dir(directory).env_clear();
    for inherited in ["PATH", "PG_BINDIR", "HOME"] {
        command.envs(std::env::var_os(inherited).map(|value| (inherited, value)));
    }
    command.env("PORTERO_DATA_DIR", directory.join("none"));
    command
}

pub fn finish(mut command: Command, input: &str) -> Said {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let mut stdin = child.stdin.take().expect("standard input");
    let input = input.to_owned();
    let writer = thread::spawn(move || {
        // Who does not read has no need to.
        let _ = stdin.write_all(input.as_bytes());
    });
    let Output { status, stdout, stderr } = child.wait_with_output().expect("the binary ends");
    writer.join().expect("written");
    Said {
        code: status.code().unwrap_or(-1),
        out: String::from_utf8(stdout).expect("UTF-8"),
        err: String::from_utf8(stderr).expect("UTF-8"),
    }
}

impl Said {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// That it failed, said why and what to do, and nothing else.
    #[track_caller]
    pub fn refused(&self, words: &[&str]) {
        assert_eq!(self.code, 1, "{self:?}");
        assert_eq!(self.out, "", "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "{word} in {self:?}");
        }
    }
}
