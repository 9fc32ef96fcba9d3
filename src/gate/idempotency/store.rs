//! The table `auth.idempotency_keys`.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::Claim;
use super::key::Hash;
use crate::base::error::Result;

/// How long an answer is kept.
pub(super) const KEPT: Duration = Duration::hours(24);

/// What has no answer after so long will have none: its instance has died.
pub(super) const ABANDONED: Duration = Duration::minutes(1);

/// What was asked under a key.
#[derive(Debug)]
pub(super) struct StoredRequest {
    /// Not answered yet, by a request that is alive.
    pub under_way: bool,
    pub session: Vec<u8>,
    pub fingerprint: Option<Vec<u8>>,
    pub answer: Option<Vec<u8>>,
}

/// How many keys a caller has that are not forgotten, if it is `most` or more: when the last of them is.
pub(super) async fn full_until(
    conn: &mut PgConnection,
    caller: &str,
    most: i64,
    now: OffsetDateTime,
) -> Result<Option<OffsetDateTime>> {
    let last = sqlx::query_scalar!(
        r#"
        select claimed_at
        from auth.idempotency_keys
        where caller = $1 and claimed_at > $2
        order by claimed_at desc
        offset $3::bigint - 1
        limit 1
        "#,
        caller,
        now - KEPT,
        most,
    )
    .fetch_optional(conn)
    .await?;
    Ok(last.map(|claimed_at| claimed_at + KEPT))
}

/// What was asked under a key before, unless that is forgotten or abandoned.
pub(super) async fn find(
    conn: &mut PgConnection,
    key_digest: &Hash,
    now: OffsetDateTime,
) -> Result<Option<StoredRequest>> {
    let found = sqlx::query_as!(
        StoredRequest,
        r#"
        select session, fingerprint, answer, state <> 'answered' and claimed_at > $3 as "under_way!"
        from auth.idempotency_keys
        where key_digest = $1
          and claimed_at > $2
          and (state <> 'claimed' or claimed_at > $3)
        "#,
        key_digest.as_slice(),
        now - KEPT,
        now - ABANDONED,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found)
}

/// Notes, in the transaction that does it, that it is done. Answers whether nobody else has done it: whoever is about to
/// is waited for.
pub(super) async fn done(conn: &mut PgConnection, claim: &Claim, now: OffsetDateTime) -> Result<bool> {
    let done = sqlx::query!(
        r#"
        insert into auth.idempotency_keys as k (key_digest, claim, session, caller, state, claimed_at)
        values ($1, $2, $3, $4, 'done', $5)
        on conflict (key_digest) do update
        set claim = excluded.claim, session = excluded.session, caller = excluded.caller, state = 'done',
            claimed_at = excluded.claimed_at, fingerprint = null, answer = null
        where k.claim = excluded.claim
           or k.claimed_at <= $6
           or (k.state = 'claimed' and k.claimed_at <= $7)
        "#,
        claim.key_digest.as_slice(),
        claim.id.as_slice(),
        claim.session.as_slice(),
        claim.caller,
        now,
        now - KEPT,
        now - ABANDONED,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps the answer; also that nothing had to be done.
pub(super) async fn answer(
    conn: &mut PgConnection,
    claim: &Claim,
    (fingerprint, answer): (&Hash, &[u8]),
    now: OffsetDateTime,
) -> Result<()> {
    sqlx::query!(
        r#"
        insert into auth.idempotency_keys as k
            (key_digest, claim, session, caller, state, fingerprint, answer, claimed_at)
        values ($1, $2, $3, $4, 'answered', $5, $6, $7)
        on conflict (key_digest) do update
        set state = 'answered', fingerprint = excluded.fingerprint, answer = excluded.answer
        where k.claim = excluded.claim
        "#,
        claim.key_digest.as_slice(),
        claim.id.as_slice(),
        claim.session.as_slice(),
        claim.caller,
        fingerprint.as_slice(),
        answer,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes some of what is kept no longer; answers how many.
pub(super) async fn purge(conn: &mut PgConnection, before: OffsetDateTime, batch: i64) -> Result<u64> {
    let purged = sqlx::query!(
        r#"
        delete from auth.idempotency_keys
        where key_digest in (
            select key_digest
            from auth.idempotency_keys
            where claimed_at <= $1
            order by claimed_at
            limit $2
            for update skip locked
        )
        "#,
        before,
        batch,
    )
    .execute(conn)
    .await?;
    Ok(purged.rows_affected())
}
