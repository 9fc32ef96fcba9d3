//! A database a test, and the `portero` that works on it.

#[path = "../support/cluster.rs"]
#[allow(dead_code, reason = "others want demo data, too")]
mod cluster;
#[path = "../support/scratch.rs"]
pub mod scratch;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::{fs, thread};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use portero::app::config::Config;
use portero::app::database::Database;
use portero::app::{self, App, build};
use portero::platform::passwords::HashingPlace;
use serde_json::Value;
use sqlx::{Connection, PgConnection};
use tower::ServiceExt;

use cluster::{Data, TestDatabase};

/// A command's connections to Postgres, and those of the test beside it.
const CONNECTIONS: u32 = 8;

/// A test's own database, and a directory for its files.
pub struct House {
    pub url: String,
    pub files: tempfile::TempDir,
    _database: TestDatabase,
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
        Self::of(TestDatabase::with(Data::Fresh, CONNECTIONS).await)
    }

    /// A database with nothing in it.
    pub async fn empty() -> Self {
        Self::of(TestDatabase::made("", CONNECTIONS).await.expect("an empty database"))
    }

    fn of(database: TestDatabase) -> Self {
        let files = tempfile::tempdir().expect("a directory");
        Self { url: database.url.clone(), files, _database: database }
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

    /// Writes a file that is no text.
    pub fn bytes(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.files.path().join(name);
        fs::write(&path, bytes).expect("a file");
        path.to_str().expect("a path").to_owned()
    }

    pub async fn conn(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.expect("connects")
    }

    pub async fn number(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&mut self.conn().await).await.expect("a number")
    }

    pub async fn app(&self) -> App {
        let data = self.files.path().join("none").to_str().expect("a path").to_owned();
        let vars = [("AUTH_DATABASE_URL".to_owned(), self.url.clone()), ("PORTERO_DATA_DIR".to_owned(), data)];
        let config = Config::from_vars(vars).expect("a configuration");
        build::build(&Database::to_serve(&config).await.expect("a database"), config, HashingPlace::Here)
            .expect("an app")
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
        // A login that waits for a second factor has none.
        body["token"].as_str().map(str::to_owned)
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
