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

#[tokio::test]
async fn links_and_strangers_files_are_not_written_to() {
    let dir = scratch();
    let kept = dir.path().join("kept");
    for name in ["portero.lock", "postgres.log"] {
        let data = dir.path().join(format!("in-{name}"));
        fs::create_dir(&data).expect("mkdir");
        fs::set_permissions(&data, Permissions::from_mode(0o711)).expect("chmod");
        fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).expect("chmod");
        fs::write(&kept, "kept").expect("written");
        std::os::unix::fs::symlink(&kept, data.join(name)).expect("a link");
        let said = refusal(&data).await;
        assert!(said.contains(name) && said.contains("is a link"), "{said}");

        fs::remove_file(data.join(name)).expect("removed");
        fs::hard_link(&kept, data.join(name)).expect("a second name");
        let said = refusal(&data).await;
        assert!(said.contains("second name"), "{said}");
        if we_are_root() {
            fs::remove_file(data.join(name)).expect("removed");
            fs::write(data.join(name), "kept").expect("written");
            std::os::unix::fs::chown(data.join(name), Some(4321), Some(4321)).expect("chown");
            let said = refusal(&data).await;
            assert!(said.contains("belongs to uid 4321"), "{said}");
        }
        assert_eq!(fs::read_to_string(&kept).expect("it is there"), "kept");
    }
}

#[tokio::test]
async fn the_old_log_goes_aside_and_nowhere_else() {
    let dir = scratch();
    started(dir.path()).await.stop().await;
    let kept = dir.path().join("kept");
    fs::write(&kept, "kept").expect("written");
    std::os::unix::fs::symlink(&kept, dir.path().join("postgres.log.1")).expect("a link");
    fs::write(dir.path().join("postgres.log"), vec![b'x'; 11 * 1024 * 1024]).expect("written");
    started(dir.path()).await.stop().await;
    assert_eq!(fs::read_to_string(&kept).expect("it is there"), "kept");
    let aside = fs::symlink_metadata(dir.path().join("postgres.log.1")).expect("the old one");
    assert!(aside.is_file() && aside.len() == 11 * 1024 * 1024);
}

#[tokio::test]
async fn a_socket_that_somebody_else_has_put_there_is_not_connected_to() {
    let dir = scratch();
    let postgres = started(dir.path()).await;
    let sockets = postgres.socket_dir().to_owned();
    let moved = dir.path().join("moved");
    fs::rename(&sockets, &moved).expect("renamed");
    fs::create_dir(&sockets).expect("mkdir");
    fs::set_permissions(&sockets, Permissions::from_mode(0o755)).expect("chmod");
    let said = Postgres::running(dir.path()).expect_err("it is another's").to_string();
    assert!(said.contains("is not the closed directory of Postgres' socket any more"), "{said}");
    fs::remove_dir(&sockets).expect("removed");
    fs::rename(&moved, &sockets).expect("renamed");
    assert!(Postgres::running(dir.path()).expect("an answer").is_some());
    postgres.stop().await;
}
