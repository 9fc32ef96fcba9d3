//! What can go wrong with the private Postgres. Whoever reads these may be on their first minute with Portero: each
//! says what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::platform::ownership::{OwnershipError, name_of};

/// Why the private Postgres could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// Another Portero owns the directory.
    #[error("another Portero ({}) already runs on {}: stop it, or set PORTERO_DATA_DIR to another directory", process(*pid), directory.display())]
    Busy {
        /// Its process, when it has said so.
        pid: Option<u32>,
        /// What it owns.
        directory: PathBuf,
    },

    /// Another Portero owns the directory, but its Postgres takes no connections yet, or no more.
    #[error("Portero ({}) is just starting or stopping its Postgres in {}: try again in a moment", process(*pid), directory.display())]
    NotReady {
        /// Its process, when it has said so.
        pid: Option<u32>,
        /// What it owns.
        directory: PathBuf,
    },

    /// Nothing to run.
    #[error(
        "no PostgreSQL server found{found}. Install one:\n  \
         Debian, Ubuntu:  apt-get install -y postgresql\n  \
         Fedora, RHEL:    dnf install -y postgresql-server\n  \
         Alpine:          apk add postgresql\n  \
         macOS:           brew install postgresql\n\
         or set PG_BINDIR to the directory that has `postgres` and `initdb`, or AUTH_DATABASE_URL to a database of your own"
    )]
    NoBinaries {
        /// What was found instead, as a clause; may be empty.
        found: String,
    },

    /// The cluster is of a major version that is not installed.
    #[error("{} was made by PostgreSQL {made_by}, but there is only {found}: install PostgreSQL {made_by} (Debian: apt-get install -y postgresql-{made_by}) or set PG_BINDIR to its `bin` directory", data.display())]
    OtherVersion {
        /// The cluster.
        data: PathBuf,
        /// Its major version.
        made_by: String,
        /// The versions found.
        found: String,
    },

    /// A file or directory refuses.
    #[error("cannot {doing} {}: {source}{}", path.display(), advice(&source.to_string()))]
    Refused {
        /// What was tried.
        doing: &'static str,
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// Others could have prepared the directory.
    #[error("{fault}: {}", otherwise(fault))]
    Untrusted {
        /// How.
        fault: OwnershipError,
    },

    /// There is something else where one of our directories should be.
    #[error("{} is not {expected}: move it away, or set PORTERO_DATA_DIR to another directory", path.display())]
    NotOurs {
        /// What is in the way.
        path: PathBuf,
        /// What it should have been.
        expected: String,
    },

    /// The account that Postgres runs as cannot get where it must.
    #[error("Postgres refuses to run as root, so it runs as the user `{user}`, who may not enter {}: set PORTERO_DATA_DIR to a directory elsewhere (as root /var/lib/portero is usual), or open the way with `chmod o+x {}`", closed.display(), closed.display())]
    NotTraversable {
        /// Who cannot enter.
        user: String,
        /// The first directory that is closed.
        closed: PathBuf,
    },

    /// We are root, and there is nobody to run Postgres as.
    #[error(
        "Postgres refuses to run as root, and there is no user `postgres` or `nobody` to run it as: `useradd --system postgres`, or run Portero as an ordinary user"
    )]
    NoAccount,

    /// A cluster that belongs to root, as after a copy.
    #[error("{} belongs to root, but Postgres refuses to run as root: `chown -R postgres: {}`", data.display(), data.display())]
    RootsCluster {
        /// The cluster.
        data: PathBuf,
    },

    /// No socket path is short enough.
    #[error("the socket path {} is longer than the {limit} bytes a socket path can have, and no shorter place could be made{tried}: set PORTERO_DATA_DIR to a shorter path", path.display())]
    SocketPath {
        /// What would have been the socket.
        path: PathBuf,
        /// What the system allows.
        limit: usize,
        /// Why the shorter places would not do; may be empty.
        tried: String,
    },

    /// A Postgres that an earlier, killed Portero has left does not go away.
    #[error("a Postgres left by an earlier Portero (pid {pid}) still runs on {} and does not stop: `kill -9 {pid}`, then start again", data.display())]
    Immortal {
        /// The postmaster.
        pid: u32,
        /// Its cluster.
        data: PathBuf,
    },

    /// `initdb` failed.
    #[error("initdb could not make a cluster in {}{}\n{said}", directory.display(), advice(said))]
    Initdb {
        /// Where it tried.
        directory: PathBuf,
        /// Its last lines.
        said: String,
    },

    /// Postgres ended, or hung, before it took connections.
    #[error("Postgres {how}{}. The last lines of {}:\n{said}", advice(said), log.display())]
    NotStarted {
        /// "ended (exit status: 1)", "was not ready after 60 s".
        how: String,
        log: PathBuf,
        /// The log's last lines.
        said: String,
    },
}

/// Names the path and the deed that an I/O error belongs to: for `map_err`.
pub(super) fn refused(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> EmbeddedError {
    move |source| EmbeddedError::Refused { doing, path: path.to_owned(), source }
}

/// What to do about a directory that others could have prepared.
fn otherwise(fault: &OwnershipError) -> String {
    const ELSEWHERE: &str = "set PORTERO_DATA_DIR to a directory of your own";
    match fault {
        OwnershipError::Foreign { owner, .. } => format!("run Portero as {}, or {ELSEWHERE}", name_of(*owner)),
        fault => {
            let remedy = fault.remedy().map(|command| format!("`{command}` if you know what is in it, or "));
            format!("{}{ELSEWHERE}", remedy.unwrap_or_default())
        }
    }
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(|| "pid unknown".to_owned(), |pid| format!("pid {pid}"))
}

/// What to do, judged by the system's own words: they are the same whether we or a child of ours ran into it.
fn advice(said: &str) -> &'static str {
    const FULL: &str = ": the disk is full; make room, or set PORTERO_DATA_DIR to a directory on another disk";
    let known = [
        ("No space left", FULL),
        ("Check free disk space", FULL),
        ("quota exceeded", ": the disk quota is used up; make room, or set PORTERO_DATA_DIR to a directory elsewhere"),
        ("Read-only file system", ": set PORTERO_DATA_DIR to a directory that can be written to"),
        (
            "Permission denied",
            ": set PORTERO_DATA_DIR to a directory of your own, or run as the user this one belongs to",
        ),
        ("Not a directory", ": a file is where a directory should be; set PORTERO_DATA_DIR to another directory"),
        ("user does not exist", ": this uid has no entry in /etc/passwd, which initdb needs; add one"),
    ];
    known.iter().find(|(words, _)| said.contains(words)).map_or("", |(_, advice)| advice)
}
