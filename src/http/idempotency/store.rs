//! The table `auth.idempotency_keys`.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::Claim;
use super::key::{Hash, Presented};
use crate::error::Result;

/// How long an answer is kept.
pub(super) const KEPT: Duration = Duration::hours(24);

/// A request under way that has given no sign of life for so long died with its instance.
pub(super) const ABANDONED: Duration = Duration::minutes(1);

/// What was asked under a key.
#[derive(Debug)]
pub(super) struct Stored {
    /// Not answered yet, by a request that is alive.
    pub under_way: bool,
    pub session: Vec<u8>,
    pub fingerprint: Option<Vec<u8>>,
    pub answer: Option<Vec<u8>>,
}

/// Claims a key that is new, forgotten or abandoned; answers whether it was.
pub(super) async fn claim(
    conn: &mut PgConnection,
    presented: &Presented,
    claim: &Claim,
    now: OffsetDateTime,
) -> Result<bool> {
    let session = presented.session();
    let claimed = sqlx::query!(
        r#"
        insert into auth.idempotency_keys as k (key_digest, claim, session, claimed_at)
        values ($1, $2, $3, $4)
        on conflict (key_digest) do update
        set claim = excluded.claim, session = excluded.session, claimed_at = excluded.claimed_at,
            state = 'claimed', fingerprint = null, answer = null
        where k.claimed_at <= $5
           or (k.state = 'claimed' and k.claimed_at <= $6)
        "#,
        claim.key_digest.as_slice(),
        claim.id.as_slice(),
        session.as_slice(),
        now,
        now - KEPT,
        now - ABANDONED,
    )
    .execute(conn)
    .await?;
    Ok(claimed.rows_affected() == 1)
}

/// What was asked under a key before, unless that is forgotten or abandoned.
pub(super) async fn find(conn: &mut PgConnection, key_digest: &Hash, now: OffsetDateTime) -> Result<Option<Stored>> {
    let found = sqlx::query_as!(
        Stored,
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

/// Notes, in the transaction that does it, that it is done. Answers whether it was still for this request to do.
pub(super) async fn done(conn: &mut PgConnection, claim: &Claim) -> Result<bool> {
    let done = sqlx::query!(
        r#"
        update auth.idempotency_keys
        set state = 'done'
        where key_digest = $1 and claim = $2 and state in ('claimed', 'done')
        "#,
        claim.key_digest.as_slice(),
        claim.id.as_slice(),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a sign of life.
pub(super) async fn keep_claim(conn: &mut PgConnection, claim: &Claim, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "update auth.idempotency_keys set claimed_at = $3 where key_digest = $1 and claim = $2",
        claim.key_digest.as_slice(),
        claim.id.as_slice(),
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps the answer.
pub(super) async fn answer(conn: &mut PgConnection, claim: &Claim, fingerprint: &Hash, answer: &[u8]) -> Result<()> {
    sqlx::query!(
        r#"
        update auth.idempotency_keys
        set state = 'answered', fingerprint = $3, answer = $4
        where key_digest = $1 and claim = $2
        "#,
        claim.key_digest.as_slice(),
        claim.id.as_slice(),
        fingerprint.as_slice(),
        answer,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Frees a key under which nothing was done.
pub(super) async fn release(conn: &mut PgConnection, claim: &Claim) -> Result<()> {
    sqlx::query!(
        "delete from auth.idempotency_keys where key_digest = $1 and claim = $2 and state = 'claimed'",
        claim.key_digest.as_slice(),
        claim.id.as_slice(),
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
