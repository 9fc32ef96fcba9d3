//! Whose the directory is, and what is in it. Who could have prepared it would choose what Postgres runs, and which files of
//! ours are written over: so it is refused.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::User;

use super::EmbeddedError;
use super::account::we_are_root;
use super::error::refused;
use crate::platform::ownership::{OwnershipError, Trusted, open_itself};

/// Those that are read are of a few lines.
const LONGEST: u64 = 16 * 1024;

/// Whose directory we take: ours, root's, and as root also that of `postgres`, whom Postgres is lent to. `nobody` is
/// whoever has no account of their own, so what is theirs is anybody's.
fn owners() -> Trusted {
    let postgres = if we_are_root() { User::from_name("postgres").ok().flatten() } else { None };
    postgres.map_or_else(Trusted::ours, |postgres| Trusted::ours().and(postgres.uid.as_raw()))
}

/// Where the directory really is, if it is there: it, each directory on the way and each link must be ours, and nobody else
/// may write there. Likewise the cluster in it.
pub(super) fn directory(directory: &Path) -> Result<Option<PathBuf>, EmbeddedError> {
    let owners = owners();
    let Some(real) = owners.owns_way_to(directory).map_err(untrusted)? else { return Ok(None) };
    let found = fs::symlink_metadata(&real).map_err(refused("look into", &real))?;
    if !found.is_dir() {
        return Err(EmbeddedError::NotOurs { path: directory.to_owned(), expected: "a directory".to_owned() });
    }
    cluster(&owners, &real, found.uid())?;
    Ok(Some(real))
}

/// In a directory of root's only root can have made a cluster anybody's; in any other, it must be its owner's.
fn cluster(owners: &Trusted, directory: &Path, owner: u32) -> Result<(), EmbeddedError> {
    let data = directory.join("postgres");
    let whose = match fs::symlink_metadata(&data) {
        Ok(found) if owner == 0 => owners.clone().and(found.uid()),
        Ok(_) => owners.clone(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused("look at", &data)(error)),
    };
    whose.owns_way_to(&data).map(|_| ()).map_err(untrusted)
}

/// Whose files in the directory are opened: those of its owner, besides ours.
pub(super) fn files_in(directory: &Path) -> Trusted {
    let owner = fs::symlink_metadata(directory).map(|found| found.uid());
    owner.map_or_else(|_| Trusted::ours(), |owner| Trusted::ours().and(owner))
}

/// That the directory of the socket is still that of the Postgres in `directory`, and nobody else may enter: one outside of
/// ours may have been swept up and made anew by somebody else.
pub(super) fn socket(directory: &Path, socket_dir: &Path) -> Result<(), EmbeddedError> {
    let found = fs::symlink_metadata(socket_dir).map_err(refused("look at", socket_dir))?;
    let owner = fs::metadata(directory.join("postgres")).map_err(refused("look at", directory))?.uid();
    let whose = Trusted::ours().and(owner);
    if !found.is_dir() || !whose.has(found.uid()) || found.mode() & 0o777 != 0o700 {
        let expected = "the closed directory of Postgres' socket any more".to_owned();
        return Err(EmbeddedError::NotOurs { path: socket_dir.to_owned(), expected });
    }
    Ok(())
}

/// The text of a file of Postgres' own, in a directory that belongs to the user it runs as.
pub(super) fn text_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open_itself(path, File::options().read(true))?.take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}

fn untrusted(fault: OwnershipError) -> EmbeddedError {
    match fault {
        OwnershipError::Unseen { path, source } => EmbeddedError::Refused { doing: "look at", path, source },
        fault => EmbeddedError::Untrusted { fault },
    }
}
