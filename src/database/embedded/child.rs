//! How `initdb` and `postgres` are run: clean environment, lent account, and never outliving us.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal};

use super::account::Account;

/// A command of Postgres', to be spawned from the supervising thread: `at_our_death` is the signal it gets when that
/// thread ends, be it by `kill -9` of Portero.
pub(super) fn command(program: &Path, directory: &Path, account: &Account, at_our_death: Signal) -> Command {
    let mut command = Command::new(program);
    // Ours may be a directory that the lent account may not enter, which the programs take amiss.
    command.current_dir(directory);
    command.env_clear().env("LC_ALL", "C").env("TZ", "UTC").env("PATH", path_with(program));
    command.stdin(Stdio::null());
    // Ctrl-C in a terminal goes to a whole process group: only to us, who then stop Postgres in order.
    command.process_group(0);
    account.lend_to(&mut command);
    die_with_us(&mut command, at_our_death);
    command
}

/// The programs call each other by name.
fn path_with(program: &Path) -> OsString {
    let system = ["/usr/local/bin", "/usr/bin", "/bin"].map(Path::new);
    let dirs = program.parent().into_iter().chain(system);
    env::join_paths(dirs).unwrap_or_else(|_| "/usr/bin:/bin".into())
}

#[cfg(target_os = "linux")]
fn die_with_us(command: &mut Command, signal: Signal) {
    let we: Pid = rustix::process::getpid();
    let in_the_child = move || {
        rustix::process::set_parent_process_death_signal(Some(signal))?;
        // Had we died before that call, the signal would never come.
        if rustix::process::getppid() == Some(we) { Ok(()) } else { Err(io::Error::from_raw_os_error(3)) }
    };
    #[expect(
        unsafe_code,
        reason = "the only way to say it; between fork and exec it makes two system calls, nothing else"
    )]
    // SAFETY: the closure is async-signal-safe: no allocation, no lock, only prctl and getppid.
    unsafe {
        command.pre_exec(in_the_child);
    }
}

/// Elsewhere a killed Portero leaves its Postgres behind; the next start finds and ends it.
#[cfg(not(target_os = "linux"))]
fn die_with_us(_: &mut Command, _: Signal) {}
