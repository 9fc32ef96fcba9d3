//! What an earlier Postgres has left: its pid file, its socket, and sometimes itself.

use std::fs;
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::EmbeddedError;
use super::error::refused;
use super::layout::SOCKET;
use super::ownership::text_of;

/// How long each signal is given to do its work.
const PATIENCE: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_secs(30)),
    (Signal::QUIT, Duration::from_secs(10)),
    (Signal::KILL, Duration::from_secs(5)),
];
const HELPERS_PATIENCE: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(10);

/// What the process with the pid that the pid file names is.
#[derive(Debug, PartialEq, Eq)]
enum PidOwner {
    /// A postmaster on this cluster.
    Ours,
    /// Surely no postmaster of this cluster: the number was given to another process since.
    Another,
    /// A postmaster that doesn't tell on what: not to be touched.
    Unclear,
    Nobody,
}

/// Whether the postmaster `pid` takes connections: it says so on line 8 of its pid file.
pub(super) fn is_ready(data: &Path, pid: u32) -> bool {
    let Ok(text) = text_of(&data.join("postmaster.pid")) else {
        return false;
    };
    let mut lines = text.lines();
    lines.next() == Some(pid.to_string().as_str()) && lines.nth(6).map(str::trim_end) == Some("ready")
}

/// Makes the cluster free for a Postgres of our own. Only for who holds the directory's lock: then whatever runs here
/// belongs to a Portero that was killed.
pub(super) fn clear(data: &Path, socket_dir: &Path) -> Result<(), EmbeddedError> {
    let pid_file = data.join("postmaster.pid");
    let named = text_of(&pid_file).ok().and_then(|text| text.lines().next()?.trim().parse().ok());
    let who = named.map_or(PidOwner::Nobody, |pid| who_is(pid, data));
    match (who, named) {
        // Postgres judges for itself, and refuses with its own words.
        (PidOwner::Unclear, _) => return Ok(()),
        (PidOwner::Ours, Some(pid)) => end(pid, data)?,
        // Postgres would take the stranger for its former self and refuse. Should processes of that former self still be
        // there, it recognises them by the shared memory.
        (PidOwner::Another, _) => remove(&pid_file)?,
        _ => {}
    }
    remove(&socket_dir.join(SOCKET))?;
    remove(&socket_dir.join(format!("{SOCKET}.lock")))
}

/// Waits for a helper of a killed `initdb`, which soon sees that nobody talks to it any more. Were its files removed under
/// its feet, it would crash and leave its shared memory behind.
pub(super) fn await_helper(unfinished: &Path) {
    // A Postgres without postmaster puts a minus before its pid.
    let text = text_of(&unfinished.join("postmaster.pid")).unwrap_or_default();
    let pid = text.lines().next().and_then(|pid| pid.trim().trim_start_matches('-').parse().ok());
    let begun = Instant::now();
    while pid.and_then(command_line).is_some_and(|line| !line.is_empty()) && begun.elapsed() < HELPERS_PATIENCE {
        sleep(TICK);
    }
}

fn end(pid: u32, data: &Path) -> Result<(), EmbeddedError> {
    tracing::warn!(pid, "ending a Postgres that a killed Portero has left");
    for (signal, patience) in PATIENCE {
        if let Some(target) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            // It may be gone already.
            let _ = kill_process(target, signal);
        }
        let asked = Instant::now();
        while asked.elapsed() < patience {
            if who_is(pid, data) != PidOwner::Ours {
                return Ok(());
            }
            sleep(TICK);
        }
    }
    Err(EmbeddedError::Immortal { pid, data: data.to_owned() })
}

fn who_is(pid: u32, data: &Path) -> PidOwner {
    let Some(command_line) = command_line(pid) else {
        return PidOwner::Nobody;
    };
    let program = command_line.split(['\0', ' ']).next().and_then(|program| program.rsplit('/').next());
    if !matches!(program, Some("postgres" | "postmaster")) {
        // Also a zombie, whose command line is empty, and the helpers of a Postgres, which call themselves `postgres:`.
        PidOwner::Another
    } else if names(&command_line, data) {
        PidOwner::Ours
    } else if command_line.contains("-D") {
        PidOwner::Another
    } else {
        PidOwner::Unclear
    }
}

/// Whether the path is an argument, and not just the beginning of one.
fn names(command_line: &str, data: &Path) -> bool {
    let data = data.to_string_lossy();
    let ends = |rest: &str| rest.is_empty() || rest.starts_with(['\0', ' ', '/', '\n']);
    command_line.match_indices(data.as_ref()).any(|(at, found)| ends(&command_line[at + found.len()..]))
}

#[cfg(target_os = "linux")]
fn command_line(pid: u32) -> Option<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(not(target_os = "linux"))]
fn command_line(pid: u32) -> Option<String> {
    let output = std::process::Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()]).output();
    let output = output.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn remove(path: &Path) -> Result<(), EmbeddedError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(refused("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_an_argument_only_as_a_whole() {
        let data = Path::new("/var/lib/portero/postgres");
        assert!(names("/bin/postgres\0-D\0/var/lib/portero/postgres\0-c\0x=y\0", data));
        assert!(!names("/bin/postgres\0-D\0/var/lib/portero/postgres2\0", data));
    }

    #[test]
    fn this_test_is_no_postmaster() {
        assert_eq!(who_is(std::process::id(), Path::new("/data")), PidOwner::Another);
    }
}
