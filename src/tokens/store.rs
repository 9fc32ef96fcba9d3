//! The table `auth.tokens_cache`.

use std::collections::HashSet;
use std::net::IpAddr;

use sqlx::types::Json;
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;

use super::{Lifetime, Payload, Session, TokenHash};
use crate::error::Result;
use crate::passwords::PasswordHash;
use crate::users::PersonId;

/// A session to begin.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// The hash of its token.
    pub token: TokenHash,
    /// Whose.
    pub person: PersonId,
    /// The hash that the presented password was verified against.
    pub verified: &'a PasswordHash,
    /// Now.
    pub now: OffsetDateTime,
    /// From `x-client-id`.
    pub client_id: Option<&'a str>,
    /// Where it logged in from.
    pub address: IpAddr,
    /// From `User-Agent`.
    pub user_agent: Option<&'a str>,
}

/// Begins a session and notes the login, unless the person was removed or disabled or got another password since it
/// was verified: the update's row lock makes each of those wait for this, or this for it.
pub async fn insert(conn: &mut PgConnection, new: &NewSession<'_>) -> Result<Option<Payload>> {
    let payload = sqlx::query_scalar!(
        r#"
        with person as (
            update auth.person
            set last_login_at = $4
            where id = $2 and password_hash = $3 and removed_at is null and disabled_at is null
            returning id, username, name
        )
        insert into auth.tokens_cache
            (token, person_id, payload, created_at, modified_at, client_id, address, user_agent)
        select $1, id, jsonb_build_object('user_id', id, 'username', username, 'name', name),
               $4, $4, $5, $6::text::inet, $7
        from person
        returning payload as "payload: Json<Payload>"
        "#,
        new.token.as_bytes(),
        new.person.0,
        new.verified.as_str(),
        new.now,
        new.client_id,
        new.address.to_string(),
        new.user_agent,
    )
    .fetch_optional(conn)
    .await?;
    Ok(payload.map(|Json(payload)| payload))
}

/// The session of a token.
pub async fn find(conn: &mut PgConnection, token: TokenHash) -> Result<Option<Session>> {
    let row = sqlx::query!(
        r#"
        select person_id as "person: PersonId", payload as "payload: Json<Payload>", created_at, modified_at
        from auth.tokens_cache
        where token = $1
        "#,
        token.as_bytes(),
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Session {
        person: row.person,
        payload: row.payload.0,
        created_at: row.created_at,
        modified_at: row.modified_at,
    }))
}

/// Renews a session that was read at `seen`: of any number of racing callers exactly one is told `true`.
pub async fn renew(
    conn: &mut PgConnection,
    token: TokenHash,
    seen: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<bool> {
    let renewed = sqlx::query!(
        "update auth.tokens_cache set modified_at = $3 where token = $1 and modified_at = $2",
        token.as_bytes(),
        seen,
        now,
    )
    .execute(conn)
    .await?;
    Ok(renewed.rows_affected() == 1)
}

/// The sessions of many tokens, in their order.
pub async fn find_all(conn: &mut PgConnection, tokens: &[TokenHash]) -> Result<Vec<Option<Session>>> {
    let hashes: Vec<&[u8]> = tokens.iter().map(TokenHash::as_bytes).collect();
    let rows = sqlx::query!(
        r#"
        select asked.n as "n!", t.person_id as "person: PersonId", t.payload as "payload: Json<Payload>",
               t.created_at, t.modified_at
        from unnest($1::bytea[]) with ordinality asked (token, n)
        join auth.tokens_cache t on t.token = asked.token
        "#,
        &hashes as &[&[u8]],
    )
    .fetch_all(conn)
    .await?;
    let mut found: Vec<Option<Session>> = tokens.iter().map(|_| None).collect();
    for row in rows {
        let session = Session {
            person: row.person,
            payload: row.payload.0,
            created_at: row.created_at,
            modified_at: row.modified_at,
        };
        if let Some(place) = usize::try_from(row.n - 1).ok().and_then(|n| found.get_mut(n)) {
            *place = Some(session);
        }
    }
    Ok(found)
}

/// Renews the sessions among `due` that nobody has touched since they were read, and that nobody is touching; answers
/// which. Waits for nobody, so it can't be waited for in a circle.
pub async fn renew_all(
    conn: &mut PgConnection,
    due: &[(TokenHash, OffsetDateTime)],
    now: OffsetDateTime,
) -> Result<HashSet<TokenHash>> {
    let hashes: Vec<&[u8]> = due.iter().map(|(token, _)| token.as_bytes()).collect();
    let seen: Vec<OffsetDateTime> = due.iter().map(|(_, seen)| *seen).collect();
    let renewed: HashSet<Vec<u8>> = sqlx::query_scalar!(
        r#"
        with free as (
            select t.token
            from unnest($1::bytea[], $2::timestamptz[]) due (token, seen)
            join auth.tokens_cache t on t.token = due.token and t.modified_at = due.seen
            for no key update of t skip locked
        )
        update auth.tokens_cache t
        set modified_at = $3
        from free
        where t.token = free.token
        returning t.token
        "#,
        &hashes as &[&[u8]],
        &seen,
        now,
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .collect();
    Ok(due.iter().map(|(token, _)| *token).filter(|token| renewed.contains(token.as_bytes())).collect())
}

/// Ends one session.
pub async fn revoke(conn: &mut PgConnection, token: TokenHash) -> Result<()> {
    sqlx::query!("delete from auth.tokens_cache where token = $1", token.as_bytes()).execute(conn).await?;
    Ok(())
}

/// Ends a person's sessions but `kept`; answers how many.
pub async fn revoke_all(conn: &mut PgConnection, person: PersonId, kept: Option<TokenHash>) -> Result<u64> {
    let revoked = sqlx::query!(
        "delete from auth.tokens_cache where person_id = $1 and token is distinct from $2",
        person.0,
        kept.as_ref().map(TokenHash::as_bytes),
    )
    .execute(conn)
    .await?;
    Ok(revoked.rows_affected())
}

/// Deletes up to `batch` sessions that are over; answers how many. Rows that someone holds are left for the next run.
/// Nobody is told of their end: whoever knows a session knows when it ends.
pub async fn purge(conn: &mut PgConnection, lifetime: Lifetime, now: OffsetDateTime, batch: i64) -> Result<u64> {
    let mut tx = conn.begin().await?;
    sqlx::query!("select set_config('portero.purging', 'on', true)").fetch_one(&mut *tx).await?;
    let purged = sqlx::query!(
        r#"
        delete from auth.tokens_cache
        where token = any (array(
            select token
            from auth.tokens_cache
            where modified_at <= $1 or created_at <= $2
            limit $3
            for update skip locked
        ))
        "#,
        now - lifetime.sliding,
        now - lifetime.absolute,
        batch,
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(purged.rows_affected())
}
