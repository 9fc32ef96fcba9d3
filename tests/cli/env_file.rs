//! `./.env`: read where nobody else can have written it, refused where somebody could have.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use crate::support::{House, Said, bare, finish, scratch::directory};

/// Whoever has no account.
const NOBODY: u32 = 65534;

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// `portero` in this directory, with nothing set but what its `.env` says.
fn run(directory: &Path, args: &[&str], vars: &[(&str, &str)]) -> Said {
    let mut command = bare(&directory.to_owned(), args);
    command.env_remove("PG_BINDIR").env_remove("PORTERO_DATA_DIR").env("HOME", directory).envs(vars.iter().copied());
    finish(command, "")
}

/// Programs that leave a trace when they are run.
fn planted(directory: &Path) -> std::path::PathBuf {
    let (bin, trace) = (directory.join("bin"), directory.join("trace"));
    fs::create_dir(&bin).expect("mkdir");
    for program in ["postgres", "initdb", "pg_config"] {
        let script = format!("#!/bin/sh\nid -u >> {}\necho 'postgres (PostgreSQL) 15.0'\n", trace.display());
        fs::write(bin.join(program), script).expect("written");
        fs::set_permissions(bin.join(program), fs::Permissions::from_mode(0o755)).expect("chmod");
    }
    fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).expect("chmod");
    trace
}

fn given_to_nobody(path: &Path) {
    for entry in fs::read_dir(path).expect("a directory").flatten() {
        if entry.file_type().expect("a type").is_dir() {
            given_to_nobody(&entry.path());
        } else {
            chown(entry.path(), Some(NOBODY), Some(NOBODY)).expect("chown");
        }
    }
    chown(path, Some(NOBODY), Some(NOBODY)).expect("chown");
}

#[test]
fn a_planted_file_runs_nobodys_program() {
    let here = directory();
    let trace = planted(here.path());
    fs::write(here.path().join(".env"), format!("PG_BINDIR={}\n", here.path().join("bin").display())).expect("written");
    for why in ["chmod go-w", "belongs to"] {
        if why == "belongs to" {
            if !is_root() {
                return;
            }
            given_to_nobody(here.path());
        }
        for args in [["user", "list"].as_slice(), &["migrate"], &["migrate", "--create"], &["serve"], &["demo"]] {
            run(here.path(), args, &[]).refused(&[".env", "not read", why]);
        }
        let said = run(here.path(), &["doctor", "--json"], &[]);
        assert_eq!(said.code, 1);
        assert!(said.out.contains("settings file") && said.out.contains("not read"), "{said:?}");
        assert!(!trace.exists(), "a stranger's program was run: {:?}", fs::read_to_string(&trace));
    }
}

#[test]
fn programs_that_others_can_write_to_are_run_by_no_setting() {
    let here = directory();
    let trace = planted(here.path());
    let ours = directory();
    let bin = here.path().join("bin");
    let bin = bin.to_str().expect("a path");
    let data = ours.path().join("data");
    let data = ("PORTERO_DATA_DIR", data.to_str().expect("a path"));
    fs::set_permissions(bin, fs::Permissions::from_mode(0o777)).expect("chmod");
    run(ours.path(), &["migrate", "--create"], &[data, ("PG_BINDIR", bin)]).refused(&["PG_BINDIR", "everybody"]);
    let path = format!("{bin}:.:bin:{}", std::env::var("PATH").expect("a PATH"));
    // From there, so that what is relative would lead there.
    let said = run(Path::new(bin), &["migrate", "--create"], &[data, ("PATH", &path)]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!trace.exists(), "{:?}", fs::read_to_string(&trace));
}

#[test]
fn for_root_it_chooses_no_directory_either() {
    if !is_root() {
        return;
    }
    let here = directory();
    for name in ["PORTERO_DATA_DIR", "PG_BINDIR", "PATH", "XDG_RUNTIME_DIR", "LD_PRELOAD"] {
        fs::write(here.path().join(".env"), format!("{name}=/tmp/x\n")).expect("written");
        run(here.path(), &["user", "list"], &[]).refused(&[name, "environment"]);
    }
}

