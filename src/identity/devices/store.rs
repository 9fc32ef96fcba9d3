//! The table `auth.person_devices`. A login writes to it where its session begins: [`crate::identity::sessions::store::insert_all`].

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;

/// Deletes so many rows at most of whom nobody has logged in for 90 days; answers how many.
pub async fn purge(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<u64> {
    let purged = sqlx::query!(
        r#"
        delete from auth.person_devices
        where ctid = any (array(
            select ctid
            from auth.person_devices
            where last_seen_at <= $1::timestamptz - interval '90 days'
            order by last_seen_at
            limit $2
            for update skip locked
        ))
        "#,
        now,
        limit,
    )
    .execute(conn)
    .await?;
    Ok(purged.rows_affected())
}
