//! One Portero a directory. The lock is the kernel's (flock), so a dead Portero never holds one; the file's text is for
//! whoever asks meanwhile.

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, test_kill_process};

use super::EmbeddedError;
use super::error::refused;
use super::ownership;

const NAME: &str = "portero.lock";
/// [`running`] and a Portero that is just leaving hold the lock for a moment: ask again before saying no.
const ATTEMPTS: u32 = 25;
/// A pid, a name and a path.
const LONGEST: u64 = 16 * 1024;
const BETWEEN: Duration = Duration::from_millis(20);

/// A private Postgres that some living Portero runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Where to connect.
    pub socket_dir: PathBuf,
    /// The database which that Portero serves.
    pub serving: String,
    /// That Portero's process.
    pub pid: u32,
}

/// Held while Postgres runs. It does not pass on to Postgres: std opens files with `O_CLOEXEC`.
pub(super) struct Lock {
    file: File,
    path: PathBuf,
    /// Where the socket was of whoever held it before and could not tidy up.
    pub former: Option<PathBuf>,
}

impl Lock {
    pub(super) fn take(directory: &Path) -> Result<Lock, EmbeddedError> {
        let path = directory.join(NAME);
        // Nobody else may open it: who can open it can lock it, and so keep Portero from starting.
        let options = File::options().read(true).write(true).create(true).truncate(false).mode(0o600).clone();
        let mut file = ownership::files_in(directory).open(&path, &options).map_err(refused("write to", &path))?;
        for attempt in 1.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if attempt < ATTEMPTS => sleep(BETWEEN),
                Err(TryLockError::WouldBlock) => {
                    let pid = said_in(&mut file).ok().and_then(|said| said.pid);
                    return Err(EmbeddedError::Busy { pid, directory: directory.to_owned() });
                }
                Err(TryLockError::Error(error)) => return Err(refused("lock", &path)(error)),
            }
        }
        let former = said_in(&mut file).ok().and_then(|said| said.rest).map(|(_, socket_dir)| socket_dir);
        let mut lock = Lock { file, path, former };
        lock.say(process::id().to_string().as_bytes())?;
        Ok(lock)
    }

    /// Tells that the server takes connections, and where.
    pub(super) fn announce(&mut self, serving: &str, socket_dir: &Path) -> Result<(), EmbeddedError> {
        let mut text = format!("{}\n{}\n", process::id(), serving.replace('\n', " ")).into_bytes();
        text.extend_from_slice(socket_dir.as_os_str().as_bytes());
        self.say(&text)
    }

    /// Tells that it takes no more connections. Not being able to say so must not hinder the stop.
    pub(super) fn withdraw(&mut self) {
        let _ = self.say(process::id().to_string().as_bytes());
    }

    fn say(&mut self, text: &[u8]) -> Result<(), EmbeddedError> {
        let text = [text, b"\n"].concat();
        let written = self.file.set_len(0).and_then(|()| self.file.rewind()).and_then(|()| self.file.write_all(&text));
        written.map_err(refused("write to", &self.path))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a child that another thread is just forking still has the file open.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

pub(super) fn running(directory: &Path) -> Result<Option<Running>, EmbeddedError> {
    let Some(directory) = ownership::directory(directory)? else { return Ok(None) };
    let path = directory.join(NAME);
    let whose = ownership::files_in(&directory);
    let mut file = match whose.open(&path, File::options().read(true)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refused("read", &path)(error)),
    };
    let mut pid = None;
    for _ in 0..ATTEMPTS {
        match file.try_lock_shared() {
            Ok(()) => {
                file.unlock().map_err(refused("unlock", &path))?;
                return Ok(None);
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(refused("lock", &path)(error)),
        }
        let said = said_in(&mut file).map_err(refused("read", &path))?;
        match said {
            Said { pid: Some(pid), rest: Some((serving, socket_dir)) } if is_alive(pid) => {
                ownership::socket(&directory, &socket_dir)?;
                return Ok(Some(Running { socket_dir, serving, pid }));
            }
            // Just taken, with the text of a dead one still in it, or not ready yet.
            said => pid = said.pid.filter(|pid| is_alive(*pid)),
        }
        sleep(BETWEEN);
    }
    Err(EmbeddedError::NotReady { pid, directory })
}

#[derive(Default)]
struct Said {
    pid: Option<u32>,
    /// The database served, and the socket's directory.
    rest: Option<(String, PathBuf)>,
}

fn said_in(file: &mut File) -> io::Result<Said> {
    let mut text = Vec::new();
    file.rewind()?;
    file.take(LONGEST).read_to_end(&mut text)?;
    // Without its last line end it is only half written.
    let Some(text) = text.strip_suffix(b"\n") else {
        return Ok(Said::default());
    };
    let mut lines = text.splitn(3, |byte| *byte == b'\n');
    let mut word = || lines.next().and_then(|line| str::from_utf8(line).ok());
    let pid = word().and_then(|word| word.parse().ok());
    let serving = word().map(str::to_owned);
    let socket_dir = lines.next().map(|path| PathBuf::from(OsStr::from_bytes(path)));
    Ok(Said { pid, rest: serving.zip(socket_dir) })
}

fn is_alive(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return false;
    };
    // Not being allowed to signal it shows that it is there.
    !matches!(test_kill_process(pid), Err(error) if error == rustix::io::Errno::SRCH)
}
