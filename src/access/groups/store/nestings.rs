//! The table `auth.group_nestings`. Whoever changes it has locked the groups.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::access::grants::{GrantTerms, Granted, RequestedTerms};
use crate::base::error::{OnConstraint, Result};
use crate::base::id::{GroupId, Id};

/// The terms on which a group is in another one itself at `now`.
pub async fn current_terms(
    conn: &mut PgConnection,
    group: GroupId,
    member: GroupId,
    now: OffsetDateTime,
) -> Result<Option<GrantTerms>> {
    let current = sqlx::query_as!(
        GrantTerms,
        r#"
        select expires_at, reason
        from auth.group_nestings
        where group_id = $1 and member_id = $2 and auth.lasts(expires_at, $3)
        "#,
        group.0,
        member.0,
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(current)
}

/// The names of the groups by which `group` would be in itself if `member` were in it: from `group` up to `member`. Empty where
/// it would not.
pub async fn circle(conn: &mut PgConnection, group: GroupId, member: GroupId) -> Result<Vec<String>> {
    let names = sqlx::query_scalar!(
        r#"
        select g.name
        from auth.circle_of($1, $2) circle
        join auth.groups g on g.id = circle.group_id
        order by circle.place
        "#,
        group.0,
        member.0,
    );
    Ok(names.fetch_all(conn).await?)
}

/// Puts a group into another, or changes the terms on which it is in it; twice is safe.
pub async fn nest(conn: &mut PgConnection, group: GroupId, member: GroupId, terms: &RequestedTerms) -> Result<Granted> {
    let found = sqlx::query_as!(
        GrantTerms,
        "select expires_at, reason from auth.group_nestings where group_id = $1 and member_id = $2",
        group.0,
        member.0,
    )
    .fetch_optional(&mut *conn)
    .await?;
    match found {
        Some(before) if !before.is_over(terms.now) => change(conn, group, member, before, terms).await,
        over => {
            add(conn, group, member, terms).await?;
            Ok(Granted::Added { over, now: terms.anew() })
        }
    }
}

async fn add(conn: &mut PgConnection, group: GroupId, member: GroupId, terms: &RequestedTerms) -> Result<()> {
    sqlx::query!(
        r#"
        insert into auth.group_nestings (group_id, member_id, created_at, expires_at, reason, added_by)
        values ($1, $2, $3, $4, $5, $6)
        on conflict on constraint group_nestings_pkey do update
        set created_at = excluded.created_at, expires_at = excluded.expires_at, reason = excluded.reason,
            added_by = excluded.added_by
        "#,
        group.0,
        member.0,
        terms.now,
        terms.anew().expires_at,
        terms.anew().reason,
        terms.by.map(|by| by.0),
    )
    .execute(conn)
    .await
    .on_constraint("group_nestings_group_fkey", GroupId::not_found())
    .on_constraint("group_nestings_member_fkey", GroupId::not_found())?;
    Ok(())
}

async fn change(
    conn: &mut PgConnection,
    group: GroupId,
    member: GroupId,
    before: GrantTerms,
    terms: &RequestedTerms,
) -> Result<Granted> {
    let after = terms.over(&before);
    if after == before {
        return Ok(Granted::Unchanged);
    }
    sqlx::query!(
        "update auth.group_nestings set expires_at = $3, reason = $4 where group_id = $1 and member_id = $2",
        group.0,
        member.0,
        after.expires_at,
        after.reason,
    )
    .execute(conn)
    .await?;
    Ok(Granted::Changed { before, after })
}

/// Takes a group out of another; twice is safe. Answers on which terms it had been in it at `now`.
pub async fn unnest(
    conn: &mut PgConnection,
    group: GroupId,
    member: GroupId,
    now: OffsetDateTime,
) -> Result<Option<GrantTerms>> {
    let left = sqlx::query_as!(
        GrantTerms,
        r#"
        delete from auth.group_nestings
        where group_id = $1 and member_id = $2 and auth.lasts(expires_at, $3)
        returning expires_at, reason
        "#,
        group.0,
        member.0,
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(left)
}

/// That a group was in another, and is no longer.
#[derive(Debug)]
pub struct ExpiredNesting {
    pub group: GroupId,
    pub member: GroupId,
    pub terms: GrantTerms,
}

/// Whether any membership is over at `now`, of a person or of a group.
pub async fn is_any_membership_over(conn: &mut PgConnection, now: OffsetDateTime) -> Result<(bool, bool)> {
    let any = sqlx::query!(
        r#"
        -- The earliest of each: of a range alone Postgres might think that it is most of the table.
        select
            coalesce(
                (select true from auth.group_members where expires_at <= $1 order by expires_at limit 1), false
            ) as "people!",
            coalesce(
                (select true from auth.group_nestings where expires_at <= $1 order by expires_at limit 1), false
            ) as "groups!"
        "#,
        now,
    )
    .fetch_one(conn)
    .await?;
    Ok((any.people, any.groups))
}

/// Deletes nestings that are over at `now`, up to `limit`.
pub async fn sweep(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<Vec<ExpiredNesting>> {
    let swept = sqlx::query!(
        r#"
        with over as (
            select group_id, member_id from auth.group_nestings where expires_at <= $1 order by expires_at limit $2
        )
        delete from auth.group_nestings n
        using over
        where n.group_id = over.group_id and n.member_id = over.member_id and n.expires_at <= $1
        returning n.group_id as "group: GroupId", n.member_id as "member: GroupId", n.expires_at, n.reason
        "#,
        now,
        limit,
    )
    .fetch_all(conn)
    .await?;
    let swept = swept.into_iter().map(|row| ExpiredNesting {
        group: row.group,
        member: row.member,
        terms: GrantTerms { expires_at: row.expires_at, reason: row.reason },
    });
    Ok(swept.collect())
}
