//! The table `auth.login_attempts`.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::{Attempt, FailureRecord, Rules, Waits};
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::base::network::Network;
use crate::identity::devices::Device;

/// Where a person's failures at a network and with a device count, and what stands against them.
pub async fn waits_of_person(
    conn: &mut PgConnection,
    person: PersonId,
    network: Network,
    device: Device,
    now: OffsetDateTime,
) -> Result<Waits> {
    let waits = sqlx::query_as!(
        Waits,
        r#"
        select
            attempts.key as "key!",
            coalesce(own.failures, 0) as "failures!",
            own.wait_until as "own?",
            address.wait_until as "address?"
        from auth.attempts_key($1, $2, $3, $4) as attempts (key)
        left join auth.login_attempts own on own.key = attempts.key
        left join auth.login_attempts address on address.key = 'address:' || $2
        "#,
        person.0,
        network.to_string(),
        device.as_bytes(),
        now,
    )
    .fetch_one(conn)
    .await?;
    Ok(waits)
}

/// Until when whoever makes `attempt` must wait by now.
pub async fn longest_wait(conn: &mut PgConnection, attempt: &Attempt) -> Result<Option<OffsetDateTime>> {
    let until = sqlx::query_scalar!(
        "select max(wait_until) from auth.login_attempts where key in ($1, $2)",
        attempt.key.as_deref(),
        attempt.address_key.as_deref().filter(|_| !attempt.is_known()),
    )
    .fetch_one(conn)
    .await?;
    Ok(until)
}

/// Counts a failure where it belongs, unless a wait has begun there since `attempt` did: then this answers when the wait
/// ends, and what it has written is to be undone. Of any number of racing failures each sees those before it.
pub async fn count_failure(
    conn: &mut PgConnection,
    attempt: &Attempt,
    now: OffsetDateTime,
) -> Result<Option<OffsetDateTime>> {
    // Always in this order, so that no two wait for each other.
    let Rules { person, address } = attempt.rules;
    let waits_there = !attempt.is_known();
    let places = [(&attempt.key, attempt.person, person, true), (&attempt.address_key, None, address, waits_there)];
    for (key, person, rule, waits) in places {
        let (Some(key), Some(rule)) = (key, rule) else { continue };
        let before = lock(conn, key, person, now).await?;
        if waits && before.wait_until > attempt.began {
            return Ok(Some(before.wait_until));
        }
        write(conn, key, rule.after_failure(before, now), now).await?;
    }
    Ok(None)
}

/// What stands under a key, which nobody else changes until this transaction ends.
async fn lock(
    conn: &mut PgConnection,
    key: &str,
    person: Option<PersonId>,
    now: OffsetDateTime,
) -> Result<FailureRecord> {
    let none = FailureRecord::none(now);
    let record = sqlx::query_as!(
        FailureRecord,
        r#"
        insert into auth.login_attempts as standing
            (key, person_id, failures, forgotten_at, wait_until, last_failed_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (key) do update set last_failed_at = excluded.last_failed_at
        returning failures, forgotten_at, wait_until
        "#,
        key,
        person.map(|person| person.0),
        none.failures,
        none.forgotten_at,
        none.wait_until,
        now,
    )
    .fetch_one(conn)
    .await?;
    Ok(record)
}

async fn write(conn: &mut PgConnection, key: &str, record: FailureRecord, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        r#"
        update auth.login_attempts
        set failures = $2,
            forgotten_at = $3,
            wait_until = $4,
            kept_until = case
                when person_id is null then greatest($3::timestamptz, $4::timestamptz)
                -- As long as they are known there.
                when key like '%@%' then $5::timestamptz + interval '90 days'
            end
        where key = $1
        "#,
        key,
        record.failures,
        record.forgotten_at,
        record.wait_until,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets the failures where `attempt` was made, unless a wait has begun there since it did: then this answers when the
/// wait ends.
pub async fn clear_after_success(conn: &mut PgConnection, attempt: &Attempt) -> Result<Option<OffsetDateTime>> {
    let until = sqlx::query_scalar!(
        r#"select wait_until from auth.login_attempts where key = $1 for no key update"#,
        attempt.key.as_deref(),
    )
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(until) = until.filter(|until| *until > attempt.began) {
        return Ok(Some(until));
    }
    sqlx::query!("delete from auth.login_attempts where key = $1", attempt.key.as_deref()).execute(conn).await?;
    Ok(None)
}

/// Forgets a person's failures wherever they were: for a new password, and for an administrator who lets them in. Answers
/// whether there were any.
pub async fn clear(conn: &mut PgConnection, person: PersonId) -> Result<bool> {
    let cleared = sqlx::query!("delete from auth.login_attempts where person_id = $1", person.0).execute(conn).await?;
    Ok(cleared.rows_affected() > 0)
}

/// What stands against a person at one place.
#[derive(Debug, serde::Serialize)]
pub struct FailedLogins {
    /// Where they are known; `None` for everywhere else.
    pub network: Option<String>,
    /// Whether it was with a device that they have used there before.
    pub known_device: bool,
    /// How many there were in a row.
    pub failures: i32,
    #[serde(with = "time::serde::rfc3339")]
    pub last_failed_at: OffsetDateTime,
    /// Nothing is compared before.
    #[serde(with = "time::serde::rfc3339")]
    pub wait_until: OffsetDateTime,
}

/// What stands against a person.
pub async fn of_person(conn: &mut PgConnection, person: PersonId) -> Result<Vec<FailedLogins>> {
    let rows = sqlx::query_as!(
        FailedLogins,
        r#"
        select nullif(split_part(split_part(key, '@', 2), '#', 1), '') as network, key like '%#%' as "known_device!",
               failures, last_failed_at, wait_until
        from auth.login_attempts
        where person_id = $1
        order by key
        "#,
        person.0,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

/// Deletes so many rows at most that say nothing any more; answers how many. What others hold is left for the next time.
pub async fn purge(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<u64> {
    let purged = sqlx::query!(
        r#"
        delete from auth.login_attempts
        where ctid = any (array(
            select ctid
            from auth.login_attempts
            where kept_until <= $1
            order by kept_until
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

/// Puts one more into a bucket that is empty `within` a time when it is full. Answers when it is empty, if there was no
/// room.
pub(super) async fn fill_quota(
    conn: &mut PgConnection,
    key: &str,
    each: Duration,
    within: Duration,
    now: OffsetDateTime,
) -> Result<Option<OffsetDateTime>> {
    let filled = sqlx::query!(
        r#"
        insert into auth.quotas as q (key, empty_at)
        values ($1, $2)
        on conflict (key) do update
        set empty_at = greatest(q.empty_at, $3) + (excluded.empty_at - $3)
        where greatest(q.empty_at, $3) + (excluded.empty_at - $3) <= $4
        "#,
        key,
        now + each,
        now,
        now + within,
    )
    .execute(&mut *conn)
    .await?;
    if filled.rows_affected() == 1 {
        return Ok(None);
    }
    let empty_at =
        sqlx::query_scalar!("select empty_at from auth.quotas where key = $1", key).fetch_optional(conn).await?;
    Ok(Some(empty_at.unwrap_or(now)))
}

/// Forgets buckets that are empty.
pub(super) async fn purge_quotas(conn: &mut PgConnection, now: OffsetDateTime, batch: i64) -> Result<u64> {
    let purged = sqlx::query!(
        r#"
        delete from auth.quotas
        where key in (
            select key from auth.quotas where empty_at <= $1 order by empty_at limit $2 for update skip locked
        )
        "#,
        now,
        batch,
    )
    .execute(conn)
    .await?;
    Ok(purged.rows_affected())
}
