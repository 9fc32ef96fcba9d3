//! These start real servers, each in a directory of its own.

mod killed;
mod refused;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, process};

use rustix::process::Pid;
use tempfile::TempDir;

use super::account::we_are_root;
use super::*;

/// Where every account may enter, and in memory if possible: `initdb` is three times as fast there.
fn scratch() -> TempDir {
    let base = if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" };
    tempfile::tempdir_in(base).expect("a scratch directory")
}

async fn started(directory: &Path) -> Postgres {
    Postgres::start(directory, Durability::Throwaway, "portero").await.expect("it starts")
}

/// Where the programs for a cluster are.
fn binaries(data: &Path) -> PathBuf {
    let account = account::Account::to_run(data).expect("an account");
    find::find(data, None, &account).expect("binaries").dir
}

/// Asks through the socket; `None` when it can't be reached.
fn ask(socket_dir: &Path, question: &str) -> Option<String> {
    let bin = binaries(Path::new("/"));
    let mut psql = Command::new(bin.join("psql"));
    psql.args(["-X", "-U", Postgres::USER, "-d", "postgres", "-Atc", question]).arg("-h").arg(socket_dir);
    let output = psql.output().expect("psql");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn pid_file(directory: &Path) -> PathBuf {
    directory.join("postgres/postmaster.pid")
}

fn postmaster(directory: &Path) -> u32 {
    let text = fs::read_to_string(pid_file(directory)).expect("a pid file");
    text.lines().next().and_then(|pid| pid.parse().ok()).expect("a pid")
}

/// Running, not a zombie.
fn lives(pid: u32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "waited in vain until {what}");
        sleep(Duration::from_millis(5));
    }
    begun.elapsed()
}

/// Another process of this same test program, running [`hold`].
fn other_portero_starting(directory: &Path) -> Child {
    let test = format!("{}::hold", module_path!().split_once("::").expect("a crate").1);
    let mut command = Command::new("sh");
    // As in the background of a script, where SIGINT is ignored: Postgres must hear it all the same.
    command.args(["-c", "trap '' INT; exec \"$0\" \"$@\""]).arg(env::current_exe().expect("this program"));
    command.args(["--exact", &test, "--ignored", "--nocapture"]).env("PORTERO_TEST_HOLD", directory);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs")
}

/// The same, when its Postgres is up.
fn other_portero(directory: &Path) -> Child {
    let mut child = other_portero_starting(directory);
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains("HOLDING"))), "it did not start");
    child
}

/// No test, but the body of [`other_portero`].
#[tokio::test]
#[ignore = "only other_portero() runs it"]
async fn hold() {
    let Some(directory) = env::var_os("PORTERO_TEST_HOLD") else {
        return;
    };
    let _postgres = started(Path::new(&directory)).await;
    println!("HOLDING");
    tokio::time::sleep(Duration::from_mins(1)).await;
}

#[tokio::test]
async fn starts_from_nothing_and_finds_its_data_again() {
    let dir = scratch();
    let begun = Instant::now();
    let postgres = started(dir.path()).await;
    let from_nothing = begun.elapsed();
    ask(postgres.socket_dir(), "create table kept as select 7 as n").expect("it answers");
    let begun = Instant::now();
    postgres.stop().await;
    let stop = begun.elapsed();
    assert!(!pid_file(dir.path()).exists());

    let begun = Instant::now();
    let postgres = started(dir.path()).await;
    println!("from nothing {from_nothing:?}, stop {stop:?}, again {:?}", begun.elapsed());
    assert_eq!(ask(postgres.socket_dir(), "select n from kept").as_deref(), Some("7"));
    postgres.stop().await;
}

#[tokio::test]
async fn durable_means_fsync() {
    let dir = scratch();
    let begun = Instant::now();
    let postgres = Postgres::start(dir.path(), Durability::Durable, "x").await.expect("it starts");
    println!("durable, from nothing {:?}", begun.elapsed());
    assert_eq!(ask(postgres.socket_dir(), "show fsync").as_deref(), Some("on"));
    postgres.stop().await;

    let begun = Instant::now();
    let postgres = Postgres::start(dir.path(), Durability::Durable, "x").await.expect("it starts");
    println!("durable, again {:?}", begun.elapsed());
    postgres.stop().await;
    let postgres = started(dir.path()).await;
    assert_eq!(ask(postgres.socket_dir(), "show fsync").as_deref(), Some("off"));
    postgres.stop().await;
}