#[tokio::test]
async fn its_values_are_what_is_written_in_it() {
    let house = House::new().await;
    let doctor = |env: &str| {
        house.file(".env", env);
        house.run_with(&["doctor", "--json"], "", &[("REGISTRATION", "")])
    };
    // The doctor shows what it can't read.
    for (written, meant) in [
        ("Zan$ahoria", "Zan$ahoria"),
        ("\"a $b\"", "a $b"),
        ("'a ${b}'", "a ${b}"),
        ("a\\b", "a\\\\b"),
        ("${HOME}", "${HOME}"),
    ] {
        let said = doctor(&format!("TOKEN_TTL_SECONDS={written}\n"));
        assert!(said.out.contains(&format!("`{meant}` is not a whole number")), "{written}: {said:?}");
    }
    let said = doctor("TOKEN_TTL_SECONDS=60\n");
    assert!(said.out.contains("60 s, renewed"), "{said:?}");
    assert!(said.out.contains(house.files.path().join(".env").to_str().expect("a path")), "{said:?}");
}

#[tokio::test]
async fn one_above_and_one_that_is_a_link_have_no_effect() {
    let house = House::new().await;
    house.file(".env", "TOKEN_TTL_SECONDS=soon\n");
    let below = house.files.path().join("sub/deep");
    fs::create_dir_all(&below).expect("mkdir");
    let mut command = bare(&below, &["user", "list", "--json"]);
    command.env("AUTH_DATABASE_URL", &house.url);
    let said = finish(command, "");
    assert_eq!((said.code, said.json()), (0, serde_json::json!([])), "{said:?}");

    symlink(house.files.path().join(".env"), below.join(".env")).expect("a link");
    let mut command = bare(&below, &["user", "list"]);
    command.env("AUTH_DATABASE_URL", &house.url);
    finish(command, "").refused(&[".env", "is a link"]);
}

#[test]
fn root_takes_no_directory_that_somebody_else_has_prepared() {
    if !is_root() {
        return;
    }
    let (here, roots) = (directory(), directory());
    let data = here.path().join("data");
    fs::create_dir(&data).expect("mkdir");
    let secret = roots.path().join("secret");
    fs::write(&secret, "kept").expect("written");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("chmod");
    for name in ["portero.lock", "postgres.log"] {
        symlink(&secret, data.join(name)).expect("a link");
    }
    let vars = [("PORTERO_DATA_DIR", data.to_str().expect("a path"))];
    let attempts = |words: &[&str]| {
        for args in [["serve"].as_slice(), &["demo"], &["migrate", "--create"], &["user", "list"]] {
            run(roots.path(), args, &vars).refused(words);
        }
        assert_eq!(fs::read_to_string(&secret).expect("it is there"), "kept");
    };
    // Its owner is root by now, but not what is in it.
    attempts(&["portero.lock", "is a link"]);
    assert!(fs::symlink_metadata(data.join("postgres")).is_err(), "no cluster was made");

    chown(&data, Some(NOBODY), Some(NOBODY)).expect("chown");
    attempts(&["belongs to", "PORTERO_DATA_DIR"]);
    let said = run(roots.path(), &["doctor"], &vars);
    assert!(said.out.contains("WRONG  data directory") && said.out.contains("belongs to"), "{said:?}");

    chown(&data, Some(0), Some(0)).expect("chown");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o777)).expect("chmod");
    attempts(&["can be changed by everybody", "chmod go-w"]);

    // What is above it counts, too.
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).expect("chmod");
    fs::set_permissions(here.path(), fs::Permissions::from_mode(0o777)).expect("chmod");
    attempts(&["can be changed by everybody"]);
    chown(here.path(), Some(NOBODY), Some(NOBODY)).expect("chown");
    fs::set_permissions(here.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
    attempts(&["belongs to"]);
}

#[test]
fn root_adopts_no_cluster_of_a_strangers() {
    if !is_root() {
        return;
    }
    let here = directory();
    let data = here.path().join("data");
    fs::create_dir(&data).expect("mkdir");
    chown(&data, Some(NOBODY), Some(NOBODY)).expect("chown");
    let prepared = "cd \"$1\" && mkdir postgres && echo 15 > postgres/PG_VERSION && chmod 700 postgres";
    let nobody = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", prepared, "sh"])
        .arg(&data)
        .status()
        .expect("setpriv");
    assert!(nobody.success());
    let vars = [("PORTERO_DATA_DIR", data.to_str().expect("a path"))];
    run(here.path(), &["serve"], &vars).refused(&["belongs to", "PORTERO_DATA_DIR"]);
    run(here.path(), &["user", "list"], &vars).refused(&["belongs to", "PORTERO_DATA_DIR"]);
}
