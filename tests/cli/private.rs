//! Without AUTH_DATABASE_URL: the private Postgres, where there is one; it is started for the time of the command.

use std::path::Path;

use crate::support::{Said, bare, finish, scratch::directory};

fn run(directory: &Path, args: &[&str], vars: &[(&str, &str)]) -> Said {
    let mut command = bare(&directory.to_owned(), args);
    command.env("PORTERO_DATA_DIR", directory.join("data")).envs(vars.iter().copied());
    finish(command, "correct horse\n")
}

#[test]
fn a_directory_with_a_cluster_is_enough() {
    let directory = directory();
    let run = |args: &[&str]| {
        let said = run(directory.path(), args, &[]);
        assert_eq!(said.code, 0, "{said:?}");
        said
    };
    run(&["migrate", "--create"]);
    let said = run(&["admin", "add", "root"]);
    let place = format!("the database portero of the private Postgres in {}", directory.path().join("data").display());
    assert!(said.err.contains(&place), "{said:?}");
    assert_eq!(run(&["--json", "user", "list"]).json()[0]["username"], "root");
    assert_eq!(run(&["user", "list", "--quiet"]).err, "");

    let there_is_none = || crate::private::run(directory.path(), &["--demo", "user", "list"], &[]);
    there_is_none().refused(&["no demo here", "portero demo"]);
    run(&["migrate", "--create", "--demo"]);
    let demo = run(&["--demo", "--json", "user", "list"]).json();
    assert_eq!(demo.as_array().map(Vec::len), Some(15), "the demo's people are apart");
    assert_eq!(run(&["--demo", "--json", "admin", "list"]).json()[0]["username"], "adm1");
    assert_eq!(run(&["--json", "user", "list"]).json().as_array().map(Vec::len), Some(1));
}

#[test]
fn no_command_but_a_server_makes_a_database() {
    let directory = directory();
    let commands: [&[&str]; 15] = [
        &["user", "list"],
        &["user", "show", "alice"],
        &["user", "add", "ada", "--name", "Ada"],
        &["user", "change", "ada", "--name", "Ada"],
        &["user", "sessions", "ada"],
        &["user", "export"],
        &["user", "invite"],
        &["admin", "add", "root"],
        &["service", "list"],
        &["role", "list"],
        &["permission", "list"],
        &["grant", "list"],
        &["audit", "verify"],
        &["mail", "list"],
        &["migrate"],
    ];
    for args in commands {
        for json in [false, true] {
            let args = if json { [args, &["--json"]].concat() } else { args.to_vec() };
            let said = run(directory.path(), &args, &[]);
            said.refused(&["no database here", "AUTH_DATABASE_URL", "PORTERO_DATA_DIR", "start `portero`"]);
        }
        run(directory.path(), &[args, &["--demo"]].concat(), &[]).refused(&["no demo here"]);
    }
    assert!(!directory.path().join("data").exists());
    let said = run(directory.path(), &["user", "list"], &[("DATABASE_URL", "postgres://me:hunter2@db/app")]);
    said.refused(&["DATABASE_URL is set, but Portero reads AUTH_DATABASE_URL"]);
    assert!(!said.err.contains("hunter2"), "{said:?}");
}

#[test]
fn beside_a_demo_alone_it_is_said_how_to_work_on_it() {
    let directory = directory();
    let made = run(directory.path(), &["migrate", "--create", "--demo"], &[]);
    assert_eq!(made.code, 0, "{made:?}");
    let said = run(directory.path(), &["client", "list"], &[]);
    said.refused(&["only a demo has been started in", "--demo", "start `portero`"]);
}
