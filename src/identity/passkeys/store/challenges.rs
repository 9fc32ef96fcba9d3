//! The table `auth.passkey_challenges`.

use std::collections::HashSet;

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::identity::passkeys::Purpose;
use crate::identity::passkeys::ceremony::Challenge;
use crate::identity::passkeys::challenge::GOOD_FOR;
use crate::platform::database::column;

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

/// A challenge to be answered.
#[derive(Clone, Debug)]
pub struct NewChallenge {
    pub challenge: Challenge,
    /// What its answer is held against.
    pub state: Vec<u8>,
    pub purpose: Purpose,
    /// Whose share it takes.
    pub asker: String,
    pub now: OffsetDateTime,
}

/// Keeps challenges, and clears away some that are over; `false` where the asker has too many.
///
/// It does not wait for the disk: whoever has one that a crash of Postgres forgot asks again.
pub async fn insert_all(conn: &mut PgConnection, new: &[NewChallenge]) -> Result<Vec<bool>> {
    let inserted = sqlx::query_scalar!(
        r#"
        with asked as materialized (
            select *, row_number() over (partition by asker) as n
            from unnest(
                $1::bytea[], $2::text[], $3::integer[], $4::bytea[], $5::text[], $6::timestamptz[], $7::timestamptz[],
                $8::bigint[]
            ) as asked (challenge, purpose, person_id, state, asker, now, expires_at, share)
        ), over as (
            select ctid from auth.passkey_challenges
            where expires_at <= (select min(now) from asked) order by expires_at limit $9
            for update skip locked
        ), cleared as (
            delete from auth.passkey_challenges where ctid = any (array(select ctid from over))
        )
        insert into auth.passkey_challenges (challenge, purpose, person_id, state, asker, expires_at)
        select asked.challenge, asked.purpose, asked.person_id, asked.state, asked.asker, asked.expires_at
        from asked, (
            select count(*) as total from (
                -- It bounds strangers alone.
                select from auth.passkey_challenges
                limit case when exists (select from asked where person_id is null) then $10::bigint else 0 end
            ) unanswered
        ) all_of_them
        where set_config('synchronous_commit', 'off', true) = 'off' and asked.n + (
            select count(*)
            from (
                select from auth.passkey_challenges c
                where c.asker = asked.asker and c.expires_at > asked.now limit asked.share
            ) own
        ) <= case when asked.person_id is null and all_of_them.total >= $10 then $11 else asked.share end
        returning challenge
        "#,
        &column(new, |new| new.challenge.to_vec()),
        &column(new, |new| new.purpose.as_str().to_owned()),
        &column(new, |new| new.purpose.person().map(|person| person.0)) as &[Option<i32>],
        &column(new, |new| new.state.clone()),
        &column(new, |new| new.asker.clone()),
        &column(new, |new| new.now),
        &column(new, |new| new.now + GOOD_FOR),
        &column(new, |new| i64::from(share(new.purpose))),
        CLEARED * i64::try_from(new.len()).unwrap_or(1),
        MANY,
        FEW,
    );
    let inserted: HashSet<Vec<u8>> = inserted.fetch_all(conn).await?.into_iter().collect();
    Ok(column(new, |new| inserted.contains(new.challenge.as_slice())))
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
