//! What one instance does for all, now and again: the table `auth.duties` says when next.

use std::time::Duration;

use sqlx::postgres::types::PgInterval;

use super::Db;
use crate::error::{Error, Result};

/// Claims the next run of a duty, of which there is one in a period, whatever the number of instances.
pub async fn claim(db: &Db, duty: &str, every: Duration) -> Result<bool> {
    let every = PgInterval::try_from(every).map_err(|error| Error::Internal(anyhow::anyhow!(error)))?;
    let mut conn = db.read().await?;
    let claimed =
        sqlx::query!("update auth.duties set due_at = now() + $2 where name = $1 and due_at <= now()", duty, every,)
            .execute(&mut *conn)
            .await?;
    conn.keep().await?;
    Ok(claimed.rows_affected() == 1)
}
