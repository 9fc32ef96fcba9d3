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

use super::account::{Account, we_are_root};
use super::error::refused;
use super::{EmbeddedError, ownership};
use crate::platform::ownership::Trusted;

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
    /// Makes `directory` if need be. One that others could have prepared is refused.
    pub(super) fn prepare(directory: &Path) -> Result<Layout, EmbeddedError> {
        let there = ownership::directory(directory)?;
        if there.is_none() {
            let mode = if we_are_root() { 0o711 } else { 0o700 };
            let created = DirBuilder::new().recursive(true).mode(mode).create(directory);
            created.map_err(refused("make the directory", directory))?;
        }
        // Somebody may have made it just before.
        let there = if there.is_some() { there } else { ownership::directory(directory)? };
        let gone = || refused("look into", directory)(io::ErrorKind::NotFound.into());
        let directory = there.ok_or_else(gone)?;
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
    /// in /run (as root) or in the user's own runtime directory. Where there is none, it is one in /tmp with a name that
    /// nobody can guess and so make before us; `former` is where it was before, as long as it is still ours.
    pub(super) fn socket_dir(&self, account: &Account, former: Option<PathBuf>) -> Result<PathBuf, EmbeddedError> {
        let usual = self.directory.join("run");
        if fits(&usual) {
            private_dir(&usual, account)?;
            return Ok(usual);
        }
        let mut hash = DefaultHasher::new();
        self.directory.hash(&mut hash);
        let named = runtime_dir().map(|base| base.join(format!("portero-{:016x}", hash.finish())));
        let mut tried = String::new();
        for dir in named.into_iter().chain(former.filter(|former| is_ours(former, account))) {
            match private_dir(&dir, account) {
                Ok(()) if fits(&dir) => return Ok(dir),
                Ok(()) => {}
                Err(error) => tried = format!(" ({error})"),
            }
        }
        match unguessable_dir(Path::new("/tmp"), account) {
            Ok(dir) if fits(&dir) => return Ok(dir),
            Ok(_) => {}
            Err(error) => tried = format!(" ({error})"),
        }
        Err(EmbeddedError::SocketPath { path: usual.join(SOCKET), limit: SOCKET_PATH_LIMIT, tried })
    }

    /// Opens the log to write on its end. What is in an overlong one goes aside; the one before that is forgotten.
    pub(super) fn open_log(&self) -> Result<File, EmbeddedError> {
        let options = File::options().append(true).create(true).mode(0o600).clone();
        let log = self.whose_files().open(&self.log, &options).map_err(refused("write to", &self.log))?;
        self.keep_log_small();
        Ok(log)
    }

    /// Postgres has the file open all the time, so it is copied away and emptied rather than renamed. Not being able to is
    /// no reason to stop.
    pub(super) fn keep_log_small(&self) {
        if self.log_length() > LOG_LIMIT {
            let _ = self.put_log_aside();
        }
    }

    fn put_log_aside(&self) -> io::Result<()> {
        let mut log = self.whose_files().open(&self.log, File::options().read(true).write(true))?;
        let aside = self.log.with_extension("log.1");
        match fs::remove_file(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        io::copy(&mut log, &mut File::options().write(true).create_new(true).mode(0o600).open(&aside)?)?;
        log.set_len(0)
    }

    pub(super) fn log_length(&self) -> u64 {
        fs::symlink_metadata(&self.log).map_or(0, |log| log.len())
    }

    fn whose_files(&self) -> Trusted {
        ownership::files_in(&self.directory)
    }

    /// The last lines that were logged after the first `from` bytes.
    pub(super) fn log_tail(&self, from: u64) -> String {
        let start = from.max(self.log_length().saturating_sub(TAIL_BYTES));
        let mut tail = Vec::new();
        let read = self.whose_files().open(&self.log, File::options().read(true)).and_then(|mut log| {
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

/// Where this user's programs keep their sockets: a directory that nobody else writes to.
fn runtime_dir() -> Option<PathBuf> {
    if we_are_root() {
        return Some("/run".into());
    }
    let by_name = PathBuf::from(format!("/run/user/{}", rustix::process::geteuid().as_raw()));
    let said = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|said| said.is_absolute());
    said.into_iter().chain([by_name]).find(|base| matches!(Trusted::ours().owns_way_to(base), Ok(Some(_))))
}

/// Makes a directory as [`private_dir`] does, with a name that nobody can know before.
fn unguessable_dir(base: &Path, account: &Account) -> Result<PathBuf, EmbeddedError> {
    let mut name = [0; 8];
    getrandom::fill(&mut name).map_err(|error| refused("name a directory in", base)(io::Error::other(error)))?;
    let dir = base.join(format!("portero-{}", hex::encode(name)));
    DirBuilder::new().mode(0o700).create(&dir).map_err(refused("make the directory", &dir))?;
    private_dir(&dir, account)?;
    Ok(dir)
}

/// Whether it is a directory of `account`'s or ours that nobody else may enter.
fn is_ours(dir: &Path, account: &Account) -> bool {
    fs::symlink_metadata(dir).is_ok_and(|found| {
        let is_ours = found.uid() == account.uid || found.uid() == rustix::process::geteuid().as_raw();
        found.is_dir() && is_ours && found.mode() & 0o777 == 0o700
    })
}

/// Makes a directory that only `account` may enter, or makes sure that one which exists is so and was made by `account`
/// or us. All is done on the open directory, which nobody can exchange meanwhile.
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

    #[test]
    fn a_directory_in_tmp_has_a_name_that_nobody_can_guess() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let account = Account::to_run(&scratch.path().join("none")).expect("an account");
        let one = unguessable_dir(scratch.path(), &account).expect("a directory");
        let other = unguessable_dir(scratch.path(), &account).expect("another");
        assert_ne!(one, other);
        assert!(is_ours(&one, &account), "so that the next start takes it again");
        fs::set_permissions(&one, Permissions::from_mode(0o755)).expect("chmod");
        assert!(!is_ours(&one, &account));
        fs::remove_dir(&other).expect("removed");
        assert!(!is_ours(&other, &account));
        symlink(scratch.path(), &other).expect("a link");
        assert!(!is_ours(&other, &account));
    }
}
