//! Finds the PostgreSQL server programs: systems hide them outside of `PATH`, each somewhere else.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{env, fs, iter};

use rustix::process::Signal;

use super::account::Account;
use super::{EmbeddedError, child};
use crate::platform::ownership::{OwnershipError, Trusted};

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

/// The first that will do: any for a new cluster, else those of the major version that made `data`. They are tried as
/// `account`. Programs that somebody else could have put there are never run: not those of `PG_BINDIR`, and on `PATH` they are
/// passed over.
pub(super) fn find(data: &Path, made_by: Option<&str>, account: &Account) -> Result<Binaries, EmbeddedError> {
    let chosen = env::var_os("PG_BINDIR").filter(|chosen| !chosen.is_empty());
    let search = Search { account, passed_over: RefCell::default() };
    if let Some(chosen) = &chosen {
        let only = search.real_dir(Path::new(chosen)).and_then(|dir| search.binaries(dir));
        return choose(only.into_iter(), data, made_by, || {
            let why = search.passed_over.take().pop();
            let why = why.unwrap_or_else(|| "it has no `postgres` and `initdb` that run".to_owned());
            format!(": PG_BINDIR is {}, but {why}", chosen.display())
        });
    }
    let path = env::var_os("PATH").unwrap_or_default();
    choose(candidates(&search, &path), data, made_by, || {
        let passed_over = search.passed_over.take();
        passed_over.into_iter().fold(String::new(), |found, why| found + "\n  passed over: " + &why)
    })
}

/// All that are installed, those on `PATH` first.
fn candidates<'a>(search: &'a Search, path: &'a OsStr) -> impl Iterator<Item = Binaries> + 'a {
    let on_path = env::split_paths(path);
    let by_pg_config = iter::once_with(|| search.by_pg_config(path)).flatten();
    let at_home = iter::once_with(in_known_homes).flatten();
    let dirs = on_path.chain(by_pg_config).chain(at_home);
    dirs.filter_map(|dir| search.real_dir(&dir)).filter_map(|dir| search.binaries(dir))
}

fn choose(
    candidates: impl Iterator<Item = Binaries>,
    data: &Path,
    made_by: Option<&str>,
    nothing: impl FnOnce() -> String,
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
        _ => Err(EmbeddedError::NoBinaries { found: nothing() }),
    }
}

/// A search, and what it has passed over.
struct Search<'a> {
    account: &'a Account,
    passed_over: RefCell<Vec<String>>,
}

impl Search<'_> {
    /// What `dir` stands for when it has both programs: `PATH` often holds only links, and the programs look for their
    /// libraries and templates relative to where they really are. The working directory is nobody's choice, so what is
    /// relative to it is not looked at.
    fn real_dir(&self, dir: &Path) -> Option<PathBuf> {
        let postgres = dir.is_absolute().then(|| self.program(&dir.join("postgres")))??;
        let real = postgres.parent()?.to_owned();
        self.program(&real.join("initdb"))?;
        Some(real)
    }

    /// Where the program really is, if nobody else can have put it there.
    fn program(&self, path: &Path) -> Option<PathBuf> {
        let owners = Trusted::ours();
        if !path.is_file() {
            return None;
        }
        let owned = owners.owns_way_to(path).and_then(|real| match &real {
            Some(program) => {
                let dir = program.parent().unwrap_or(program);
                let unseen = |source| OwnershipError::Unseen { path: dir.to_owned(), source };
                owners.owns(dir, &fs::metadata(dir).map_err(unseen)?).map(|()| real)
            }
            None => Ok(None),
        });
        owned.unwrap_or_else(|fault| {
            self.passed_over.borrow_mut().push(fault.to_string());
            None
        })
    }

    /// Where the development files say that the programs are.
    fn by_pg_config(&self, path: &OsStr) -> Option<PathBuf> {
        let dirs: Vec<PathBuf> = env::split_paths(path).filter(|dir| dir.is_absolute()).collect();
        let pg_config = dirs.iter().find_map(|dir| self.program(&dir.join("pg_config")))?;
        self.ask(&pg_config, "--bindir").map(|said| PathBuf::from(said.trim()))
    }

    /// Asks for the version, which also shows that it runs.
    fn binaries(&self, dir: PathBuf) -> Option<Binaries> {
        let said = self.ask(&dir.join("postgres"), "--version")?;
        Some(Binaries { major: major(&said)?, dir })
    }

    /// What the program says, run as Postgres will be.
    fn ask(&self, program: &Path, argument: &str) -> Option<String> {
        let mut command = child::command(program, Path::new("/"), self.account, Signal::KILL);
        match command.arg(argument).output() {
            Ok(output) => String::from_utf8(output.stdout).ok(),
            Err(error) => {
                self.passed_over.borrow_mut().push(self.account.explain(error, program, Path::new("/")).to_string());
                None
            }
        }
    }
}

