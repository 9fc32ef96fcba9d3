//! The table `auth.backchannel_logouts`, which triggers on `auth.tokens_cache` fill.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::base::error::{Error, Result};
use crate::base::id::{ClientId, PersonId};
use crate::oauth::keys::Algorithm;
use crate::platform::metrics::LogoutQueueCounts;

/// Nobody has looked at it for so long: nobody will.
const FORGOTTEN: Duration = Duration::days(30);

/// A logout to tell, which is the claimer's until the lease is over.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Its row.
    pub id: i64,
    /// The row of who is told.
    pub client: ClientId,
    /// Who is told.
    pub client_id: String,
    /// Where.
    pub uri: String,
    /// How its tokens are signed.
    pub signing_alg: Algorithm,
    /// Whose session has ended.
    pub person: PersonId,
    /// What the ID token calls the session.
    pub sid: String,
    /// How often it has been tried, this time included.
    pub attempts: i32,
}

/// Claims up to `limit` logouts that are due, `each` of a client at most and none of the `busy` ones, so that one that hangs keeps
/// no other waiting.
pub async fn claim(
    conn: &mut PgConnection,
    (now, lease): (OffsetDateTime, Duration),
    (limit, each): (usize, i64),
    busy: &[ClientId],
) -> Result<Vec<Claimed>> {
    let busy: Vec<i32> = busy.iter().map(|client| client.0).collect();
    let rows = sqlx::query!(
        r#"
        update auth.backchannel_logouts l
        set attempts = l.attempts + 1, next_try_at = $2
        from auth.clients c
        where c.id = l.client_id
          and l.id = any (array(
            select due.id
            from (
                select distinct client_id
                from auth.backchannel_logouts
                where dead_at is null and next_try_at <= $1 and client_id <> all ($5)
            ) as waiting
            cross join lateral (
                select of_client.id, of_client.next_try_at
                from auth.backchannel_logouts of_client
                where of_client.client_id = waiting.client_id
                  and of_client.dead_at is null
                  and of_client.next_try_at <= $1
                order by of_client.next_try_at, of_client.id
                limit $4
                for update skip locked
            ) as due
            order by due.next_try_at, due.id
            limit $3
        ))
        returning l.id, l.client_id as "client: ClientId", c.client_id, c.backchannel_logout_uri as uri, c.signing_alg, l.person_id as "person: PersonId",
                  l.sid, l.attempts
        "#,
        now,
        now + lease,
        i64::try_from(limit).unwrap_or(i64::MAX),
        each,
        &busy,
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut claimed = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(uri) = row.uri else {
            // It wants to hear of nothing any more.
            delete(&mut *conn, row.id).await?;
            continue;
        };
        let signing_alg = row.signing_alg.parse();
        let signing_alg = signing_alg.map_err(|fault: String| Error::Internal(anyhow::anyhow!(fault)))?;
        let (id, client, client_id) = (row.id, row.client, row.client_id);
        let (person, sid, attempts) = (row.person, row.sid, row.attempts);
        claimed.push(Claimed { id, client, client_id, uri, signing_alg, person, sid, attempts });
    }
    Ok(claimed)
}

/// It is told, or nobody wants to hear it.
pub async fn delete(conn: &mut PgConnection, id: i64) -> Result<()> {
    sqlx::query!("delete from auth.backchannel_logouts where id = $1", id).execute(conn).await?;
    Ok(())
}

/// It is to be tried again at `next`, or never again when that is `None`. Nothing happens when somebody else has taken it over
/// meanwhile.
pub async fn put_back(
    conn: &mut PgConnection,
    logout: &Claimed,
    next: Option<OffsetDateTime>,
    now: OffsetDateTime,
    error: &str,
) -> Result<()> {
    sqlx::query!(
        r#"
        update auth.backchannel_logouts
        set next_try_at = coalesce($3, next_try_at),
            dead_at = case when $3::timestamptz is null then $4::timestamptz end,
            last_error = $5
        where id = $1 and attempts = $2
        "#,
        logout.id,
        logout.attempts,
        next,
        now,
        error,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How the queue stands.
pub async fn queue_counts(conn: &mut PgConnection) -> Result<LogoutQueueCounts> {
    let counts = sqlx::query_as!(
        LogoutQueueCounts,
        r#"
        select count(*) filter (where dead_at is null) as "waiting!",
               count(*) filter (where dead_at is not null) as "dead!"
        from auth.backchannel_logouts
        "#
    )
    .fetch_one(conn)
    .await?;
    Ok(counts)
}

/// A client that was not told of logouts.
#[derive(Clone, Debug)]
pub struct Unreached {
    /// Which.
    pub client_id: String,
    /// Of how many.
    pub logouts: i64,
    /// What went wrong the last time.
    pub last_error: Option<String>,
}

/// The clients whose logouts were given up, those with the most first.
pub async fn unreached(conn: &mut PgConnection, limit: i64) -> Result<Vec<Unreached>> {
    let unreached = sqlx::query_as!(
        Unreached,
        r#"
        select c.client_id, count(*) as "logouts!",
               (array_agg(l.last_error order by l.dead_at desc, l.id desc))[1] as last_error
        from auth.backchannel_logouts l
        join auth.clients c on c.id = l.client_id
        where l.dead_at is not null
        group by c.client_id
        order by count(*) desc, c.client_id
        limit $1
        "#,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(unreached)
}

/// Forgets those that were given up long ago.
pub async fn clear(conn: &mut PgConnection, now: OffsetDateTime) -> Result<()> {
    sqlx::query!("delete from auth.backchannel_logouts where dead_at <= $1", now - FORGOTTEN).execute(conn).await?;
    Ok(())
}
