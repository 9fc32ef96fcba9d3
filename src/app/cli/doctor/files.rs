//! Files and directories: who may read them, and whether there is room.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::sys::statvfs::statvfs;

use super::Report;
use crate::app::config::Config;
use crate::platform::database::embedded::Postgres;
use crate::platform::files::highest_limit;

/// Others than owner and group may read or write.
const OTHERS: u32 = 0o006;
/// With fewer files a few networks can take all connections.
const FILES: usize = 4096;
/// With less room than this a Postgres that is busy may stop.
const ROOM: u64 = 1024 * 1024 * 1024;

pub(super) fn check(report: &mut Report, env_file: Option<&Path>, config: &Config, demo: bool) {
    let secret_files = config.secret_files.iter().map(std::path::PathBuf::as_path);
    for file in env_file.into_iter().chain(secret_files) {
        // The container runtime's own directory: it decides who gets in, and its files say 0444 to whoever did.
        if !file.starts_with("/run/secrets") {
            closed(report, "secret files", file, fs::metadata(file).as_ref().ok());
        }
    }
    if config.database_url.is_some() && !demo {
        report.skipped("data directory", "no Postgres in it, since AUTH_DATABASE_URL is set");
        return;
    }
    let directory = &config.data_dir;
    if let Err(fault) = Postgres::may_be_in(directory) {
        report.wrong("data directory", fault.to_string(), "");
    }
    match fs::metadata(directory) {
        Ok(found) if found.is_dir() => {
            closed(report, "data directory", directory, Some(&found));
            for inside in ["postgres", "postgres.log", "portero.lock"] {
                let path = directory.join(inside);
                let found = fs::metadata(&path).ok();
                if found.as_ref().is_some_and(|found| found.permissions().mode() & OTHERS != 0) {
                    closed(report, "data directory", &path, found.as_ref());
                }
            }
        }
        Ok(_) => report.wrong(
            "data directory",
            format!("{} is not a directory", directory.display()),
            "set PORTERO_DATA_DIR to a directory",
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            report.ok("data directory", format!("{} will be made by the first start", directory.display()));
        }
        Err(error) => report.wrong(
            "data directory",
            format!("can't look at {}: {error}", directory.display()),
            "run this as the user that Portero runs as, or set PORTERO_DATA_DIR",
        ),
    }
    room(report, directory);
}

/// Portero raises its limit as far as it may when it starts.
pub(super) fn may_be_open(report: &mut Report, config: &Config) {
    enough(report, config, highest_limit());
}

fn enough(report: &mut Report, config: &Config, limit: Option<usize>) {
    let Some(limit) = limit else {
        report.skipped("open files", "the system does not say how many may be open");
        return;
    };
    let connections = config.connections(Some(limit));
    let detail = format!("{limit} may be open: enough for {connections} connections of clients");
    if limit < FILES {
        report.wrong(
            "open files",
            detail,
            "raise the hard limit: LimitNOFILE=65536 in the systemd unit, or `ulimit -Hn`",
        );
    } else {
        report.ok("open files", detail);
    }
}

fn closed(report: &mut Report, check: &'static str, path: &Path, found: Option<&Metadata>) {
    let Some(found) = found else { return };
    let (mode, shown) = (found.permissions().mode() & 0o777, path.display());
    if mode & OTHERS != 0 {
        report.wrong(
            check,
            format!("{shown} can be read or changed by everybody on this machine (mode {mode:03o})"),
            format!("chmod o-rw {shown}"),
        );
    } else {
        report.ok(check, format!("{shown} is closed to others"));
    }
}

fn room(report: &mut Report, directory: &Path) {
    // What does not exist yet will be on the disk of what does.
    let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let Some(there) = directory.ancestors().find(|path| path.exists()) else { return };
    match statvfs(there) {
        Ok(disk) => {
            #[allow(clippy::useless_conversion, reason = "these are u32 on some systems")]
            let free = u64::from(disk.blocks_available()) * u64::from(disk.fragment_size());
            let detail = format!("{} MiB free for {}", free / 1024 / 1024, directory.display());
            if free < ROOM {
                report.wrong("disk space", detail, "make room, or set PORTERO_DATA_DIR to a directory on another disk");
            } else {
                report.ok("disk space", detail);
            }
        }
        Err(error) => report.skipped("disk space", format!("can't be told for {}: {error}", there.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_low_limit_of_open_files_is_found() {
        let config = Config::from_vars([]).expect("defaults");
        let wrongs = |limit| {
            let mut report = Report::default();
            enough(&mut report, &config, limit);
            report.wrongs()
        };
        assert_eq!([None, Some(4096), Some(1024)].map(wrongs), [0, 0, 1]);
    }

    #[test]
    fn a_file_that_everybody_can_read_is_found() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let wrongs = |mode| {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).expect("chmod");
            let mut report = Report::default();
            closed(&mut report, "secret files", file.path(), fs::metadata(file.path()).as_ref().ok());
            report.wrongs()
        };
        assert_eq!(wrongs(0o600), 0);
        assert_eq!(wrongs(0o640), 0);
        assert_eq!(wrongs(0o644), 1);
        assert_eq!(wrongs(0o602), 1);
    }
}
