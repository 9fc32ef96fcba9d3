//! The table `auth.tokens_cache`, and those of the families of its sessions.

pub mod families;

use std::ops::Range;

use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::{Authentication, Due, Lifetime, Payload, Session};
use crate::base::amr::Amr;
use crate::base::error::Result;
use crate::base::id::{FamilyId, PersonId};
use crate::base::opaque::token::TokenHash;
use crate::platform::database::by_place;

/// The sessions of tokens, in their order.
pub async fn find_all(conn: &mut PgConnection, tokens: &[TokenHash]) -> Result<Vec<Option<Session>>> {
    let hashes: Vec<&[u8]> = tokens.iter().map(TokenHash::as_bytes).collect();
    let rows = sqlx::query!(
        r#"
        select
            asked.place as "place!",
            t.person_id as "person: PersonId",
            t.payload as "payload: Json<Payload>",
            t.created_at,
            t.modified_at
        from unnest($1::bytea[]) with ordinality as asked (token, place)
        join auth.tokens_cache t on t.token = asked.token
        -- All of them. Postgres expects one, though, and so plans this once, and by index, for few and for many.
        where asked.place between 1 and cardinality($1)
        "#,
        &hashes as &[&[u8]],
    )
    .fetch_all(conn)
    .await?;
    let sessions = rows.into_iter().map(|row| {
        let (created_at, modified_at) = (row.created_at, row.modified_at);
        (row.place, Session { person: row.person, payload: row.payload.0.into(), created_at, modified_at })
    });
    by_place(tokens, sessions)
}

/// Whether a session has not ended.
pub async fn stands(conn: &mut PgConnection, token: TokenHash) -> Result<bool> {
    let stands = sqlx::query_scalar!(
        r#"select exists (select from auth.tokens_cache where token = $1) as "stands!""#,
        token.as_bytes(),
    )
    .fetch_one(conn)
    .await?;
    Ok(stands)
}

/// Renews sessions; answers for each whether it was this that renewed it.
///
/// A row that somebody else has locked is passed over: they are renewing or ending it. So this waits for nobody, and
/// nobody waits for this in a circle.
pub async fn renew_all(conn: &mut PgConnection, due: &[Due]) -> Result<Vec<bool>> {
    let tokens: Vec<&[u8]> = due.iter().map(|due| due.token.as_bytes()).collect();
    let seen: Vec<OffsetDateTime> = due.iter().map(|due| due.seen).collect();
    let now: Vec<OffsetDateTime> = due.iter().map(|due| due.now).collect();
    let renewed = sqlx::query_scalar!(
        r#"
        with due as (
            select t.token, asked.now, asked.place
            from unnest($1::bytea[], $2::timestamptz[], $3::timestamptz[]) with ordinality
                as asked (token, seen, now, place)
            join auth.tokens_cache t on t.token = asked.token and t.modified_at = asked.seen
            for no key update of t skip locked
        )
        update auth.tokens_cache t
        -- By whatever clock: what was used does not look unused.
        set modified_at = greatest(due.now, t.created_at)
        from due
        where t.token = due.token
        returning due.place as "place!"
        "#,
        &tokens as &[&[u8]],
        &seen,
        &now,
    )
    .fetch_all(conn)
    .await?;
    let won = by_place(due, renewed.into_iter().map(|place| (place, ())))?;
    Ok(won.iter().map(Option::is_some).collect())
}

/// Ends one session, and its family with it; answers whether it was there.
pub async fn revoke(conn: &mut PgConnection, token: TokenHash) -> Result<bool> {
    let found = sqlx::query_scalar!(
        r#"select family_id as "family: FamilyId" from auth.tokens_cache where token = $1"#,
        token.as_bytes(),
    )
    .fetch_optional(&mut *conn)
    .await?;
    match found {
        None => Ok(false),
        Some(Some(family)) => families::end(conn, family).await,
        Some(None) => {
            let ended = sqlx::query!("delete from auth.tokens_cache where token = $1", token.as_bytes());
            Ok(ended.execute(conn).await?.rows_affected() == 1)
        }
    }
}

/// When and by what means somebody last proved who they are, whose session this is: of one with refresh tokens, what its family says.
pub async fn authentication(conn: &mut PgConnection, token: TokenHash) -> Result<Option<Authentication>> {
    let row = sqlx::query!(
        r#"
        select coalesce(f.authenticated_at, f.created_at, t.authenticated_at, t.created_at) as "at!",
               coalesce(f.amr, t.amr) as "amr!"
        from auth.tokens_cache t
        left join auth.refresh_families f on f.id = t.family_id
        where t.token = $1
        "#,
        token.as_bytes(),
    );
    let row = row.fetch_optional(conn).await?;
    Ok(row.map(|row| Authentication { at: row.at, amr: Amr::read(row.amr) }))
}

