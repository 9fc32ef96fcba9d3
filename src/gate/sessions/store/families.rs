//! The tables `auth.refresh_families` and `auth.refresh_tokens`.

use std::ops::Range;

use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::Purged;
use crate::base::error::Result;
use crate::base::id::{FamilyId, PersonId};
use crate::base::opaque::refresh_token::RefreshHash;
use crate::base::opaque::token::TokenHash;
use crate::gate::sessions::{Family, FamilyLifetime, PairTimes, Payload, Standing};

/// How many refresh tokens of a family are known when they come again. An older one is refused like any unknown one.
const REMEMBERED: i32 = 500;

/// How many branches a family has at most: more tabs than anybody has open.
const BRANCHES: i64 = 64;

/// Makes a session that has just begun the first of a family.
pub async fn begin(
    conn: &mut PgConnection,
    token: TokenHash,
    refresh_token: RefreshHash,
    times: PairTimes,
) -> Result<()> {
    let public_id = refresh_token.family_id();
    sqlx::query!(
        r#"
        with family as (
            insert into auth.refresh_families
                (public_id, person_id, created_at, rotated_at, generation, client_id, address, user_agent)
            select $2, person_id, created_at, created_at, 1, client_id, address, user_agent
            from auth.tokens_cache
            where token = $1
            returning id
        ), refresh_token as (
            insert into auth.refresh_tokens (token, family_id, generation, session)
            select $3, id, 1, $1
            from family
        )
        update auth.tokens_cache
        set family_id = family.id, created_at = $4, modified_at = $5
        from family
        where token = $1
        "#,
        token.as_bytes(),
        public_id.as_str(),
        refresh_token.as_bytes(),
        times.created_at,
        times.modified_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A refresh token that was handed out once.
#[derive(Debug)]
pub struct Known {
    /// Whose it is.
    pub person: PersonId,
    /// Of which family.
    pub family: FamilyId,
    /// Which of the family's.
    pub generation: i32,
}

/// What is known of a refresh token: none of it ever changes while the family lives.
pub async fn find(conn: &mut PgConnection, token: RefreshHash) -> Result<Option<Known>> {
    let known = sqlx::query_as!(
        Known,
        r#"
        select f.person_id as "person: PersonId", t.family_id as "family: FamilyId", t.generation
        from auth.refresh_tokens t
        join auth.refresh_families f on f.id = t.family_id
        where t.token = $1
        "#,
        token.as_bytes(),
    )
    .fetch_optional(conn)
    .await?;
    Ok(known)
}

/// A family, unless it has ended or its person may not log in; nobody else changes it until this transaction ends. To be
/// asked for under a lock of the person.
pub async fn lock(conn: &mut PgConnection, family: FamilyId) -> Result<Option<Family>> {
    let family = sqlx::query_as!(
        Family,
        r#"
        select f.id as "id: FamilyId", f.public_id, f.person_id as "person: PersonId", f.created_at, f.rotated_at,
               f.generation, f.refreshes_until
        from auth.refresh_families f
        join auth.person p on p.id = f.person_id
        where f.id = $1 and p.removed_at is null and p.disabled_at is null
        for update of f
        "#,
        family.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(family)
}

/// What has become of a refresh token, to be asked for under a lock of its family.
pub async fn standing(conn: &mut PgConnection, token: RefreshHash) -> Result<Option<Standing>> {
    let standing = sqlx::query_as!(
        Standing,
        r#"
        select
            case
                -- It was handed out by an instance of before, which knew of no branches.
                when t.exchanged_at is null and exists (
                    select
                    from auth.refresh_tokens newer
                    where newer.family_id = t.family_id and newer.generation > t.generation and newer.parent is null
                ) then '1970-01-01T00:00:00Z'
                else t.exchanged_at
            end as exchanged_at,
            (
                select count(*)
                from auth.refresh_tokens child
                where child.family_id = t.family_id and child.parent = t.generation
            ) as "children!",
            exists (
                select
                from auth.refresh_tokens child
                where child.family_id = t.family_id and child.parent = t.generation and child.exchanged_at is not null
            ) as "goes_on!"
        from auth.refresh_tokens t
        where t.token = $1
        "#,
        token.as_bytes(),
    )
    .fetch_optional(conn)
    .await?;
    Ok(standing)
}

/// Notes that a refresh token is exchanged `now`, and ends the session of its pair.
pub async fn spend(conn: &mut PgConnection, family: FamilyId, token: RefreshHash, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        r#"
        with spent as (
            update auth.refresh_tokens
            set exchanged_at = $3
            where token = $2
            returning session
        )
        delete from auth.tokens_cache t
        using spent
        where t.family_id = $1 and (t.token = spent.session or spent.session is null)
        "#,
        family.0,
        token.as_bytes(),
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends the pairs that a refresh token was exchanged for; answers whether nobody has used any of their access tokens. One
/// that is not there any more may have been used.
pub async fn end_children(conn: &mut PgConnection, family: FamilyId, generation: i32) -> Result<bool> {
    let unused = sqlx::query_scalar!(
        r#"
        with children as (
            update auth.refresh_tokens
            set exchanged_at = '1970-01-01T00:00:00Z', parent = -1
            where family_id = $1 and parent = $2
            returning session
        ), ended as (
            delete from auth.tokens_cache t
            using children
            where t.token = children.session
            returning t.modified_at < t.created_at as unused
        )
        select (select count(*) from ended where unused) = (select count(*) from children) as "unused!"
        "#,
        family.0,
        generation,
    )
    .fetch_one(conn)
    .await?;
    Ok(unused)
}

/// Forgets the oldest branches of a family beyond as many as it may have, and ends their sessions.
pub async fn prune(conn: &mut PgConnection, family: FamilyId) -> Result<()> {
    sqlx::query!(
        r#"
        with over as (
            delete from auth.refresh_tokens
            where family_id = $1
              and exchanged_at is null
              and generation < (
                  select min(generation)
                  from (
                      select generation
                      from auth.refresh_tokens
                      where family_id = $1 and exchanged_at is null
                      order by generation desc
                      limit $2
                  ) newest
              )
            returning session
        )
        delete from auth.tokens_cache t
        using over
        where t.token = over.session
        "#,
        family.0,
        BRANCHES,
    )
    .execute(conn)
    .await?;
    Ok(())
}

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

/// A refresh token's exchange for a new pair.
#[derive(Debug)]
pub struct Exchange {
    /// Of which family.
    pub family: FamilyId,
    /// The generation of the token that was presented.
    pub parent: i32,
    /// That of the new one.
    pub generation: i32,
    /// The new refresh token.
    pub refresh_token: RefreshHash,
    /// The new access token.
    pub token: TokenHash,
    /// From when its lifetimes count.
    pub times: PairTimes,
    /// Now.
    pub now: OffsetDateTime,
    /// When the bucket of refreshes is empty after this one.
    pub refreshes_until: OffsetDateTime,
}

/// Hands out a family's next pair.
pub async fn exchange(conn: &mut PgConnection, new: &Exchange) -> Result<Payload> {
    let Json(payload) = sqlx::query_scalar!(
        r#"
        with family as (
            update auth.refresh_families
            set generation = $2, parent = $3, rotated_at = $4, refreshes_until = $10
            where id = $1
            returning id, person_id, client_id, address, user_agent
        ), refresh_token as (
            insert into auth.refresh_tokens (token, family_id, generation, parent, session)
            select $5, id, $2, $3, $6
            from family
        ), forgotten as (
            delete from auth.refresh_tokens
            where family_id = $1 and generation <= $2 - $9 and exchanged_at is not null
        )
        insert into auth.tokens_cache
            (token, person_id, payload, created_at, modified_at, client_id, address, user_agent, family_id)
        select $6, p.id, jsonb_build_object('user_id', p.id, 'username', p.username, 'name', p.name),
               $7, $8, family.client_id, family.address, family.user_agent, family.id
        from family
        join auth.person p on p.id = family.person_id
        returning payload as "payload: Json<Payload>"
        "#,
        new.family.0,
        new.generation,
        new.parent,
        new.now,
        new.refresh_token.as_bytes(),
        new.token.as_bytes(),
        new.times.created_at,
        new.times.modified_at,
        REMEMBERED,
        new.refreshes_until,
    )
    .fetch_one(conn)
    .await?;
    Ok(payload)
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
