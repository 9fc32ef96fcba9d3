//! Our own private Postgres: Portero starts one by itself, so that one command gives a working server.
//!
//! It has no port and no password. Whoever may enter its socket directory (0700) is its superuser, nobody else can
//! reach it. Everything lies in one directory:
//!
//! ```text
//! portero.lock   held by the living Portero; says its pid, which database it serves, and where the socket is
//! postgres/      the cluster
//! run/           the socket; a short directory elsewhere when this path is too long for a socket (see `layout`)
//! postgres.log   what Postgres says; moved to postgres.log.1 when it is over 10 MB
//! ```
//!
//! One thread (`supervise`) spawns Postgres, restarts it when it dies, and ends it when [`Postgres`] is stopped or
//! dropped. When Portero is killed, Linux ends Postgres (`child`); what survives all the same is found and ended at
//! the next start (`leftover`).

#![expect(clippy::disallowed_methods, reason = "it blocks, on threads of its own")]

mod account;
mod child;
mod cluster;
#[allow(missing_docs, reason = "the messages say what the fields are")]
mod error;
mod find;
mod layout;
mod leftover;
mod lock;
mod ownership;
mod supervise;
// They look into /proc.
#[cfg(all(test, target_os = "linux"))]
mod tests;

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::{env, io, thread};

use tokio::sync::oneshot;

pub use error::EmbeddedError;
pub use lock::Running;

/// Whether what is committed must survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It must: for anything that people rely on.
    Durable,
    /// It need not: no fsync at all, several times faster. For tests only.
    Throwaway,
}

/// A private Postgres server, running. Dropping it asks for the stop without waiting for it.
#[derive(Debug)]
pub struct Postgres {
    socket_dir: PathBuf,
    /// The supervising thread stops Postgres as soon as this is dropped.
    alive: mpsc::Sender<Infallible>,
    /// Closes when Postgres has gone and the directory is free again.
    finished: oneshot::Receiver<()>,
}

impl Postgres {
    /// Its superuser. There is no password: the socket directory is the guard.
    pub const USER: &'static str = "portero";

    /// Takes `directory` into possession (one Portero at a time), makes a cluster there when there is none yet, starts
    /// Postgres on it and waits until it takes connections.
    ///
    /// `serving` is the name of the database that this Portero serves; [`Postgres::running`] tells it to the
    /// command-line tools.
    pub async fn start(directory: &Path, durability: Durability, serving: &str) -> Result<Postgres, EmbeddedError> {
        let (alive, stop) = mpsc::channel();
        let (tell_started, started) = oneshot::channel();
        let (gone, finished) = oneshot::channel::<()>();
        let order = supervise::Order { directory: directory.to_owned(), durability, serving: serving.to_owned() };

        thread::Builder::new()
            .name("postgres".to_owned())
            .spawn(move || {
                supervise::run(&order, &stop, tell_started);
                drop(gone);
            })
            .map_err(error::refused("start a thread for", directory))?;

        // When this future is dropped, `alive` goes with it, and the thread ends what it has begun.
        let socket_dir = started
            .await
            .map_err(|_| error::refused("supervise", directory)(io::Error::other("the supervising thread ended")))??;
        Ok(Postgres { socket_dir, alive, finished })
    }

    /// What a living Portero runs in `directory`, if there is one.
    pub fn running(directory: &Path) -> Result<Option<Running>, EmbeddedError> {
        lock::running(directory)
    }

    /// Whether there is a cluster in `directory`, running or not.
    pub fn is_in(directory: &Path) -> Result<bool, EmbeddedError> {
        let Some(directory) = ownership::directory(directory)? else { return Ok(false) };
        Ok(cluster::made_by(&directory.join("postgres"))?.is_some())
    }

    /// That `directory` is nobody else's, as far as it exists.
    pub fn may_be_in(directory: &Path) -> Result<(), EmbeddedError> {
        ownership::directory(directory).map(|_| ())
    }

    /// Where to connect: the directory that holds the socket (port 5432, user [`Postgres::USER`]).
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// Disconnects everybody, shuts down in order and waits for it; after 30 s without asking politely.
    pub async fn stop(self) {
        let Postgres { alive, finished, .. } = self;
        drop(alive);
        // An error is the news that the other end was dropped: what we wait for.
        let _ = finished.await;
    }
}

/// Where the private Postgres lives unless told otherwise: `/var/lib/portero` for root (whose home the account that
/// Postgres runs as may not enter), else `portero` in the user's XDG data directory.
pub fn default_directory() -> PathBuf {
    if account::we_are_root() {
        return PathBuf::from("/var/lib/portero");
    }
    let xdg = env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || env::home_dir().filter(|home| home.is_absolute());
    xdg.or_else(|| home().map(|home| home.join(".local/share")))
        .map_or_else(|| PathBuf::from("portero-data"), |data| data.join("portero"))
}
