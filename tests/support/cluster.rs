//! One Postgres for the whole run, started by the first test that wants a database; two templates; a clone of one of
//! them for each test, dropped when the test has ended.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, mpsc};
use std::{fs, process, thread};

use portero::app::database::{MIGRATIONS, load_demo_data};
use portero::platform::database::embedded::{Durability, Postgres};
use rustix::process::{Pid, test_kill_process};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use super::scratch;

const PREFIX: &str = "portero-tests-";
/// Postgres takes four hundred connections: on a machine with many cores some tests wait for others to end.
const CONNECTIONS: usize = 380;

/// What a new database holds.
#[derive(Clone, Copy, Debug)]
pub enum Data {
    /// Portero's own rows.
    Fresh,
    /// `db/demo_data.sql` besides.
    Demo,
}

impl Data {
    fn template(self) -> &'static str {
        match self {
            Self::Fresh => "template_fresh",
            Self::Demo => "template_demo",
        }
    }
}

/// A database of one test's own.
#[derive(Debug)]
pub struct TestDatabase {
    /// As `AUTH_DATABASE_URL` takes it.
    pub url: String,
    name: String,
    _seats: OwnedSemaphorePermit,
}

impl TestDatabase {
    /// A new one, to which so many connections are made.
    pub async fn with(data: Data, connections: u32) -> Self {
        // Starting it blocks: for the runtime of the one test that comes first that does no harm.
        let cluster = &*CLUSTER;
        let seats = Arc::clone(&cluster.seats).acquire_many_owned(connections).await.expect("it stays open");
        let name = format!("test_{}", cluster.count.fetch_add(1, Ordering::Relaxed));
        let _one_at_a_time = cluster.cloning.lock().await;
        let mut conn = PgConnection::connect_with(&cluster.options).await.expect("Postgres is there");
        let clone = format!("create database {name} template {} strategy file_copy", data.template());
        conn.execute(AssertSqlSafe(clone)).await.expect("a clone");
        conn.close().await.expect("an orderly end");
        let socket = cluster.postgres.socket_dir().display();
        Self { url: format!("postgres://{}@localhost/{name}?host={socket}", Postgres::USER), name, _seats: seats }
    }
}

impl TestDatabase {
    /// An empty one, as these words after `create database …` have it; none where this Postgres does not know them.
    pub async fn made(how: &str, connections: u32) -> Option<Self> {
        let cluster = &*CLUSTER;
        let seats = Arc::clone(&cluster.seats).acquire_many_owned(connections).await.expect("it stays open");
        let name = format!("test_{}", cluster.count.fetch_add(1, Ordering::Relaxed));
        let _one_at_a_time = cluster.cloning.lock().await;
        let mut conn = PgConnection::connect_with(&cluster.options).await.expect("Postgres is there");
        let made = conn.execute(AssertSqlSafe(format!("create database {name} template template0 {how}"))).await;
        conn.close().await.expect("an orderly end");
        let socket = cluster.postgres.socket_dir().display();
        let url = format!("postgres://{}@localhost/{name}?host={socket}", Postgres::USER);
        made.ok().map(|_| Self { url, name, _seats: seats })
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let _ = CLUSTER.sweep.send(std::mem::take(&mut self.name));
    }
}

static CLUSTER: LazyLock<Cluster> =
    LazyLock::new(|| thread::spawn(Cluster::start).join().expect("a Postgres for the tests"));

#[derive(Debug)]
struct Cluster {
    postgres: Postgres,
    options: PgConnectOptions,
    cloning: Mutex<()>,
    seats: Arc<Semaphore>,
    count: AtomicU32,
    sweep: mpsc::Sender<String>,
    _cleaner: Child,
}

impl Cluster {
    fn start() -> Self {
        clear_after_the_dead(&scratch::base());
        let directory = directory();
        let cleaner = remove_at_our_end(&directory);
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (postgres, options) = runtime.block_on(async {
            let postgres = Postgres::start(&directory, Durability::Throwaway, "tests").await.expect("Postgres starts");
            let options = PgConnectOptions::new_without_pgpass()
                .socket(postgres.socket_dir())
                .username(Postgres::USER)
                .database("postgres");
            make_templates(&options).await;
            (postgres, options)
        });
        Self {
            sweep: sweeper(runtime, options.clone()),
            postgres,
            options,
            cloning: Mutex::new(()),
            seats: Arc::new(Semaphore::new(CONNECTIONS)),
            count: AtomicU32::new(0),
            _cleaner: cleaner,
        }
    }
}

/// This run's own directory, which goes away with it: Postgres is in it, and what servers write.
pub fn directory() -> PathBuf {
    scratch::base().join(format!("{PREFIX}{}", process::id()))
}

async fn make_templates(options: &PgConnectOptions) {
    let mut postgres = PgConnection::connect_with(options).await.expect("Postgres is there");
    postgres.execute("create database template_fresh").await.expect("a template");
    let mut fresh = PgConnection::connect_with(&options.clone().database("template_fresh")).await.expect("it is there");
    MIGRATIONS.run(&mut fresh).await.expect("the migrations run");
    fresh.close().await.expect("an orderly end");
    postgres
        .execute("create database template_demo template template_fresh strategy file_copy")
        .await
        .expect("a second template");
    let mut demo = PgConnection::connect_with(&options.clone().database("template_demo")).await.expect("it is there");
    load_demo_data(&mut demo).await.expect("the demo data load");
    demo.close().await.expect("an orderly end");
    postgres.close().await.expect("an orderly end");
}

/// Drops the databases of tests that have ended, on a thread of its own: their runtimes are gone.
fn sweeper(runtime: Runtime, options: PgConnectOptions) -> mpsc::Sender<String> {
    let (sweep, names) = mpsc::channel::<String>();
    thread::spawn(move || {
        runtime.block_on(async {
            let mut conn = PgConnection::connect_with(&options).await.expect("Postgres is there");
            while let Ok(name) = names.recv() {
                // At the end of the run Postgres goes before this thread does.
                let _ = conn.execute(AssertSqlSafe(format!("drop database {name} with (force)"))).await;
            }
        });
    });
    sweep
}

/// A shell that waits for our end, however it comes, and then for Postgres'; it holds nothing of ours but its input.
fn remove_at_our_end(directory: &Path) -> Child {
    let script = r#"
        cat > /dev/null
        for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            [ -e "$1/postgres/postmaster.pid" ] || break
            sleep 0.5
        done
        rm -rf "$1"
    "#;
    Command::new("sh")
        .args(["-c", script, "remove-at-our-end"])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C in a terminal is meant for us.
        .process_group(0)
        .spawn()
        .expect("a shell")
}

/// Removes what runs have left that were killed together with their cleaner.
fn clear_after_the_dead(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let run = entry.file_name().to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse().ok());
        let postmaster = fs::read_to_string(entry.path().join("postgres/postmaster.pid")).unwrap_or_default();
        let postmaster = postmaster.lines().next().and_then(|pid| pid.trim().parse().ok());
        if run.is_some_and(|pid: i32| pid == own_pid() || !is_alive(pid)) && !postmaster.is_some_and(is_alive) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn own_pid() -> i32 {
    process::id().cast_signed()
}

fn is_alive(pid: i32) -> bool {
    let gone = |pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH);
    Pid::from_raw(pid).is_some_and(|pid| !gone(pid))
}
