//! The table `auth.refresh_families`, as what ends sessions uses it.

use std::ops::Range;

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::Purged;
use crate::base::error::Result;
use crate::base::id::FamilyId;
use crate::base::opaque::token::TokenHash;
use crate::gate::sessions::FamilyLifetime;

/// Ends all branches of a session's family but its own, and forgets what was exchanged: no other token of before is good for
/// anything. (A branch of an instance of before knows no session: the newest is good.)
pub async fn keep_branch(conn: &mut PgConnection, session: TokenHash) -> Result<()> {
    sqlx::query!(
        r#"
        with own as (
            select family_id from auth.tokens_cache where token = $1 and family_id is not null
        ), forgotten as (
            delete from auth.refresh_tokens r
            using own
            where r.family_id = own.family_id
              and r.session is distinct from $1
              and (r.session is not null or r.exchanged_at is not null)
        )
        delete from auth.tokens_cache t
        using own
        where t.family_id = own.family_id and t.token <> $1
        "#,
        session.as_bytes(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends a family and its session; answers whether it was there.
pub async fn end(conn: &mut PgConnection, family: FamilyId) -> Result<bool> {
    let ended = sqlx::query!("delete from auth.refresh_families where id = $1", family.0).execute(conn).await?;
    Ok(ended.rows_affected() == 1)
}

/// Deletes families in a range of the table's pages that are over, as [`super::purge`] does sessions.
pub async fn purge(
    conn: &mut PgConnection,
    lifetime: FamilyLifetime,
    now: OffsetDateTime,
    pages: Range<i64>,
    limit: i64,
) -> Result<Purged> {
    super::purge_quietly(&mut *conn).await?;
    let purged = sqlx::query!(
        r#"
        with over as (
            select ctid
            from auth.refresh_families
            where ctid >= format('(%s,0)', $3::bigint)::tid
              and ctid < format('(%s,0)', $4::bigint)::tid
              and (rotated_at <= $1 or created_at <= $2)
            limit $5
            for update skip locked
        ), purged as (
            delete from auth.refresh_families
            where ctid = any (array(select ctid from over))
            returning (ctid::text::point)[0]::bigint as page
        )
        select count(*) as "rows!", max(page) as up_to from purged
        "#,
        now - lifetime.idle,
        now - lifetime.absolute,
        pages.start,
        pages.end,
        limit,
    )
    .fetch_one(conn)
    .await?;
    Purged::of(purged.rows, purged.up_to, limit)
}
