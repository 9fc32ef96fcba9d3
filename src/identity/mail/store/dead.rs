//! How the queue stands, and the letters that were given up.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::limits;
use crate::base::error::Result;
use crate::platform::metrics::MailQueueCounts;

/// Nobody has looked at it for so long: nobody will.
const FORGOTTEN: Duration = Duration::days(30);

/// How the queue stands.
pub async fn queue_counts(conn: &mut PgConnection) -> Result<MailQueueCounts> {
    let counts = sqlx::query_as!(
        MailQueueCounts,
        r#"
        select count(*) filter (where dead_at is null) as "waiting!",
               count(*) filter (where dead_at is not null) as "dead!"
        from auth.mails
        "#
    )
    .fetch_one(conn)
    .await?;
    Ok(counts)
}

/// A mail that was given up.
#[derive(Debug, serde::Serialize)]
pub struct DeadLetter {
    pub id: i64,
    /// What it was to say.
    pub kind: String,
    /// To whom; nobody, when it was not known yet.
    pub recipient: Option<String>,
    /// When it was queued.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// How often it was tried.
    pub attempts: i32,
    /// What went wrong the last time.
    pub last_error: Option<String>,
}

/// The mails that were given up, the latest first.
pub async fn dead_letters(conn: &mut PgConnection, limit: i64) -> Result<Vec<DeadLetter>> {
    let letters = sqlx::query_as!(
        DeadLetter,
        r#"
        select id, kind, recipient, created_at, attempts, last_error
        from auth.mails
        where dead_at is not null
        order by dead_at desc, id desc
        limit $1
        "#,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(letters)
}

/// Tries all dead letters again, from the beginning; answers how many.
pub async fn retry(conn: &mut PgConnection, now: OffsetDateTime) -> Result<u64> {
    let retried = sqlx::query!(
        "update auth.mails set dead_at = null, attempts = 0, next_try_at = $1 where dead_at is not null",
        now,
    )
    .execute(conn)
    .await?;
    Ok(retried.rows_affected())
}

/// Clears away what nobody will ask for again: old dead letters, tokens that are over, and what was counted long ago.
pub async fn clear(conn: &mut PgConnection, now: OffsetDateTime) -> Result<()> {
    sqlx::query!("delete from auth.mails where dead_at <= $1", now - FORGOTTEN).execute(&mut *conn).await?;
    sqlx::query!("delete from auth.mail_tokens where expires_at <= $1", now - Duration::DAY)
        .execute(&mut *conn)
        .await?;
    limits::forget(conn, now).await
}
