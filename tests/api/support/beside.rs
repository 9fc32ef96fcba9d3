use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::Server;

/// A transaction beside the server: for what it locks the server's statements wait.
#[derive(Debug)]
pub struct Beside {
    conn: PgConnection,
    watcher: PgConnection,
}

impl Beside {
    pub async fn begin(server: &Server) -> Self {
        let connect = || async { PgConnection::connect(server.url()).await.expect("a connection") };
        let mut beside = Self { conn: connect().await, watcher: connect().await };
        beside.execute("begin").await;
        beside
    }

    pub async fn execute(&mut self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.conn).await.expect("valid SQL, and no deadlock");
    }

    /// Until so many of the server's statements wait for a lock.
    pub async fn until_waiting(&mut self, statements: i64) {
        let waiting = "select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'";
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(8);
        loop {
            let now: i64 = sqlx::query_scalar(waiting).fetch_one(&mut self.watcher).await.expect("a number");
            if now >= statements {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "{now} of {statements} statements wait for a lock");
            tokio::task::yield_now().await;
        }
    }

    pub async fn commit(mut self) {
        self.execute("commit").await;
    }
}
