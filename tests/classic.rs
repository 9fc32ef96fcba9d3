//! The classic set-up, as the README tells it: `psql -U postgres -f db/run_all.sql`, then the server on that database.

#![allow(clippy::disallowed_methods, reason = "tests look from outside, at the real clock too")]

#[path = "support/scratch.rs"]
mod scratch;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use portero::app::config::Config;
use portero::app::database::{Database, is_migrated};
use portero::app::{self, build};
use portero::platform::database::embedded::{Durability, Postgres};
use portero::platform::passwords::HashingPlace;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, Row};
use tempfile::TempDir;
use tower::ServiceExt;

/// A Postgres as somebody finds theirs: its superuser is called `postgres`, and there is nothing in it.
struct Found {
    postgres: Postgres,
    directory: TempDir,
}

impl Found {
    async fn start() -> Self {
        let directory = scratch::directory();
        let postgres = Postgres::start(directory.path(), Durability::Throwaway, "tests").await.expect("a Postgres");
        let found = Self { postgres, directory };
        // Ours calls its superuser `portero`, the name of the role to be made.
        found.must_run(Postgres::USER, &["-c", "create role postgres superuser login"]);
        found.must_run("postgres", &["-c", "alter role portero rename to first"]);
        found
    }

    fn psql(&self, user: &str, arguments: &[&str]) -> Output {
        Command::new(self.binary("psql"))
            .args(["-X", "-v", "ON_ERROR_STOP=1", "-U", user])
            .arg("-h")
            .arg(self.postgres.socket_dir())
            .args(["-d", "postgres"])
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("psql")
    }

    /// What psql says; it must succeed and complain of nothing.
    fn must_run(&self, user: &str, arguments: &[&str]) -> String {
        let output = self.psql(user, arguments);
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && complaints.is_empty(), "{arguments:?}: {complaints}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Beside the server that runs.
    fn binary(&self, name: &str) -> PathBuf {
        let options = fs::read_to_string(self.directory.path().join("postgres/postmaster.opts")).expect("its options");
        let server = options.split_whitespace().next().expect("its binary");
        Path::new(server).with_file_name(name)
    }

    /// As `.env.example` has it, but through the socket.
    fn url(&self) -> String {
        let socket = self.postgres.socket_dir().to_str().expect("a path");
        format!("postgres://portero:portero@localhost/portero?host={}", utf8_percent_encode(socket, NON_ALPHANUMERIC))
    }
}

#[tokio::test]
async fn the_classic_set_up_serves_and_does_not_migrate_again() {
    let found = Found::start().await;

    let said = found.must_run("postgres", &["-f", "db/run_all.sql"]);
    assert!(said.contains("anybody can guess"), "the default password is warned of: {said}");
    assert!(!said.contains("write yours"), "it is the one of .env.example: {said}");

    let vars = [("AUTH_DATABASE_URL".to_owned(), found.url())];
    let config = Config::from_vars(vars).expect("good settings");
    let database = Database::to_serve(&config).await.expect("a database");
    let mut conn = database.address.connect_patiently().await.expect("a connection as portero");
    assert!(is_migrated(&mut conn).await.expect("an answer"));

    database.migrate().await.expect("nothing to do");
    let ran: i64 = count(&mut conn, "select count(*) from _sqlx_migrations where execution_time <> 0").await;
    assert_eq!(ran, 0, "no migration ran a second time");
    let superuser: i64 = count(&mut conn, "select count(*) from pg_roles where rolname = 'portero' and rolsuper").await;
    assert_eq!(superuser, 0);

    let app = build::build(&database, config, HashingPlace::Here).expect("an app");
    let login = json!({ "username": "adm1", "password": "adm1-hash" });
    let request = Request::post("/auth/login").body(Body::from(login.to_string())).expect("a request");
    let response = app::router(&app).oneshot(request).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(body["payload"]["username"], "adm1");

    app.db.close().await;
    conn.close().await.expect("closed");
    found.postgres.stop().await;
}

#[tokio::test]
async fn a_second_run_loses_nothing() {
    let found = Found::start().await;
    let said = found.must_run("postgres", &["-v", "password=another one's", "-v", "demo=no", "-f", "db/run_all.sql"]);
    let (_, next) = said.split_once("Next: ").expect("what is next");
    for step in [
        "install -m 600 .env.example .env",
        "cargo run --release",
        "write yours in its place",
        "makes the administrator",
    ] {
        assert!(next.contains(step), "{step} in {next}");
    }
    let people = ["-d", "portero", "-Atc", "select count(*) from auth.person"];
    assert_eq!(found.must_run("portero", &people).trim(), "0", "no demo data, as asked");

    found.must_run("portero", &["-d", "portero", "-c", "insert into auth.services (name) values ('Ours')"]);
    found.must_run("postgres", &["-f", "db/run_all.sql"]);
    let said = found.must_run("postgres", &["-f", "db/run_all.sql"]);

    assert_eq!(said.matches("there already").count(), 3, "{said}");
    let services = ["-d", "portero", "-Atc", "select count(*) from auth.services where name = 'Ours'"];
    assert_eq!(found.must_run("portero", &services).trim(), "1");
    found.postgres.stop().await;
}

async fn count(conn: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query(sql).fetch_one(conn).await.expect("an answer").get(0)
}
