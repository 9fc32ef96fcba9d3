//! Where throw-away data goes.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{env, fs};

use tempfile::TempDir;

const ROOM: u64 = 1 << 30;

/// Memory where there is enough, since a clone takes twenty times longer on a busy disk.
#[allow(clippy::useless_conversion, reason = "some systems count blocks in 32 bits")]
pub fn base() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let roomy = nix::sys::statvfs::statvfs(memory)
        .is_ok_and(|fs| u64::from(fs.blocks_available()) * u64::from(fs.fragment_size()) > ROOM);
    if roomy { memory.to_owned() } else { env::temp_dir() }
}

/// A directory that goes away with its test.
pub fn directory() -> TempDir {
    let directory = tempfile::Builder::new().prefix("portero-").tempdir_in(base()).expect("a scratch directory");
    // As root, Postgres runs as another user, who must get through.
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
    directory
}
