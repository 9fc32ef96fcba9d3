//! Making a cluster, all or nothing.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use super::account::Account;
use super::error::refused;
use super::find::Binaries;
use super::layout::{Layout, last_lines, private_dir};
use super::ownership::text_of;
use super::{Durability, EmbeddedError, Postgres, child, leftover};

/// Which major version made the cluster; none when there is no cluster yet.
pub(super) fn made_by(data: &Path) -> Result<Option<String>, EmbeddedError> {
    let path = data.join("PG_VERSION");
    match text_of(&path) {
        Ok(version) => Ok(Some(version.trim().to_owned())),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(refused("read", &path)(error)),
        Err(_) => match fs::read_dir(data).map(|mut inside| inside.next().is_none()) {
            Ok(false) => {
                Err(EmbeddedError::NotOurs { path: data.to_owned(), expected: "a Postgres cluster".to_owned() })
            }
            // Empty counts as none: the rename replaces it.
            Ok(true) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(refused("look into", data)(error)),
        },
    }
}

/// Runs `initdb` beside the final place and moves the result there, so that a `kill -9` in the middle leaves nothing that
/// looks like a cluster.
pub(super) fn make(
    layout: &Layout,
    binaries: &Binaries,
    account: &Account,
    durability: Durability,
) -> Result<(), EmbeddedError> {
    remove(&layout.unfinished)?;
    private_dir(&layout.unfinished, account)?;

    let initdb = binaries.dir.join("initdb");
    // It has nothing to save when we die: at once.
    let mut command = child::command(&initdb, &layout.directory, account, Signal::KILL);
    command.args(["-U", Postgres::USER, "-A", "trust", "--encoding=UTF8", "--locale=C"]);
    if durability == Durability::Throwaway {
        command.arg("--no-sync");
    }
    command.arg("-D").arg(&layout.unfinished);
    let output = command.output().map_err(|error| account.explain(error, &initdb, &layout.directory))?;
    if !output.status.success() {
        let _ = remove(&layout.unfinished);
        let said = last_lines(&[output.stdout, output.stderr].concat());
        return Err(EmbeddedError::Initdb { directory: layout.directory.clone(), said });
    }

    fs::rename(&layout.unfinished, &layout.data).map_err(refused("put the new cluster into", &layout.data))?;
    if durability == Durability::Durable {
        let synced = File::open(&layout.directory).and_then(|directory| directory.sync_all());
        synced.map_err(refused("write to disk", &layout.directory))?;
    }
    Ok(())
}

/// What a killed start has left. A helper of its `initdb` may still be writing for a moment, so more than once.
fn remove(unfinished: &Path) -> Result<(), EmbeddedError> {
    leftover::await_helper(unfinished);
    for attempt in 1.. {
        match fs::remove_dir_all(unfinished) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) if attempt == 10 => return Err(refused("remove", unfinished)(error)),
            Err(_) => sleep(Duration::from_millis(50)),
            Ok(()) => {}
        }
    }
    Ok(())
}
