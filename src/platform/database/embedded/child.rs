//! How `initdb` and `postgres` are run: clean environment, lent account, and never outliving us.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal;
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
    prepare(&mut command, at_our_death);
    command
}

/// The programs call each other by name.
fn path_with(program: &Path) -> OsString {
    let system = ["/usr/local/bin", "/usr/bin", "/bin"].map(Path::new);
    let dirs = program.parent().into_iter().chain(system);
    env::join_paths(dirs).unwrap_or_else(|_| "/usr/bin:/bin".into())
}

/// What the child does between fork and exec.
fn prepare(command: &mut Command, at_our_death: Signal) {
    let we = rustix::process::getpid();
    #[expect(unsafe_code, reason = "pre_exec is the only way to do something between fork and exec")]
    // SAFETY: there only async-signal-safe functions may be called: these are sigaction, prctl and getppid, without any
    // allocation or lock. SIG_DFL replaces no handler that anyone could miss, as exec does away with all of them.
    unsafe {
        command.pre_exec(move || {
            // A shell that starts us in the background has them ignored, and so would Postgres until it sets its handlers:
            // long enough to miss the order to stop.
            for signal in [signal::Signal::SIGINT, signal::Signal::SIGQUIT, signal::Signal::SIGTERM] {
                signal::signal(signal, signal::SigHandler::SigDfl)?;
            }
            die_with(we, at_our_death)
        });
    }
}

#[cfg(target_os = "linux")]
fn die_with(parent: Pid, signal: Signal) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(signal))?;
    // Had it died before that call, the signal would never come.
    if rustix::process::getppid() == Some(parent) { Ok(()) } else { Err(rustix::io::Errno::SRCH.into()) }
}

/// Elsewhere a killed Portero leaves its Postgres behind; the next start finds and ends it.
#[cfg(not(target_os = "linux"))]
fn die_with(_: Pid, _: Signal) -> io::Result<()> {
    Ok(())
}