#[tokio::test]
async fn others_stay_outside() {
    let dir = scratch();
    let postgres = started(dir.path()).await;
    let mode = |path: &Path| fs::metadata(path).expect("it exists").mode() & 0o777;
    assert_eq!(mode(postgres.socket_dir()), 0o700);
    assert_eq!(mode(&postgres.socket_dir().join(".s.PGSQL.5432")), 0o700);
    assert_eq!(mode(&dir.path().join("postgres")), 0o700);
    assert_eq!(mode(&dir.path().join("portero.lock")), 0o600);
    assert_eq!(mode(&dir.path().join("postgres.log")), 0o600);
    assert_eq!(ask(postgres.socket_dir(), "show listen_addresses").as_deref(), Some(""));
    let pid = i32::try_from(postmaster(dir.path())).ok().and_then(Pid::from_raw);
    assert_eq!(rustix::process::getpgid(pid).ok(), pid, "Ctrl-C does not reach it");
    if we_are_root() {
        let groups = fs::read_to_string(format!("/proc/{}/status", postmaster(dir.path()))).expect("its status");
        assert!(groups.lines().any(|line| line.trim_end() == "Groups:"), "it keeps no group of root's");
        let stranger = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "psql", "-U", "portero", "-d", "postgres"])
            .args(["-c", "select 1", "-h"])
            .arg(postgres.socket_dir())
            .current_dir("/tmp")
            .output()
            .expect("setpriv");
        let said = String::from_utf8_lossy(&stranger.stderr);
        assert!(!stranger.status.success() && said.contains("Permission denied"), "{said}");
    }
    postgres.stop().await;
}

#[tokio::test]
async fn one_portero_a_directory() {
    let dir = scratch();
    assert_eq!(Postgres::running(dir.path()).expect("an answer"), None);
    assert_eq!(Postgres::running(&dir.path().join("nowhere")).expect("an answer"), None);

    let postgres = Postgres::start(dir.path(), Durability::Throwaway, "my db").await.expect("it starts");
    let expected =
        Running { socket_dir: postgres.socket_dir().to_owned(), serving: "my db".to_owned(), pid: process::id() };
    assert_eq!(Postgres::running(dir.path()).expect("an answer"), Some(expected));
    let second = Postgres::start(dir.path(), Durability::Throwaway, "x").await.expect_err("it is taken");
    assert!(matches!(&second, EmbeddedError::Busy { pid: Some(pid), .. } if *pid == process::id()), "{second}");
    let said = second.to_string();
    assert!(said.contains(&process::id().to_string()) && said.contains(&*dir.path().to_string_lossy()), "{said}");

    postgres.stop().await;
    assert_eq!(Postgres::running(dir.path()).expect("an answer"), None);
}

#[tokio::test]
async fn asking_who_runs_never_hinders_a_start() {
    let dir = scratch();
    let path = dir.path().to_owned();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let asking = std::thread::spawn(move || {
        while stopped.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
            let _ = Postgres::running(&path);
        }
    });
    for _ in 0..5 {
        started(dir.path()).await.stop().await;
    }
    drop(stop);
    asking.join().expect("no panic");
}

#[tokio::test]
async fn a_start_given_up_leaves_nothing_behind() {
    let dir = scratch();
    started(dir.path()).await.stop().await;
    for millis in [1, 20, 60] {
        let start = Postgres::start(dir.path(), Durability::Throwaway, "x");
        let _ = tokio::time::timeout(Duration::from_millis(millis), start).await;
        eventually("the directory is free", || matches!(Postgres::running(dir.path()), Ok(None)));
        assert!(!pid_file(dir.path()).exists());
    }
}

#[tokio::test]
async fn dropping_it_stops_it() {
    let dir = scratch();
    let postgres = started(dir.path()).await;
    let pid = postmaster(dir.path());
    drop(postgres);
    println!("gone after {:?}", eventually("it is gone", || !lives(pid)));
    eventually("there is no zombie either", || !Path::new(&format!("/proc/{pid}")).exists());
    started(dir.path()).await.stop().await;
}

#[tokio::test]
async fn a_long_or_odd_path_is_no_obstacle() {
    let dir = scratch();
    let long = dir.path().join("x".repeat(60)).join("y".repeat(60));
    let postgres = started(&long).await;
    let socket_dir = postgres.socket_dir().to_owned();
    assert!(!socket_dir.starts_with(dir.path()), "{}", socket_dir.display());
    assert_eq!(fs::metadata(&socket_dir).expect("it exists").mode() & 0o777, 0o700);
    assert_eq!(ask(&socket_dir, "select 1").as_deref(), Some("1"));
    let running = Postgres::running(&long).expect("an answer").expect("it runs");
    assert_eq!(running.socket_dir, socket_dir);
    postgres.stop().await;
    assert!(!socket_dir.exists());

    let odd = dir.path().join("a \"b\" é");
    let postgres = started(&odd).await;
    assert_eq!(ask(postgres.socket_dir(), "select 1").as_deref(), Some("1"));
    postgres.stop().await;
}

#[tokio::test]
async fn the_log_stays_small() {
    let dir = scratch();
    started(dir.path()).await.stop().await;
    let log = dir.path().join("postgres.log");
    fs::write(&log, vec![b'x'; 11 * 1024 * 1024]).expect("written");
    started(dir.path()).await.stop().await;
    assert!(fs::metadata(&log).expect("a log").len() < 100_000);
    assert_eq!(fs::metadata(dir.path().join("postgres.log.1")).expect("the old one").len(), 11 * 1024 * 1024);
}
