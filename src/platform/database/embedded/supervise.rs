//! The thread that runs Postgres: starts it, restarts it when it dies, ends it when asked.
//!
//! It is a thread and not a task because Linux tells a child of its parent's death when the *thread* that spawned it
//! ends, and a runtime's threads come and go. It waits by polling: a `waitpid` each 50 ms costs nothing one could measure,
//! and spares a second thread that waits for the exit while this one waits for the order to stop.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::oneshot;

use super::account::Account;
use super::error::refused;
use super::find::{self, Binaries};
use super::layout::{Layout, as_list_item};
use super::lock::Lock;
use super::{Durability, EmbeddedError, child, cluster, leftover};

/// Between two looks at a Postgres that starts or stops, and at one that runs.
const TICK: Duration = Duration::from_millis(5);
const WATCH: Duration = Duration::from_millis(50);
/// A start may be silent for so long. After a crash it takes what it takes, but (from version 15 on) says so every 10 s.
const PATIENCE: Duration = Duration::from_mins(1);
/// Before a restart; doubles while it keeps failing.
const FIRST_DELAY: Duration = Duration::from_millis(20);
const LONGEST_DELAY: Duration = Duration::from_secs(2);
/// Who has run so long has started well.
const STEADY: Duration = Duration::from_secs(30);
const LOOK_AFTER_LOG: Duration = Duration::from_mins(1);
/// How long each signal is given: shut down in order, drop everything, die.
const ENDING: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_secs(30)),
    (Signal::QUIT, Duration::from_secs(10)),
    (Signal::KILL, Duration::from_secs(5)),
];
/// Before another try while processes of a killed Postgres still hold its shared memory.
const AFTERMATH: Duration = Duration::from_millis(100);

/// What to run, as [`super::Postgres::start`] was told.
pub(super) struct Order {
    pub directory: PathBuf,
    pub durability: Durability,
    pub serving: String,
}

/// Never brings anything: that the other end is dropped is the order to stop.
type Stop = Receiver<Infallible>;
type Started = oneshot::Sender<Result<PathBuf, EmbeddedError>>;

/// The whole life of the thread. Returns when Postgres is gone and the directory free.
pub(super) fn run(order: &Order, stop: &Stop, started: Started) {
    let prepared = Layout::prepare(&order.directory)
        .and_then(|layout| Ok((Lock::take(&layout.directory)?, layout)))
        .and_then(|(mut lock, layout)| {
            let former = lock.former.take();
            Ok((lock, Server::prepare(layout, former, order.durability)?))
        });
    let first = prepared.and_then(|(mut lock, server)| {
        let postmaster = server.first_launch(stop)?;
        if postmaster.is_some() {
            lock.announce(&order.serving, &server.socket_dir)?;
        }
        Ok((lock, server, postmaster))
    });
    match first {
        Ok((mut lock, server, Some(postmaster))) => {
            let _ = started.send(Ok(server.socket_dir.clone()));
            server.keep_up(postmaster, stop, &mut lock);
            server.tidy();
        }
        // Told to stop before it was up: nobody is listening any more.
        Ok((_, _, None)) => {}
        Err(error) => {
            // By now the lock is released, so that the caller may try again.
            let _ = started.send(Err(error));
        }
    }
}

struct Server {
    layout: Layout,
    binaries: Binaries,
    account: Account,
    socket_dir: PathBuf,
    durability: Durability,
}

impl Server {
    fn prepare(layout: Layout, former: Option<PathBuf>, durability: Durability) -> Result<Server, EmbeddedError> {
        let account = Account::to_run(&layout.data)?;
        let made_by = cluster::made_by(&layout.data)?;
        let binaries = find::find(&layout.data, made_by.as_deref(), &account)?;
        let socket_dir = layout.socket_dir(&account, former)?;
        if made_by.is_none() {
            tracing::info!(directory = %layout.directory.display(), "making a new Postgres cluster");
            cluster::make(&layout, &binaries, &account, durability)?;
        }
        Ok(Server { layout, binaries, account, socket_dir, durability })
    }

    /// Like [`Server::launch`]; but processes of a killed Postgres may outlive it for a moment, and hold its shared memory.
    fn first_launch(&self, stop: &Stop) -> Result<Option<Postmaster>, EmbeddedError> {
        let begun = Instant::now();
        loop {
            match self.launch(stop, Some(PATIENCE)) {
                Err(EmbeddedError::NotStarted { said, .. })
                    if said.contains("shared memory block") && begun.elapsed() < PATIENCE =>
                {
                    if told_to(stop, AFTERMATH) {
                        return Ok(None);
                    }
                }
                other => return other,
            }
        }
    }

    /// Starts Postgres and waits until it takes connections. `None`: was told to stop before that.
    fn launch(&self, stop: &Stop, patience: Option<Duration>) -> Result<Option<Postmaster>, EmbeddedError> {
        leftover::clear(&self.layout.data, &self.socket_dir)?;
        let mut postmaster = self.spawn()?;
        let from = postmaster.log_from;
        let not_started = |how: String| {
            let said = self.layout.log_tail(from);
            Err(EmbeddedError::NotStarted { how, log: self.layout.log.clone(), said })
        };
        let (mut log_length, mut heard) = (from, Instant::now());
        loop {
            if let Some(status) = postmaster.ended() {
                return not_started(format!("ended ({status})"));
            }
            if leftover::is_ready(&self.layout.data, postmaster.child.id()) {
                return Ok(Some(postmaster));
            }
            if self.layout.log_length() != log_length {
                (log_length, heard) = (self.layout.log_length(), Instant::now());
            }
            if patience.is_some_and(|patience| heard.elapsed() > patience) {
                drop(postmaster);
                return not_started(format!("was not ready, and silent for {} s", PATIENCE.as_secs()));
            }
            if told_to(stop, TICK) {
                return Ok(None);
            }
        }
    }

