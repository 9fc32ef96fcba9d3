//! Whom Postgres runs as. It refuses to run as root, so a Portero that is root (as in most containers) lends it another
//! account.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{Uid, User};

use crate::platform::ownership::name_of;

use super::EmbeddedError;
use super::error::refused;

pub(super) fn we_are_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The account that Postgres runs as.
#[derive(Debug)]
pub(super) struct Account {
    name: String,
    pub uid: u32,
    gid: u32,
    /// Whether it is another than our own.
    lent: bool,
}

impl Account {
    /// Our own, unless we are root: then the one which the cluster belongs to, and for a new one `postgres` or `nobody`.
    pub(super) fn to_run(data: &Path) -> Result<Account, EmbeddedError> {
        let ours = rustix::process::geteuid();
        if !ours.is_root() {
            let gid = rustix::process::getegid().as_raw();
            return Ok(Account { name: name_of(ours.as_raw()), uid: ours.as_raw(), gid, lent: false });
        }
        match fs::metadata(data) {
            Ok(cluster) if cluster.uid() == 0 && data.join("PG_VERSION").exists() => {
                Err(EmbeddedError::RootsCluster { data: data.to_owned() })
            }
            Ok(cluster) if cluster.uid() != 0 => {
                let gid = known(cluster.uid()).map_or(cluster.gid(), |user| user.gid.as_raw());
                Ok(Account { name: name_of(cluster.uid()), uid: cluster.uid(), gid, lent: true })
            }
            _ => ["postgres", "nobody"]
                .iter()
                .find_map(|name| User::from_name(name).ok().flatten())
                .filter(|user| !user.uid.is_root())
                .map(|user| Account { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw(), lent: true })
                .ok_or(EmbeddedError::NoAccount),
        }
    }

    /// Makes `command` run as this account. std clears root's supplementary groups along with it.
    pub(super) fn lend_to(&self, command: &mut Command) {
        if self.lent {
            command.uid(self.uid).gid(self.gid);
        }
    }

    /// Gives an open file or directory to this account.
    pub(super) fn give(&self, file: &File, path: &Path) -> Result<(), EmbeddedError> {
        if !self.lent {
            return Ok(());
        }
        fchown(file, Some(self.uid), Some(self.gid)).map_err(refused("give to Postgres' user", path))
    }

    /// Finds the reason when a program could not be started: mostly a directory that the account may not enter.
    pub(super) fn explain(&self, error: io::Error, program: &Path, directory: &Path) -> EmbeddedError {
        let closed = [directory, program.parent().unwrap_or(program)].into_iter().find_map(|end| self.closed(end));
        match closed {
            Some(closed) if self.lent && error.kind() == io::ErrorKind::PermissionDenied => {
                EmbeddedError::NotTraversable { user: self.name.clone(), closed }
            }
            _ => refused("run", program)(error),
        }
    }

    /// The topmost directory on the way to `end` that this account may not enter, by its mode.
    fn closed(&self, end: &Path) -> Option<PathBuf> {
        let way: Vec<&Path> = end.ancestors().collect();
        let may_enter = |directory: &Metadata| {
            let shift = if directory.uid() == self.uid {
                6
            } else if directory.gid() == self.gid {
                3
            } else {
                0
            };
            (directory.permissions().mode() >> shift) & 1 == 1
        };
        way.into_iter().rev().find(|step| fs::metadata(step).is_ok_and(|step| !may_enter(&step))).map(Path::to_owned)
    }
}

fn known(uid: u32) -> Option<User> {
    User::from_uid(Uid::from_raw(uid)).ok().flatten()
}
