//! Finds the PostgreSQL server programs: systems hide them outside of `PATH`, each somewhere else.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, iter};

use super::EmbeddedError;

/// A directory with `postgres` and `initdb`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Binaries {
    pub dir: PathBuf,
    /// As in a cluster's PG_VERSION: `15`, `9.6`.
    pub major: String,
}

/// Where the systems put them: parent, how a version's directory begins, and what comes below it.
const HOMES: [(&str, &str, &str); 6] = [
    ("/usr/lib/postgresql", "", "bin"),         // Debian, Ubuntu
    ("/usr", "pgsql-", "bin"),                  // PostgreSQL's own RPMs
    ("/usr/libexec", "postgresql", ""),         // Alpine
    ("/opt/homebrew/opt", "postgresql", "bin"), // Homebrew on ARM
    ("/usr/local/opt", "postgresql", "bin"),    // Homebrew on Intel
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// The first that will do: any for a new cluster, else those of the major version that made `data`.
pub(super) fn find(data: &Path, made_by: Option<&str>) -> Result<Binaries, EmbeddedError> {
    if let Some(chosen) = env::var_os("PG_BINDIR").filter(|chosen| !chosen.is_empty()) {
        let found = format!(": PG_BINDIR is {}, which has no `postgres` and `initdb` that run", chosen.display());
        let only = real_dir(Path::new(&chosen)).and_then(binaries);
        return choose(only.into_iter(), data, made_by, found);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let candidates =
        on_path(&path).chain(iter::once_with(by_pg_config).flatten()).chain(iter::once_with(in_known_homes).flatten());
    choose(candidates.filter_map(binaries), data, made_by, String::new())
}

fn choose(
    candidates: impl Iterator<Item = Binaries>,
    data: &Path,
    made_by: Option<&str>,
    nothing: String,
) -> Result<Binaries, EmbeddedError> {
    let mut others: Vec<String> = Vec::new();
    for candidate in candidates {
        if made_by.is_none_or(|major| major == candidate.major) {
            return Ok(candidate);
        }
        let other = format!("{} in {}", candidate.major, candidate.dir.display());
        if !others.contains(&other) {
            others.push(other);
        }
    }
    match made_by {
        Some(made_by) if !others.is_empty() => Err(EmbeddedError::OtherVersion {
            data: data.to_owned(),
            made_by: made_by.to_owned(),
            found: others.join(", "),
        }),
        _ => Err(EmbeddedError::NoBinaries { found: nothing }),
    }
}

fn on_path(path: &OsStr) -> impl Iterator<Item = PathBuf> {
    env::split_paths(path).filter_map(|dir| real_dir(&dir))
}

fn by_pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    real_dir(Path::new(str::from_utf8(&output.stdout).ok()?.trim()))
}

/// The newest first.
fn in_known_homes() -> Vec<PathBuf> {
    let mut found: Vec<(Vec<u32>, PathBuf)> = HOMES
        .iter()
        .flat_map(|(parent, prefix, below)| {
            let entries = fs::read_dir(parent).into_iter().flatten().flatten();
            entries.filter_map(move |entry| {
                let name = entry.file_name().into_string().ok()?;
                let version = numbers(name.strip_prefix(prefix)?);
                Some((version, real_dir(&entry.path().join(below))?))
            })
        })
        .collect();
    found.sort_by(|one, other| other.cmp(one));
    found.into_iter().map(|(_, dir)| dir).collect()
}

/// What `dir` stands for when it has both programs: `PATH` often holds only links, and the programs look for their
/// libraries and templates relative to where they really are.
fn real_dir(dir: &Path) -> Option<PathBuf> {
    let postgres = dir.join("postgres").canonicalize().ok()?;
    let real = postgres.parent()?;
    (dir.is_absolute() && real.join("postgres").is_file() && real.join("initdb").is_file()).then(|| real.to_owned())
}

/// Asks for the version, which also shows that it runs.
fn binaries(dir: PathBuf) -> Option<Binaries> {
    let output = Command::new(dir.join("postgres")).arg("--version").output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    Some(Binaries { major: major(&said)?, dir })
}

/// `postgres (PostgreSQL) 15.3 (Debian 15.3-0)` is 15, `9.6.24` is 9.6, `17beta1` is 17.
fn major(said: &str) -> Option<String> {
    let version = said.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    match *numbers(version) {
        [nine @ ..10, minor, ..] => Some(format!("{nine}.{minor}")),
        [major, ..] => Some(major.to_string()),
        [] => None,
    }
}

/// For comparing as a person would: 9.6 comes before 15.
fn numbers(version: &str) -> Vec<u32> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(major: &str) -> Binaries {
        Binaries { dir: PathBuf::from("/opt").join(major), major: major.to_owned() }
    }

    #[test]
    fn majors_are_read_from_what_postgres_says() {
        assert_eq!(major("postgres (PostgreSQL) 15.3 (Debian 15.3-0+deb12u1)").as_deref(), Some("15"));
        assert_eq!(major("postgres (PostgreSQL) 9.6.24").as_deref(), Some("9.6"));
        assert_eq!(major("postgres (PostgreSQL) 18beta2").as_deref(), Some("18"));
        assert_eq!(major("something else"), None);
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(numbers("9.6") < numbers("15"));
        assert!(numbers("@9") < numbers("@17"));
    }

    #[test]
    fn an_existing_cluster_chooses_its_own_version() {
        let all = || [installed("16"), installed("15")].into_iter();
        let data = Path::new("/data");

        assert_eq!(choose(all(), data, None, String::new()).expect("any will do"), installed("16"));
        assert_eq!(choose(all(), data, Some("15"), String::new()).expect("15 is there"), installed("15"));
        let refusal = choose(all(), data, Some("12"), String::new()).expect_err("12 is not there").to_string();
        assert!(refusal.contains("made by PostgreSQL 12") && refusal.contains("16 in /opt/16, 15 in"), "{refusal}");
    }

    #[test]
    fn without_any_the_error_says_what_to_install() {
        let refusal = choose(iter::empty(), Path::new("/data"), None, String::new()).expect_err("nothing there");
        for hint in ["apt-get install -y postgresql", "dnf", "apk", "brew", "PG_BINDIR", "AUTH_DATABASE_URL"] {
            assert!(refusal.to_string().contains(hint), "{refusal}");
        }
    }

    #[test]
    fn links_lead_to_the_real_directory() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let (real, links) = (scratch.path().join("real"), scratch.path().join("links"));
        fs::create_dir_all(&real).expect("mkdir");
        fs::create_dir_all(&links).expect("mkdir");
        for program in ["postgres", "initdb"] {
            fs::write(real.join(program), "").expect("write");
        }
        std::os::unix::fs::symlink(real.join("postgres"), links.join("postgres")).expect("link");

        let path = env::join_paths([scratch.path(), &links]).expect("a PATH");
        let found: Vec<PathBuf> = on_path(&path).collect();
        assert_eq!(found, [real.canonicalize().expect("real")]);
    }
}