/// Notes that somebody has proved `now` who they are, by these means, too; answers whether their session was there.
pub async fn reauthenticate(conn: &mut PgConnection, token: TokenHash, amr: Amr, now: OffsetDateTime) -> Result<bool> {
    let noted = sqlx::query!(
        r#"
        with session as (
            update auth.tokens_cache
            set authenticated_at = $3, amr = $2
            where token = $1
            returning family_id
        ), family as (
            update auth.refresh_families f
            set authenticated_at = $3, amr = $2
            from session
            where f.id = session.family_id
        )
        select from session
        "#,
        token.as_bytes(),
        &amr.words(),
        now,
    );
    Ok(noted.fetch_optional(conn).await?.is_some())
}

/// Ends a person's sessions and families but the `kept` one; answers how many. A family is one session, of which that one
/// branch goes on: another may be a thief's.
pub async fn revoke_all(conn: &mut PgConnection, person: PersonId, kept: Option<TokenHash>) -> Result<u64> {
    let token = kept.as_ref().map(TokenHash::as_bytes);
    let families = sqlx::query!(
        r#"
        delete from auth.refresh_families
        where person_id = $1
          and id is distinct from (select family_id from auth.tokens_cache where token = $2)
        "#,
        person.0,
        token,
    )
    .execute(&mut *conn)
    .await?;
    let alone = sqlx::query!(
        "delete from auth.tokens_cache where person_id = $1 and family_id is null and token is distinct from $2",
        person.0,
        token,
    )
    .execute(&mut *conn)
    .await?;
    if let Some(kept) = kept {
        families::keep_branch(conn, kept).await?;
    }
    Ok(families.rows_affected() + alone.rows_affected())
}

/// Ends all sessions and families of many people; answers how many.
pub async fn revoke_all_of(conn: &mut PgConnection, people: &[PersonId]) -> Result<u64> {
    let people: Vec<i32> = people.iter().map(|person| person.0).collect();
    let families = sqlx::query!("delete from auth.refresh_families where person_id = any ($1)", &people);
    let families = families.execute(&mut *conn).await?;
    let alone = sqlx::query!("delete from auth.tokens_cache where person_id = any ($1)", &people);
    let alone = alone.execute(conn).await?;
    Ok(families.rows_affected() + alone.rows_affected())
}

/// How many pages a table has.
pub async fn pages(conn: &mut PgConnection, table: &str) -> Result<i64> {
    let pages = sqlx::query_scalar!(
        r#"select pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint as "pages!""#,
        table,
    )
    .fetch_one(conn)
    .await?;
    Ok(pages)
}

/// What one step of the purge did.
#[derive(Debug)]
pub struct Purged {
    /// How many rows it deleted.
    pub rows: u64,
    /// The page where it came to its limit, and where there may be more.
    pub up_to: Option<i64>,
}

impl Purged {
    /// What one step did that was to delete so many at most.
    pub fn of(rows: i64, up_to: Option<i64>, limit: i64) -> Result<Self> {
        let up_to = up_to.filter(|_| rows == limit);
        Ok(Self { rows: rows.try_into().map_err(anyhow::Error::from)?, up_to })
    }
}

/// Says of this transaction that what it deletes is over: nobody is told, since whoever knows a session knows when it
/// ends; and it need not be durable, since what comes back is over still.
pub async fn purge_quietly(conn: &mut PgConnection) -> Result<()> {
    sqlx::query!(
        r#"
        select set_config('portero.purging', 'on', true) as purging,
               set_config('synchronous_commit', 'off', true) as commit
        "#
    )
    .fetch_one(conn)
    .await?;
    Ok(())
}

/// Deletes sessions in a range of the table's pages that are over, `limit` of them at most. Rows that someone holds are
/// left for the next run. To be done in a transaction.
pub async fn purge(
    conn: &mut PgConnection,
    lifetime: Lifetime,
    now: OffsetDateTime,
    pages: Range<i64>,
    limit: i64,
) -> Result<Purged> {
    purge_quietly(&mut *conn).await?;
    let purged = sqlx::query!(
        r#"
        with over as (
            select ctid
            from auth.tokens_cache
            where ctid >= format('(%s,0)', $3::bigint)::tid
              and ctid < format('(%s,0)', $4::bigint)::tid
              and (modified_at <= $1 or created_at <= $2)
            limit $5
            for update skip locked
        ), purged as (
            delete from auth.tokens_cache
            where ctid = any (array(select ctid from over))
            returning (ctid::text::point)[0]::bigint as page
        )
        select count(*) as "sessions!", max(page) as up_to from purged
        "#,
        now - lifetime.sliding,
        now - lifetime.absolute,
        pages.start,
        pages.end,
        limit,
    )
    .fetch_one(conn)
    .await?;
    Purged::of(purged.sessions, purged.up_to, limit)
}
