//! A connection that is of no use any more is replaced, and whoever met it notices little of it.

use crate::support::{CONNECTIONS, Caller, Server};

/// Each connection of the pool has asked for the services, and has a prepared statement for that.
async fn everybody_has_asked(root: &Caller) {
    for _ in 0..3 {
        let questions = (0..2 * CONNECTIONS).map(|_| {
            let root = root.clone();
            async move { root.get("/services").await }
        });
        assert!(Caller::together(questions).await.iter().all(|answer| answer.status == 200));
    }
}

async fn statuses(root: &Caller) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..3 * CONNECTIONS {
        statuses.push(root.get("/services").await.status);
    }
    statuses
}

#[tokio::test]
async fn what_a_newer_version_does_to_the_schema_is_noticed_by_nobody_who_asks() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    everybody_has_asked(&root).await;
    for change in ["type varchar(2000)", "type text"] {
        let mut psql = server.app.db.pool().acquire().await.expect("a connection");
        let alter = format!(
            "drop trigger if exists services_managed_changes on auth.services;
             alter table auth.services alter column description {change}"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(alter)).execute(&mut *psql).await.expect("another type");
        drop(psql);
        let statuses = statuses(&root).await;
        assert!(statuses.iter().all(|status| *status == 200), "{change}: {statuses:?}");
    }
}

#[tokio::test]
async fn prepared_statements_that_went_are_prepared_again() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    everybody_has_asked(&root).await;
    let mut all = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut conn = server.app.db.pool().acquire().await.expect("a connection");
        sqlx::raw_sql("deallocate all").execute(&mut *conn).await.expect("as a pooler would");
        all.push(conn);
    }
    drop(all);
    let statuses = statuses(&root).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
}

#[tokio::test]
async fn who_only_asks_does_not_notice_that_postgres_cut_the_connections() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    everybody_has_asked(&root).await;
    cut_all_others(&mut server.app.db.pool().acquire().await.expect("a connection")).await;
    let statuses = statuses(&root).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(root.check().await.status, 200);
}

async fn cut_all_others(psql: &mut sqlx::PgConnection) {
    let cut = "select pg_terminate_backend(pid, 5000) from pg_stat_activity
               where datname = current_database() and pid <> pg_backend_pid()";
    sqlx::raw_sql(cut).execute(psql).await.expect("they are gone");
}

#[tokio::test]
async fn a_database_that_is_read_only_is_not_believed_and_says_so() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    everybody_has_asked(&root).await;
    let mut psql = server.app.db.pool().acquire().await.expect("a connection from before");
    let to = |what: &str| format!("do $$ begin execute format('alter database %I {what}', current_database()); end $$");
    let read_only = to("set default_transaction_read_only = on");
    sqlx::raw_sql(sqlx::AssertSqlSafe(read_only)).execute(&mut *psql).await.expect("the owner may");
    cut_all_others(&mut psql).await;
    for _ in 0..2 {
        let ready = server.anonymous().get("/readyz").await;
        assert_eq!(ready.refusal(), (503, "unavailable"));
        assert!(ready.body["detail"].as_str().is_some_and(|detail| detail.contains("read-only")), "{ready:?}");
        for answer in [root.check().await, root.get("/users").await, root.get("/changes").await] {
            assert_eq!(answer.status, 503, "{answer:?}");
        }
    }
    let writable = to("reset default_transaction_read_only");
    sqlx::raw_sql(sqlx::AssertSqlSafe(writable)).execute(&mut *psql).await.expect("the owner may");
    drop(psql);
    assert_eq!(root.check().await.status, 200);
    assert_eq!(root.get("/users").await.status, 200);
    assert_eq!(server.anonymous().get("/readyz").await.status, 200);
}
