//! The table `auth.passkey_challenges`.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::identity::passkeys::Purpose;
use crate::identity::passkeys::ceremony::{Challenge, Question};
use crate::identity::passkeys::challenge::GOOD_FOR;

/// So many of one network may be unanswered.
const OF_A_NETWORK: u32 = 500;

/// So many of a person, or of one login of theirs.
const OF_A_PERSON: u32 = 20;

/// When so many are unanswered in all, a network may have [`FEW`].
const MANY: i64 = 50_000;
const FEW: i64 = 10;

/// So many that are over are cleared away with each new one.
const CLEARED: i64 = 20;

/// How many may be unanswered of whoever asks for this.
pub fn share(purpose: Purpose) -> u32 {
    if purpose.person().is_some() { OF_A_PERSON } else { OF_A_NETWORK }
}

/// Keeps a challenge, and clears away some that are over; `false` where its asker has too many.
///
/// It does not wait for the disk: whoever has one that a crash of Postgres forgot asks again.
pub async fn insert(
    conn: &mut PgConnection,
    question: &Question,
    purpose: Purpose,
    asker: &str,
    now: OffsetDateTime,
) -> Result<bool> {
    let inserted = sqlx::query!(
        r#"
        with over as (
            select ctid from auth.passkey_challenges
            where expires_at <= $6 order by expires_at limit $8
            for update skip locked
        ), cleared as (
            delete from auth.passkey_challenges where ctid = any (array(select ctid from over))
        )
        insert into auth.passkey_challenges (challenge, purpose, person_id, state, asker, expires_at)
        select $1, $2, $3, $4, $5, $7
        from (
            select count(*) as total from (select from auth.passkey_challenges limit $10) unanswered
        ) all_of_them
        where set_config('synchronous_commit', 'off', true) = 'off' and (
            select count(*)
            from (select from auth.passkey_challenges where asker = $5 and expires_at > $6 limit $9) own
        ) < case when $3::int is null and all_of_them.total >= $10 then $11 else $9 end
        "#,
        question.challenge.as_slice(),
        purpose.as_str(),
        purpose.person().map(|person| person.0),
        question.state,
        asker,
        now,
        now + GOOD_FOR,
        CLEARED,
        i64::from(share(purpose)),
        MANY,
        FEW,
    )
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Takes a challenge for good; answers what its answer is held against. `None` where there is none, or none any more, for this purpose.
pub async fn take(
    conn: &mut PgConnection,
    challenge: Challenge,
    purpose: Purpose,
    now: OffsetDateTime,
) -> Result<Option<Vec<u8>>> {
    let taken = sqlx::query!(
        r#"
        delete from auth.passkey_challenges
        where challenge = $1 and purpose = $2 and person_id is not distinct from $3 and ($4::text is null or asker = $4)
        returning state, expires_at
        "#,
        challenge.as_slice(),
        purpose.as_str(),
        purpose.person().map(|person| person.0),
        purpose.asker(),
    )
    .fetch_optional(conn)
    .await?;
    Ok(taken.filter(|taken| taken.expires_at > now).map(|taken| taken.state))
}

/// Forgets what somebody was to answer: whatever they wanted, they are to begin again.
pub async fn forget(conn: &mut PgConnection, person: PersonId) -> Result<()> {
    sqlx::query!("delete from auth.passkey_challenges where person_id = $1", person.0).execute(conn).await?;
    Ok(())
}
