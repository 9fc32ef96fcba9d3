//! Without AUTH_DATABASE_URL: the private Postgres, started for the time of the command.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Said, bare, finish, scratch};

#[test]
fn an_empty_directory_is_enough() {
    let directory = tempfile::Builder::new().prefix("portero-cli").tempdir_in(scratch()).expect("a directory");
    // As root, Postgres runs as another user, who must get through.
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
    let run = |args: &[&str]| -> Said {
        let mut command = bare(&directory.path().to_owned(), args);
        command.env("PORTERO_DATA_DIR", directory.path().join("data"));
        let said = finish(command, "correct horse\n");
        assert_eq!(said.code, 0, "{said:?}");
        said
    };
    run(&["admin", "add", "root"]);
    assert_eq!(run(&["--json", "user", "list"]).json()[0]["username"], "root");

    let demo = run(&["--demo", "--json", "user", "list"]).json();
    assert_eq!(demo.as_array().map(Vec::len), Some(15), "the demo's people are apart");
    assert_eq!(run(&["--demo", "--json", "admin", "list"]).json()[0]["username"], "adm1");
    assert_eq!(run(&["--json", "user", "list"]).json().as_array().map(Vec::len), Some(1));
}
