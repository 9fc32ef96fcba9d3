//! What lies where in the directory, and who may enter.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::EmbeddedError;
use super::account::{Account, we_are_root};
use super::error::refused;

/// What a Unix socket's path may have, without its final zero.
const SOCKET_PATH_LIMIT: usize = if cfg!(target_os = "linux") { 107 } else { 103 };
pub(super) const SOCKET: &str = ".s.PGSQL.5432";
const LOG_LIMIT: u64 = 10 * 1024 * 1024;
/// Enough of the log for an error message.
const TAIL_BYTES: u64 = 4096;
const TAIL_LINES: usize = 12;

/// The directory and what is in it.
#[derive(Debug)]
pub(super) struct Layout {
    pub directory: PathBuf,
    pub data: PathBuf,
    /// Where a cluster is made, to become `data` when it is whole.
    pub unfinished: PathBuf,
    pub log: PathBuf,
}

impl Layout {
    /// Makes `directory` if need be.
    pub(super) fn prepare(directory: &Path) -> Result<Layout, EmbeddedError> {
        match fs::metadata(directory) {
            Ok(there) if !there.is_dir() => {
                return Err(EmbeddedError::NotOurs { path: directory.to_owned(), expected: "a directory".to_owned() });
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mode = if we_are_root() { 0o711 } else { 0o700 };
                let created = DirBuilder::new().recursive(true).mode(mode).create(directory);
                created.map_err(refused("make the directory", directory))?;
            }
            Err(error) => return Err(refused("look into", directory)(error)),
        }
        let directory = directory.canonicalize().map_err(refused("look into", directory))?;
        let mut inside = fs::read_dir(&directory).map_err(refused("look into", &directory))?;
        // Postgres' account has to pass through. One with something in it may be anyone's, even /root: hands off.
        if we_are_root() && inside.next().is_none() {
            let passable = Permissions::from_mode(0o711);
            fs::set_permissions(&directory, passable).map_err(refused("open the way through", &directory))?;
        }
        let below = |name| directory.join(name);
        Ok(Layout { data: below("postgres"), unfinished: below("postgres.new"), log: below("postgres.log"), directory })
    }

    /// Makes the directory for the socket, which only Postgres' account (and root) may enter.
    ///
    /// It is `run` in our directory. A socket's path is short, and a deep directory can be too long for it: then it is one
    /// named after the directory's hash in /run (as root), in the user's own runtime directory, or in /tmp.
    pub(super) fn socket_dir(&self, account: &Account) -> Result<PathBuf, EmbeddedError> {
        let usual = self.directory.join("run");
        if fits(&usual) {
            private_dir(&usual, account)?;
            return Ok(usual);
        }
        let mut hash = DefaultHasher::new();
        self.directory.hash(&mut hash);
        let name = format!("portero-{:016x}", hash.finish());
        let runtime = if we_are_root() { Some("/run".into()) } else { env::var_os("XDG_RUNTIME_DIR") };
        let short = [runtime.unwrap_or_default().into(), PathBuf::from("/tmp")];
        let mut tried = String::new();
        for dir in short.iter().filter(|base| base.is_absolute()).map(|base| base.join(&name)) {
            match private_dir(&dir, account) {
                Ok(()) if fits(&dir) => return Ok(dir),
                Ok(()) => {}
                Err(error) => tried = format!(" ({error})"),
            }
        }
        Err(EmbeddedError::SocketPath { path: usual.join(SOCKET), limit: SOCKET_PATH_LIMIT, tried })
    }

    /// Opens the log to write on its end. What is in an overlong one goes aside; the one before that is forgotten.
    pub(super) fn open_log(&self) -> Result<File, EmbeddedError> {
        let options = File::options().append(true).create(true).mode(0o600).clone();
        let log = options.open(&self.log).map_err(refused("write to", &self.log))?;
        self.keep_log_small();
        Ok(log)
    }