    fn spawn(&self) -> Result<Postmaster, EmbeddedError> {
        let log = self.layout.open_log()?;
        let log_from = self.layout.log_length();
        let program = self.binaries.dir.join("postgres");
        let mut command = child::command(&program, &self.layout.directory, &self.account, Signal::INT);
        command.arg("-D").arg(&self.layout.data);
        for setting in self.settings() {
            command.arg("-c").arg(setting);
        }
        let also_log = log.try_clone().map_err(refused("write to", &self.layout.log))?;
        let spawned = command.stdout(log).stderr(also_log).spawn();
        let child = spawned.map_err(|error| self.account.explain(error, &program, &self.layout.directory))?;
        Ok(Postmaster { child, log_from, since: Instant::now() })
    }

    /// On the command line, where they beat whatever is in the cluster's own files.
    fn settings(&self) -> Vec<OsString> {
        let mut sockets = OsString::from("unix_socket_directories=");
        sockets.push(as_list_item(&self.socket_dir));
        let always = [
            // Nobody else gets in: no TCP, and a socket for Postgres' account (and root) alone.
            "listen_addresses=",
            "port=5432",
            "unix_socket_permissions=0700",
            // A small machine's share.
            "shared_buffers=64MB",
            "autovacuum=on",
            // Standard error, which is our log file.
            "log_destination=stderr",
            "logging_collector=off",
            // Its DETAIL quotes rows, and those have password hashes.
            "log_error_verbosity=terse",
            "log_line_prefix=%m [%p] ",
        ];
        let also: &[&str] = match self.durability {
            Durability::Durable => &["max_connections=100"],
            // For tests, of which each has a server with all its lanes.
            Durability::Throwaway => {
                &["max_connections=400", "fsync=off", "synchronous_commit=off", "full_page_writes=off"]
            }
        };
        always.iter().chain(also).map(Into::into).chain([sockets]).collect()
    }

    /// Until told to stop.
    fn keep_up(&self, mut postmaster: Postmaster, stop: &Stop, lock: &mut Lock) {
        let mut delay = FIRST_DELAY;
        while let Some(status) = self.watch(&mut postmaster, stop) {
            tracing::error!(%status, "Postgres died: starting it again");
            if postmaster.since.elapsed() > STEADY {
                delay = FIRST_DELAY;
            }
            let Some(again) = self.relaunch(stop, &mut delay) else {
                return lock.withdraw();
            };
            tracing::info!(pid = again.child.id(), "Postgres is back");
            postmaster = again;
        }
        lock.withdraw();
    }

    /// Tries until it is up. `None`: was told to stop before that.
    fn relaunch(&self, stop: &Stop, delay: &mut Duration) -> Option<Postmaster> {
        loop {
            if told_to(stop, *delay) {
                return None;
            }
            *delay = LONGEST_DELAY.min(*delay * 2);
            // Without a limit: Portero lives and answers 503, and a recovery that is cut short begins anew.
            match self.launch(stop, None) {
                Ok(launched) => return launched,
                Err(error) => tracing::warn!(%error, "Postgres does not start: trying again"),
            }
        }
    }

    /// Waits until Postgres has ended by itself; `None` when told to stop.
    fn watch(&self, postmaster: &mut Postmaster, stop: &Stop) -> Option<ExitStatus> {
        let mut looked = Instant::now();
        while !told_to(stop, WATCH) {
            if let Some(status) = postmaster.ended() {
                return Some(status);
            }
            if looked.elapsed() > LOOK_AFTER_LOG {
                self.layout.keep_log_small();
                looked = Instant::now();
            }
        }
        None
    }

    /// A socket directory outside of ours would lie about for ever.
    fn tidy(&self) {
        if !self.socket_dir.starts_with(&self.layout.directory) {
            let _ = fs::remove_dir(&self.socket_dir);
        }
    }
}

/// A running Postgres. It ends when dropped.
struct Postmaster {
    child: Child,
    /// Where in the log its own words begin.
    log_from: u64,
    since: Instant,
}

impl Postmaster {
    fn ended(&mut self) -> Option<ExitStatus> {
        // An error means that there is nothing to wait for: where SIGCHLD is ignored, the dead vanish unseen.
        self.child.try_wait().unwrap_or_else(|_| Some(ExitStatus::default()))
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        for (signal, patience) in ENDING {
            // Its number is its own until it has been waited for.
            if self.ended().is_some() {
                return;
            }
            if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, signal);
            }
            let asked = Instant::now();
            while asked.elapsed() < patience && self.ended().is_none() {
                sleep(TICK);
            }
        }
        if self.ended().is_none() {
            tracing::error!(pid = self.child.id(), "Postgres does not stop");
        }
    }
}

/// Waits for `at_most`, or until there is the order to stop.
fn told_to(stop: &Stop, at_most: Duration) -> bool {
    stop.recv_timeout(at_most) == Err(RecvTimeoutError::Disconnected)
}
