use std::process::{Child, Stdio};
use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection};

use super::shop;
use crate::support::{House, bare};

const ONE: &str = "[permissions.one]\n[roles.Same]\npermissions = [\"one\"]\n[clients.one]\nservice = \"Bank\"\n\
                   client_name = \"One\"\ngrant_types = [\"client_credentials\"]\n";

/// Holds up what makes clients, which an apply does late.
async fn in_the_way(house: &House) -> PgConnection {
    let mut conn = house.conn().await;
    conn.execute("begin").await.expect("begins");
    conn.execute("lock table auth.clients in share row exclusive mode").await.expect("locks");
    conn
}

fn begun(house: &House, file: &str) -> Child {
    let mut command = bare(&house.files.path().to_owned(), &["apply", file]);
    command.env("AUTH_DATABASE_URL", &house.url);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs")
}

/// Until an apply waits for the clients.
async fn until_it_waits(house: &House) {
    for _ in 0..600 {
        let waits =
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        if house.number(waits).await > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came so far");
}

#[tokio::test]
async fn an_apply_that_is_killed_leaves_nothing() {
    let house = shop().await;
    let before = house.run(&["export", "--config"]).out;
    let file = house.file("one.toml", ONE);
    let other = in_the_way(&house).await;
    let mut child = begun(&house, &file);
    until_it_waits(&house).await;
    child.kill().expect("kills");
    child.wait().expect("ends");
    other.close().await.expect("closes");
    assert_eq!(house.run(&["export", "--config"]).out, before);
    assert_eq!(house.run(&["apply", &file]).code, 0, "and nothing is in the way of the next one");
}

#[tokio::test]
async fn of_two_applies_at_once_one_is_refused() {
    let house = shop().await;
    let before = house.run(&["export", "--config"]).out;
    let file = house.file("one.toml", ONE);
    let mut other = house.conn().await;
    other.execute("begin").await.expect("begins");
    other.execute("select pg_advisory_xact_lock(hashtext('auth.apply'))").await.expect("as an apply does");
    house.run(&["apply", &file]).refused(&["another file is being applied", "nothing was changed"]);
    assert_eq!(house.run(&["plan", &file]).code, 0, "a plan is in nobody's way");
    assert_eq!(house.run(&["export", "--config"]).out, before);
    other.execute("rollback").await.expect("lets go");
    assert_eq!(house.run(&["apply", &file]).code, 0);
}
