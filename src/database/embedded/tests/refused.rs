//! What can't work says why, and what to do.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use super::*;

async fn refusal(directory: &Path) -> String {
    Postgres::start(directory, Durability::Throwaway, "portero").await.expect_err("it is refused").to_string()
}

#[tokio::test]
async fn what_is_in_the_way_is_named() {
    let dir = scratch();
    let file = dir.path().join("file");
    fs::write(&file, "").expect("written");
    let said = refusal(&file).await;
    assert!(said.contains("file is not a directory: move it away"), "{said}");
    let said = refusal(&file.join("below")).await;
    assert!(said.contains("a file is where a directory should be"), "{said}");

    let foreign = dir.path().join("foreign");
    fs::create_dir_all(foreign.join("postgres/photos")).expect("mkdir");
    fs::set_permissions(&foreign, Permissions::from_mode(0o711)).expect("chmod");
    let said = refusal(&foreign).await;
    assert!(said.contains("foreign/postgres is not a Postgres cluster: move it away"), "{said}");

    let older = dir.path().join("older");
    fs::create_dir_all(older.join("postgres")).expect("mkdir");
    fs::write(older.join("postgres/PG_VERSION"), "9.6\n").expect("written");
    if we_are_root() {
        assert!(refusal(&older).await.contains("belongs to root"));
        std::os::unix::fs::chown(older.join("postgres"), Some(65534), Some(65534)).expect("chown");
    }
    let said = refusal(&older).await;
    assert!(said.contains("made by PostgreSQL 9.6, but there is only "), "{said}");
}

#[tokio::test]
async fn a_closed_way_is_named() {
    let dir = scratch();
    let closed = dir.path().join("closed");
    fs::create_dir(&closed).expect("mkdir");
    if we_are_root() {
        fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).expect("chmod");
        fs::set_permissions(&closed, Permissions::from_mode(0o700)).expect("chmod");
        let said = refusal(&closed.join("data")).await;
        let expected = format!("who may not enter {}: set PORTERO_DATA_DIR", closed.display());
        assert!(said.contains(&expected), "{said}");
    } else {
        fs::set_permissions(&closed, Permissions::from_mode(0o500)).expect("chmod");
        let said = refusal(&closed.join("data")).await;
        assert!(said.contains("closed/data: Permission denied") && said.contains("PORTERO_DATA_DIR"), "{said}");
    }
}

#[tokio::test]
async fn a_postgres_that_refuses_is_quoted() {
    let dir = scratch();
    started(dir.path()).await.stop().await;
    fs::write(dir.path().join("postgres/postgresql.conf"), "no_such_setting = 1\n").expect("written");
    let said = refusal(dir.path()).await;
    assert!(said.contains("postgres.log") && said.contains("no_such_setting"), "{said}");
    assert_eq!(Postgres::running(dir.path()).expect("an answer"), None);
}