/// The newest first.
fn in_known_homes() -> Vec<PathBuf> {
    let mut found: Vec<(Vec<u32>, PathBuf)> = HOMES
        .iter()
        .flat_map(|(parent, prefix, below)| {
            let entries = fs::read_dir(parent).into_iter().flatten().flatten();
            entries.filter_map(move |entry| {
                let name = entry.file_name().into_string().ok()?;
                Some((numbers(name.strip_prefix(prefix)?), entry.path().join(below)))
            })
        })
        .collect();
    found.sort_by(|one, other| other.cmp(one));
    found.into_iter().map(|(_, dir)| dir).collect()
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
    use std::os::unix::fs::{PermissionsExt, chown};

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

        assert_eq!(choose(all(), data, None, String::new).expect("any will do"), installed("16"));
        assert_eq!(choose(all(), data, Some("15"), String::new).expect("15 is there"), installed("15"));
        let refusal = choose(all(), data, Some("12"), String::new).expect_err("12 is not there").to_string();
        assert!(refusal.contains("made by PostgreSQL 12") && refusal.contains("16 in /opt/16, 15 in"), "{refusal}");
    }

    #[test]
    fn without_any_the_error_says_what_to_install() {
        let refusal = choose(iter::empty(), Path::new("/data"), None, String::new).expect_err("nothing there");
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

        let account = account();
        let search = searching(&account);
        assert_eq!(search.real_dir(scratch.path()), None);
        assert_eq!(search.real_dir(&links), Some(real.canonicalize().expect("real")));
        assert_eq!(search.real_dir(Path::new(".")), None);
        assert!(search.passed_over.borrow().is_empty());
    }

    fn searching(account: &Account) -> Search<'_> {
        Search { account, passed_over: RefCell::default() }
    }

    fn account() -> Account {
        Account::to_run(Path::new("/none")).expect("an account")
    }

    /// Both programs, of which `postgres` tells whoever runs it that it was run.
    fn planted(directory: &Path) -> PathBuf {
        let told = directory.join("told");
        for program in ["postgres", "initdb", "pg_config"] {
            let path = directory.join(program);
            fs::write(&path, format!("#!/bin/sh\ntouch {}\necho 'postgres (PostgreSQL) 15.0'\n", told.display()))
                .expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("chmod");
        }
        told
    }

    #[test]
    fn programs_that_anybody_could_have_put_there_are_not_run() {
        let account = account();
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let told = planted(scratch.path());
        let search = || searching(&account);
        let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
        let dir_is_open = |mode| open(scratch.path(), mode);
        let program_is_open = |mode| open(&scratch.path().join("postgres"), mode);

        for mode in [0o777, 0o1777] {
            dir_is_open(mode);
            let search = search();
            assert_eq!(candidates_on(&search, scratch.path()), None);
            assert!(
                search.passed_over.borrow().iter().any(|why| why.contains("everybody")),
                "{:?}",
                search.passed_over
            );
        }
        dir_is_open(0o755);
        program_is_open(0o777);
        assert_eq!(candidates_on(&search(), scratch.path()), None);
        program_is_open(0o755);
        if super::super::account::we_are_root() {
            for path in [scratch.path().join("postgres"), scratch.path().to_owned()] {
                chown(&path, Some(65534), Some(65534)).expect("chown");
                let search = search();
                assert_eq!(candidates_on(&search, scratch.path()), None);
                assert!(
                    search.passed_over.borrow().iter().any(|why| why.contains("belongs to")),
                    "{:?}",
                    search.passed_over
                );
                chown(&path, Some(0), Some(0)).expect("chown");
            }
        }
        assert!(!told.exists(), "a stranger's program was run");
        assert_eq!(search().real_dir(scratch.path()), Some(scratch.path().canonicalize().expect("real")));
    }

    /// What is found on a `PATH` of this directory alone.
    fn candidates_on(search: &Search, directory: &Path) -> Option<Binaries> {
        let here = directory.canonicalize().expect("real");
        candidates(search, directory.as_os_str()).find(|found| found.dir == here)
    }

    #[test]
    fn programs_are_tried_as_the_user_that_postgres_runs_as() {
        if !super::super::account::we_are_root() {
            return;
        }
        let account = account();
        let scratch = tempfile::tempdir().expect("a scratch directory");
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
        for program in ["postgres", "initdb"] {
            let path = scratch.path().join(program);
            let script = "#!/bin/sh\n[ \"$(id -u)\" = 0 ] || [ -n \"$CARGO\" ] || echo 'postgres (PostgreSQL) 15.0'\n";
            fs::write(&path, script).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("chmod");
        }
        let search = searching(&account);
        let found = candidates_on(&search, scratch.path());
        assert_eq!(found.map(|found| found.major).as_deref(), Some("15"), "{:?}", search.passed_over);
    }
}
