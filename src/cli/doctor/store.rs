//! What the doctor asks Postgres.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::error::Result;

/// The server's version as a number (150004) and as text.
pub(super) async fn version(conn: &mut PgConnection) -> Result<(i32, String)> {
    let row = sqlx::query!(
        r#"
        select current_setting('server_version_num')::int as "number!", current_setting('server_version') as "text!"
        "#
    )
    .fetch_one(conn)
    .await?;
    Ok((row.number, row.text))
}

/// The server's clock.
pub(super) async fn now(conn: &mut PgConnection) -> Result<OffsetDateTime> {
    Ok(sqlx::query_scalar!(r#"select clock_timestamp() as "now!""#).fetch_one(conn).await?)
}

/// Says something, once this is committed, to those who listen.
pub(super) async fn notify(conn: &mut PgConnection, channel: &str) -> Result<()> {
    sqlx::query!("select from pg_notify($1, '')", channel).execute(conn).await?;
    Ok(())
}
