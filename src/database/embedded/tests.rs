//! These start real servers, each in a directory of its own.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, process};

use rustix::process::{Pid, Signal, kill_process};
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

async fn refusal(directory: &Path) -> String {
    Postgres::start(directory, Durability::Throwaway, "portero").await.expect_err("it is refused").to_string()
}

/// Asks through the socket; `None` when it can't be reached.
fn ask(socket_dir: &Path, question: &str) -> Option<String> {
    let bin = find::find(Path::new("/"), None).expect("binaries").dir;
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

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a pid");
    kill_process(pid, signal).expect("a living process");
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
    let mut command = Command::new(env::current_exe().expect("this program"));
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
    let Some(directory) = env::var_os("PORTERO_TEST_HOLD") else { return };
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
    let postmaster = i32::try_from(postmaster(dir.path())).ok().and_then(Pid::from_raw);
    assert_eq!(rustix::process::getpgid(postmaster).ok(), postmaster, "Ctrl-C does not reach it");
    if we_are_root() {
        let groups =
            fs::read_to_string(format!("/proc/{}/status", super::tests::postmaster(dir.path()))).expect("its status");
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
async fn a_killed_postgres_comes_back() {
    let dir = scratch();
    let postgres = started(dir.path()).await;
    for _ in 0..3 {
        let old = postmaster(dir.path());
        signal(old, Signal::KILL);
        let socket_dir = postgres.socket_dir();
        let took = eventually("it is back", || ask(socket_dir, "select 1").is_some() && postmaster(dir.path()) != old);
        println!("back after {took:?}");
    }
    postgres.stop().await;
    assert!(!pid_file(dir.path()).exists());
}

#[tokio::test]
async fn a_killed_postgres_comes_back_while_its_processes_are_busy() {
    let dir = scratch();
    let postgres = started(dir.path()).await;
    let socket_dir = postgres.socket_dir().to_owned();
    // A computation never looks whether its postmaster lives.
    let busy = std::thread::spawn(move || ask(&socket_dir, "select count(*) from generate_series(1, 12000000)"));
    sleep(Duration::from_millis(300));
    signal(postmaster(dir.path()), Signal::KILL);
    let took = eventually("it is back", || ask(postgres.socket_dir(), "select 1").is_some());
    println!("back after {took:?}");
    let _ = busy.join();
    postgres.stop().await;
}

#[tokio::test]
async fn a_killed_portero_takes_its_postgres_along() {
    let dir = scratch();
    for _ in 0..3 {
        let mut other = other_portero(dir.path());
        let pid = postmaster(dir.path());
        let running = Postgres::running(dir.path()).expect("an answer").expect("it runs");
        assert_eq!(running.pid, other.id());
        assert!(matches!(
            Postgres::start(dir.path(), Durability::Throwaway, "x").await,
            Err(EmbeddedError::Busy { pid: Some(pid), .. }) if pid == other.id()
        ));
        other.kill().expect("kill -9");
        other.wait().expect("it is dead");
        assert_eq!(Postgres::running(dir.path()).expect("an answer"), None);
        println!("gone after {:?}", eventually("it is gone", || !lives(pid)));
    }
    started(dir.path()).await.stop().await;
}

#[tokio::test]
async fn starts_right_after_a_killed_portero() {
    let dir = scratch();
    for both in [false, true, false, true] {
        let mut other = other_portero(dir.path());
        if both {
            signal(postmaster(dir.path()), Signal::KILL);
        }
        other.kill().expect("kill -9");
        other.wait().expect("it is dead");
        let begun = Instant::now();
        let postgres = started(dir.path()).await;
        println!("started {:?} after the kill (both: {both})", begun.elapsed());
        assert_eq!(ask(postgres.socket_dir(), "select 1").as_deref(), Some("1"));
        postgres.stop().await;
    }
}

/// Runs a postmaster that nobody supervises, as one that slipped through when its Portero was killed.
async fn orphan(directory: &Path) -> Child {
    started(directory).await.stop().await;
    let data = directory.canonicalize().expect("it exists").join("postgres");
    let bin = find::find(&data, None).expect("binaries").dir;
    let owner = account::Account::to_run(&data).expect("an account");
    let mut command = Command::new(bin.join("postgres"));
    command.arg("-D").arg(&data).args(["-c", "listen_addresses=", "-c"]);
    command.arg(format!("unix_socket_directories={}", directory.join("run").display()));
    owner.lend_to(&mut command);
    let child = command.current_dir("/").stderr(Stdio::null()).spawn().expect("it runs");
    eventually("it is ready", || leftover::is_ready(&data, child.id()));
    child
}

#[tokio::test]
async fn an_orphan_is_ended() {
    let dir = scratch();
    let mut child = orphan(dir.path()).await;

    let postgres = started(dir.path()).await;
    assert_eq!(child.wait().expect("it has ended").code(), Some(0));
    postgres.stop().await;
}

#[tokio::test]
async fn a_strangers_pid_in_the_pid_file_is_no_obstacle() {
    let dir = scratch();
    let mut child = orphan(dir.path()).await;
    let content = fs::read_to_string(pid_file(dir.path())).expect("a pid file");
    child.kill().expect("kill -9");
    child.wait().expect("it is dead");
    // Another of this user's processes, whom Postgres takes for a living postmaster.
    let mut user = Command::new("sleep");
    user.arg("60");
    account::Account::to_run(&dir.path().join("postgres")).expect("an account").lend_to(&mut user);
    let mut stranger = user.spawn().expect("sleep");
    let recycled = content.replacen(&child.id().to_string(), &stranger.id().to_string(), 1);
    fs::write(pid_file(dir.path()), recycled).expect("written");
    let socket_lock = dir.path().join("run/.s.PGSQL.5432.lock");
    fs::write(&socket_lock, format!("{}\n", stranger.id())).expect("written");

    let postgres = started(dir.path()).await;
    assert!(stranger.try_wait().expect("a state").is_none(), "the stranger was left alone");
    postgres.stop().await;
    stranger.kill().expect("kill");
    stranger.wait().expect("it is dead");
}

#[tokio::test]
async fn a_half_made_cluster_is_made_anew() {
    let dir = scratch();
    let unfinished = dir.path().join("postgres.new/base");
    fs::create_dir_all(&unfinished).expect("mkdir");
    fs::write(dir.path().join("postgres.new/PG_VERSION"), "15\n").expect("written");
    if we_are_root() {
        fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).expect("chmod");
    }
    started(dir.path()).await.stop().await;
    assert!(!dir.path().join("postgres.new").exists());
}

async fn killed_while_starting_and_started(directory: &Path, millis: u64) {
    let mut other = other_portero_starting(directory);
    sleep(Duration::from_millis(millis));
    other.kill().expect("kill -9");
    assert_eq!(other.wait().expect("it is dead").signal(), Some(9));
    let postgres = started(directory).await;
    assert_eq!(ask(postgres.socket_dir(), "select 1").as_deref(), Some("1"));
    postgres.stop().await;
}

#[tokio::test]
async fn a_kill_at_any_moment_of_the_first_start_is_survived() {
    for millis in [10, 30, 80, 150, 250, 400, 600, 800, 1000] {
        killed_while_starting_and_started(scratch().path(), millis).await;
    }
}

#[tokio::test]
async fn a_kill_at_any_moment_of_a_later_start_is_survived() {
    let dir = scratch();
    started(dir.path()).await.stop().await;
    for millis in (5..100).step_by(8) {
        killed_while_starting_and_started(dir.path(), millis).await;
    }
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
    fs::remove_dir(socket_dir).expect("it is empty");

    let odd = dir.path().join("a \"b\" é");
    let postgres = started(&odd).await;
    assert_eq!(ask(postgres.socket_dir(), "select 1").as_deref(), Some("1"));
    postgres.stop().await;
}

#[tokio::test]
async fn what_is_in_the_way_is_named() {
    let dir = scratch();
    let file = dir.path().join("file");
    fs::write(&file, "").expect("written");
    let said = refusal(&file).await;
    assert!(said.contains("file is not a directory: move it away"), "{said}");
    let said = refusal(&file.join("below")).await;
    assert!(said.contains("a file is where a directory should be"), "{said}");

    let foreign = dir.path().join("foreign");
    fs::create_dir_all(foreign.join("postgres/photos")).expect("mkdir");
    fs::set_permissions(&foreign, Permissions::from_mode(0o711)).expect("chmod");
    let said = refusal(&foreign).await;
    assert!(said.contains("foreign/postgres is not a Postgres cluster: move it away"), "{said}");

    let older = dir.path().join("older");
    fs::create_dir_all(older.join("postgres")).expect("mkdir");
    fs::write(older.join("postgres/PG_VERSION"), "9.6\n").expect("written");
    if we_are_root() {
        assert!(refusal(&older).await.contains("belongs to root"));
        std::os::unix::fs::chown(older.join("postgres"), Some(65534), Some(65534)).expect("chown");
    }
    let said = refusal(&older).await;
    assert!(said.contains("made by PostgreSQL 9.6, but there is only 15 in /"), "{said}");
}

#[tokio::test]
async fn a_closed_way_is_named() {
    let dir = scratch();
    let closed = dir.path().join("closed");
    fs::create_dir(&closed).expect("mkdir");
    if we_are_root() {
        fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).expect("chmod");
        fs::set_permissions(&closed, Permissions::from_mode(0o700)).expect("chmod");
        let said = refusal(&closed.join("data")).await;
        let expected = format!("who may not enter {}: set PORTERO_DATA_DIR", closed.display());
        assert!(said.contains(&expected), "{said}");
    } else {
        fs::set_permissions(&closed, Permissions::from_mode(0o500)).expect("chmod");
        let said = refusal(&closed.join("data")).await;
        assert!(said.contains("closed/data: Permission denied") && said.contains("PORTERO_DATA_DIR"), "{said}");
    }
}

#[tokio::test]
async fn a_postgres_that_refuses_is_quoted() {
    let dir = scratch();
    started(dir.path()).await.stop().await;
    fs::write(dir.path().join("postgres/postgresql.conf"), "no_such_setting = 1\n").expect("written");
    let said = refusal(dir.path()).await;
    assert!(said.contains("postgres.log") && said.contains("no_such_setting"), "{said}");
    assert_eq!(Postgres::running(dir.path()).expect("an answer"), None);
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
