//! The table `auth.mail_limits`.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::base::error::Result;
use crate::identity::mail::limits::Limit;

/// Counts one under `key`; answers how long to wait when there have been too many: then it is not counted. Of many at
/// once, as many are counted as there may be.
pub async fn take(conn: &mut PgConnection, key: &str, limit: Limit, now: OffsetDateTime) -> Result<Option<Duration>> {
    let counted = sqlx::query!(
        r#"
        insert into auth.mail_limits as l (key, asked_at, kept_until)
        values ($1, array[$2::timestamptz], $3)
        on conflict (key) do update
        set asked_at = array(select at from unnest(l.asked_at) at where at > $4 order by at) || excluded.asked_at,
            kept_until = excluded.kept_until
        where (select count(*) from unnest(l.asked_at) at where at > $4) < $5
          and not exists (select from unnest(l.asked_at) at where at > $6)
        "#,
        key,
        now,
        now + limit.within,
        now - limit.within,
        i64::from(limit.most),
        limit.pause.is_positive().then(|| now - limit.pause),
    )
    .execute(&mut *conn)
    .await?;
    if counted.rows_affected() == 1 {
        return Ok(None);
    }
    let asked = sqlx::query_scalar!("select asked_at from auth.mail_limits where key = $1", key)
        .fetch_optional(conn)
        .await?
        .unwrap_or_default();
    Ok(Some(wait(&asked, limit, now)))
}

/// How long until one more may be counted after these, the earliest first.
fn wait(asked: &[OffsetDateTime], limit: Limit, now: OffsetDateTime) -> Duration {
    let full = asked.iter().rev().nth(usize::from(limit.most) - 1).map(|first| *first + limit.within - now);
    let pause = asked.last().map(|last| *last + limit.pause - now);
    full.max(pause).unwrap_or_default().max(Duration::ZERO)
}

/// Forgets what counts no more.
pub async fn forget(conn: &mut PgConnection, now: OffsetDateTime) -> Result<()> {
    sqlx::query!("delete from auth.mail_limits where kept_until <= $1", now).execute(conn).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_until_the_earliest_that_counts_counts_no_more_or_the_pause_is_over() {
        let limit = Limit { most: 3, within: Duration::HOUR, pause: Duration::MINUTE };
        let now = OffsetDateTime::UNIX_EPOCH;
        let ago = |minutes: i64| now - Duration::minutes(minutes);
        assert_eq!(wait(&[ago(50), ago(30), ago(20)], limit, now), Duration::minutes(10));
        assert_eq!(wait(&[ago(50), now], limit, now), Duration::MINUTE);
        assert_eq!(wait(&[], limit, now), Duration::ZERO);
    }
}
