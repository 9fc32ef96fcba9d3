//! What is over is deleted from `auth.access_tokens`, `auth.authorizations`, `auth.spent_assertions`, `auth.device_authorizations` and
//! `auth.pushed_requests`.

use std::ops::Range;

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::gate::sessions::store::{Purged, purge_quietly};

/// Deletes access tokens in a range of the table's pages that are over, `limit` of them at most. Rows that someone holds are
/// left for the next run. To be done in a transaction.
pub async fn access_tokens(
    conn: &mut PgConnection,
    now: OffsetDateTime,
    pages: Range<i64>,
    limit: i64,
) -> Result<Purged> {
    purge_quietly(&mut *conn).await?;
    let purged = sqlx::query!(
        r#"
        with over as (
            select ctid
            from auth.access_tokens
            where ctid >= format('(%s,0)', $2::bigint)::tid
              and ctid < format('(%s,0)', $3::bigint)::tid
              and expires_at <= $1
            limit $4
            for update skip locked
        ), purged as (
            delete from auth.access_tokens
            where ctid = any (array(select ctid from over))
            returning (ctid::text::point)[0]::bigint as page
        )
        select count(*) as "rows!", max(page) as up_to from purged
        "#,
        now,
        pages.start,
        pages.end,
        limit,
    )
    .fetch_one(conn)
    .await?;
    Purged::of(purged.rows, purged.up_to, limit)
}

/// Deletes so many authorizations at most that are over; answers how many.
pub async fn authorizations(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<u64> {
    purge_quietly(&mut *conn).await?;
    let purged = sqlx::query!(
        r#"
        delete from auth.authorizations
        where id = any (array(
            select id
            from auth.authorizations
            where expires_at <= $1
            order by expires_at
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

/// Deletes so many requests of devices at most that are over; answers how many. Those that were redeemed are kept as long as the
/// others: their codes are known when they come again.
pub async fn device_authorizations(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<u64> {
    purge_quietly(&mut *conn).await?;
    let purged = sqlx::query!(
        r#"
        delete from auth.device_authorizations
        where id = any (array(
            select id
            from auth.device_authorizations
            -- A device that comes a little late still hears that it is.
            where expires_at <= $1::timestamptz - interval '10 minutes'
            order by expires_at
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

/// Deletes so many spent assertions at most that would be refused anyway, also by an instance whose clock is ten minutes behind;
/// answers how many.
pub async fn spent_assertions(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<u64> {
    purge_quietly(&mut *conn).await?;
    let purged = sqlx::query!(
        r#"
        delete from auth.spent_assertions
        where digest = any (array(
            select digest
            from auth.spent_assertions
            where expires_at <= $1::timestamptz - interval '10 minutes'
            order by expires_at
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

/// Deletes so many pushed requests at most that nobody can answer any more; answers how many.
pub async fn pushed_requests(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<u64> {
    purge_quietly(&mut *conn).await?;
    let purged = sqlx::query!(
        r#"
        delete from auth.pushed_requests
        where reference = any (array(
            select reference
            from auth.pushed_requests
            where expires_at <= $1
            order by expires_at
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
