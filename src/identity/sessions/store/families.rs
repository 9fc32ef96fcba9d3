//! The tables `auth.refresh_families` and `auth.refresh_tokens`, as logins and refreshes use them.

use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{FamilyId, PersonId};
use crate::base::opaque::refresh_token::RefreshHash;
use crate::base::opaque::token::TokenHash;
use crate::gate::sessions::{Family, PairTimes, Payload, RefreshTokenState};
use crate::identity::sessions::Refreshed;

/// How many refresh tokens of a family are known when they come again. An older one is refused like any unknown one.
const REMEMBERED: i32 = 500;

/// How many branches a family has at most: more tabs than anybody has open.
const BRANCHES: i64 = 64;

/// A new access token and the refresh token that goes with it.
#[derive(Debug)]
pub struct NewPair {
    /// The access token's hash.
    pub token: TokenHash,
    /// The refresh token's.
    pub refresh_token: RefreshHash,
    /// From when the lifetimes of its session count.
    pub times: PairTimes,
}

/// Makes a session that has just begun the first of a family.
pub async fn begin(conn: &mut PgConnection, pair: &NewPair) -> Result<()> {
    let public_id = pair.refresh_token.family_id();
    sqlx::query!(
        r#"
        with family as (
            insert into auth.refresh_families
                (public_id, person_id, created_at, rotated_at, generation, client_id, address, user_agent, amr)
            select $2, person_id, created_at, created_at, 1, client_id, address, user_agent, amr
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
        pair.token.as_bytes(),
        public_id.as_str(),
        pair.refresh_token.as_bytes(),
        pair.times.created_at,
        pair.times.modified_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A refresh token that was handed out once.
#[derive(Debug)]
pub struct IssuedRefreshToken {
    /// Whose it is.
    pub person: PersonId,
    /// Of which family.
    pub family: FamilyId,
    /// Which of the family's.
    pub generation: i32,
}

/// What is known of a refresh token: none of it ever changes while the family lives.
pub async fn find(conn: &mut PgConnection, token: RefreshHash) -> Result<Option<IssuedRefreshToken>> {
    let known = sqlx::query_as!(
        IssuedRefreshToken,
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
pub async fn refresh_token_state(conn: &mut PgConnection, token: RefreshHash) -> Result<Option<RefreshTokenState>> {
    let state = sqlx::query_as!(
        RefreshTokenState,
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
    Ok(state)
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

/// A refresh token's exchange for a new pair.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// The token that was presented.
    pub of: Refreshed<'a>,
    /// What it is exchanged for.
    pub pair: NewPair,
    /// Now.
    pub now: OffsetDateTime,
}

/// Hands out a family's next pair: the session goes on, as its login said that it began.
pub async fn exchange(conn: &mut PgConnection, new: &Exchange<'_>) -> Result<Payload> {
    let Exchange { of, pair, now } = new;
    let Json(payload) = sqlx::query_scalar!(
        r#"
        with family as (
            update auth.refresh_families
            set generation = $2, parent = $3, rotated_at = $4, refreshes_until = $10
            where id = $1
            returning id, person_id, client_id, address, user_agent, amr, authenticated_at
        ), refresh_token as (
            insert into auth.refresh_tokens (token, family_id, generation, parent, session)
            select $5, id, $2, $3, $6
            from family
        ), forgotten as (
            delete from auth.refresh_tokens
            where family_id = $1 and generation <= $2 - $9 and exchanged_at is not null
        )
        insert into auth.tokens_cache
            (token, person_id, payload, created_at, modified_at, client_id, address, user_agent, family_id, amr,
             authenticated_at)
        select $6, p.id, jsonb_build_object('user_id', p.id, 'username', p.username, 'name', p.name),
               $7, $8, family.client_id, family.address, family.user_agent, family.id, family.amr,
               family.authenticated_at
        from family
        join auth.person p on p.id = family.person_id
        returning payload as "payload: Json<Payload>"
        "#,
        of.family.id.0,
        of.family.generation + 1,
        of.generation,
        *now,
        pair.refresh_token.as_bytes(),
        pair.token.as_bytes(),
        pair.times.created_at,
        pair.times.modified_at,
        REMEMBERED,
        of.refreshes_until,
    )
    .fetch_one(conn)
    .await?;
    Ok(payload)
}