    /// Postgres has the file open all the time, so it is copied away and emptied rather than renamed. Not being able to is
    /// no reason to stop.
    pub(super) fn keep_log_small(&self) {
        if self.log_length() > LOG_LIMIT {
            let _ = fs::copy(&self.log, self.log.with_extension("log.1"));
            let _ = File::options().write(true).open(&self.log).and_then(|log| log.set_len(0));
        }
    }

    pub(super) fn log_length(&self) -> u64 {
        fs::metadata(&self.log).map_or(0, |log| log.len())
    }

    /// The last lines that were logged after the first `from` bytes.
    pub(super) fn log_tail(&self, from: u64) -> String {
        let start = from.max(self.log_length().saturating_sub(TAIL_BYTES));
        let mut tail = Vec::new();
        let read = File::open(&self.log).and_then(|mut log| {
            log.seek(SeekFrom::Start(start))?;
            log.take(TAIL_BYTES).read_to_end(&mut tail)
        });
        match read {
            Ok(_) => last_lines(&tail),
            Err(error) => format!("(unreadable: {error})"),
        }
    }
}

/// The end of what a program wrote, for an error message.
pub(super) fn last_lines(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

fn fits(socket_dir: &Path) -> bool {
    socket_dir.join(SOCKET).as_os_str().len() <= SOCKET_PATH_LIMIT
}

/// Makes a directory that only `account` may enter, or makes sure that one which exists is so and was made by `account`
/// or us: in /tmp anybody could have prepared it. All is done on the open directory, which nobody can exchange meanwhile.
pub(super) fn private_dir(path: &Path, account: &Account) -> Result<(), EmbeddedError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(refused("make the directory", path)(error));
        }
        _ => {}
    }
    let no_link = (OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW).bits();
    let opened = File::options().read(true).custom_flags(no_link).open(path);
    let dir = opened.map_err(refused("open the directory", path))?;
    let owner = dir.metadata().map_err(refused("look at", path))?.uid();
    if owner != account.uid && owner != rustix::process::geteuid().as_raw() {
        return Err(EmbeddedError::NotOurs { path: path.to_owned(), expected: "a directory of ours".to_owned() });
    }
    dir.set_permissions(Permissions::from_mode(0o700)).map_err(refused("close to others", path))?;
    account.give(&dir, path)
}

/// A path as an item of one of Postgres' lists of directories, where commas separate and quotes protect.
pub(super) fn as_list_item(path: &Path) -> OsString {
    let mut quoted = vec![b'"'];
    for byte in path.as_os_str().as_bytes() {
        if *byte == b'"' {
            quoted.push(b'"');
        }
        quoted.push(*byte);
    }
    quoted.push(b'"');
    OsStr::from_bytes(&quoted).to_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};

    use super::*;

    #[test]
    fn paths_are_quoted_for_the_list() {
        assert_eq!(as_list_item(Path::new("/a,b/\"c\"")), r#""/a,b/""c""""#);
    }

    #[test]
    fn a_directory_that_another_has_prepared_is_refused() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let account = Account::to_run(&scratch.path().join("none")).expect("an account");
        let link = scratch.path().join("link");
        symlink(scratch.path(), &link).expect("link");
        assert!(private_dir(&link, &account).is_err());
        if we_are_root() {
            let foreign = scratch.path().join("foreign");
            fs::create_dir(&foreign).expect("mkdir");
            chown(&foreign, Some(4321), Some(4321)).expect("chown");
            assert!(matches!(private_dir(&foreign, &account), Err(EmbeddedError::NotOurs { .. })));
            assert_eq!(fs::metadata(&foreign).expect("it is there").uid(), 4321);
        }
    }

    #[test]
    fn an_existing_directory_is_closed_to_others() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let account = Account::to_run(&scratch.path().join("none")).expect("an account");
        let open = scratch.path().join("open");
        DirBuilder::new().mode(0o777).create(&open).expect("mkdir");
        private_dir(&open, &account).expect("ours");
        let there = fs::metadata(&open).expect("it is there");
        assert_eq!((there.mode() & 0o777, there.uid()), (0o700, account.uid));
    }
}
