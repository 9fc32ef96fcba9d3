//! What one instance does for all, now and again: the table `auth.duties` says when next.

use std::time::Duration;

use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;

use super::Db;
use crate::base::error::{Error, Result};

/// Claims the next run of a duty, of which there is one in a period, whatever the number of instances.
pub async fn claim(db: &Db, duty: &str, every: Duration) -> Result<bool> {
    let every = interval(every)?;
    let mut conn = db.read().await?;
    let claimed =
        sqlx::query!("update auth.duties set due_at = now() + $2 where name = $1 and due_at <= now()", duty, every,)
            .execute(&mut *conn)
            .await?;
    conn.keep().await?;
    Ok(claimed.rows_affected() == 1)
}

/// Keeps others from claiming a run while this one lasts.
pub async fn keep(conn: &mut PgConnection, duty: &str, every: Duration) -> Result<()> {
    sqlx::query!("update auth.duties set due_at = now() + $2 where name = $1", duty, interval(every)?)
        .execute(conn)
        .await?;
    Ok(())
}

fn interval(duration: Duration) -> Result<PgInterval> {
    PgInterval::try_from(duration).map_err(|error| Error::Internal(anyhow::anyhow!(error)))
}
