//! What `kill -9` leaves, whomever and whenever it hits.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;

use rustix::process::{Signal, kill_process};

use super::*;

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a pid");
    kill_process(pid, signal).expect("a living process");
}

/// Whether any Postgres runs on the directory, whatever its pid file says.
fn any_server_on(directory: &Path) -> bool {
    let data = directory.canonicalize().expect("it exists").join("postgres");
    let data = data.to_string_lossy();
    let mut processes = fs::read_dir("/proc").expect("proc").flatten();
    processes.any(|process| {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).split('\0').any(|argument| argument == data)
    })
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
    let bin = binaries(&data);
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

fn killed_while_starting(directory: &Path, millis: u64) {
    let mut other = other_portero_starting(directory);
    sleep(Duration::from_millis(millis));
    other.kill().expect("kill -9");
    assert_eq!(other.wait().expect("it is dead").signal(), Some(9));
}

#[tokio::test]
async fn a_kill_at_any_moment_of_the_first_start_is_survived() {
    for millis in [20, 100, 250, 450, 700, 1000] {
        let dir = scratch();
        killed_while_starting(dir.path(), millis);
        let postgres = started(dir.path()).await;
        assert_eq!(ask(postgres.socket_dir(), "select 1").as_deref(), Some("1"));
        postgres.stop().await;
    }
}

#[tokio::test]
async fn a_kill_at_any_moment_of_a_later_start_leaves_no_postgres() {
    let dir = scratch();
    started(dir.path()).await.stop().await;
    for millis in (5..100).step_by(5) {
        killed_while_starting(dir.path(), millis);
        if millis % 2 == 0 {
            eventually("it is gone", || !any_server_on(dir.path()));
        }
        let postgres = started(dir.path()).await;
        assert_eq!(ask(postgres.socket_dir(), "select 1").as_deref(), Some("1"));
        postgres.stop().await;
    }
}
