//! The table `auth.pending_logins`.

use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::amr::Amr;
use crate::base::error::Result;
use crate::base::id::{FactorId, PersonId};
use crate::base::opaque::second_step::MfaTokenHash;
use crate::identity::factors::{FirstStep, Pending};
use crate::platform::passwords::PasswordHash;

/// So many logins of one person wait at most: of more the oldest goes.
const MOST: i32 = 20;

/// So often the second step of one login is tried.
const TRIES: i16 = 10;

/// Stores a login that waits.
pub async fn insert(
    conn: &mut PgConnection,
    token: MfaTokenHash,
    first: &FirstStep<'_>,
    now: OffsetDateTime,
) -> Result<()> {
    let insert = sqlx::query!(
        r#"
        with surplus as (
            delete from auth.pending_logins
            where token = any (array(
                select token from auth.pending_logins where person_id = $2 order by created_at desc offset $9 - 1
            ))
        )
        insert into auth.pending_logins
            (token, person_id, verified, amr, refresh, enrols, created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        "#,
        token.as_bytes(),
        first.person.0,
        first.verified.map(digest),
        &first.amr.words(),
        first.refresh,
        first.methods.is_empty(),
        now,
        now + Pending::LIFETIME,
        MOST,
    );
    insert.execute(conn).await?;
    Ok(())
}

/// A login that waits, with what it goes on by.
#[derive(Debug)]
pub struct Waiting {
    pub person: PersonId,
    /// The hash that the password was verified against, if one was: it is theirs still.
    pub verified: Option<PasswordHash>,
    /// The means of the first step.
    pub amr: Amr,
    pub refresh: bool,
    /// Whether they have no factor and must have one.
    pub enrols: bool,
    /// The one that they have begun here.
    pub factor: Option<FactorId>,
}

impl Waiting {
    /// Whether the first step was taken at an identity provider: else it was a password.
    pub fn is_by_provider(&self) -> bool {
        self.verified.is_none()
    }
}

/// A login that waits, unless its time is over, its person may not log in or has another password by now.
pub async fn find(conn: &mut PgConnection, token: MfaTokenHash, now: OffsetDateTime) -> Result<Option<Waiting>> {
    let row = sqlx::query!(
        r#"
        select l.person_id as "person: PersonId", p.password_hash as "password_hash: PasswordHash",
               l.verified is not null as "by_password!", l.amr, l.refresh, l.enrols,
               l.factor_id as "factor: FactorId"
        from auth.pending_logins l
        join auth.person p on p.id = l.person_id
        where l.token = $1 and l.expires_at > $2 and l.tries < $3 and p.removed_at is null and p.disabled_at is null
          and (l.verified is null or l.verified = sha256(convert_to(p.password_hash, 'UTF8')))
        "#,
        token.as_bytes(),
        now,
        TRIES,
    );
    let row = row.fetch_optional(conn).await?;
    Ok(row.map(|row| Waiting {
        person: row.person,
        verified: row.password_hash.filter(|_| row.by_password),
        amr: Amr::read(row.amr),
        refresh: row.refresh,
        enrols: row.enrols,
        factor: row.factor,
    }))
}

/// Notes which factor was begun in a login that waits.
pub async fn note_factor(conn: &mut PgConnection, token: MfaTokenHash, factor: FactorId) -> Result<()> {
    let noted =
        sqlx::query!("update auth.pending_logins set factor_id = $2 where token = $1", token.as_bytes(), factor.0);
    noted.execute(conn).await?;
    Ok(())
}

/// Takes one of the tries that a login has; answers whether there was one, however many take one at once.
pub async fn try_once(conn: &mut PgConnection, token: MfaTokenHash) -> Result<bool> {
    let tried = sqlx::query!(
        "update auth.pending_logins set tries = tries + 1 where token = $1 and tries < $2",
        token.as_bytes(),
        TRIES,
    );
    Ok(tried.execute(conn).await?.rows_affected() == 1)
}

/// Takes a login that waits: of any number who finish it at once, one wins. Answers whether it was there.
pub async fn spend(conn: &mut PgConnection, token: MfaTokenHash, now: OffsetDateTime) -> Result<bool> {
    let spent =
        sqlx::query!("delete from auth.pending_logins where token = $1 and expires_at > $2", token.as_bytes(), now);
    Ok(spent.execute(conn).await?.rows_affected() == 1)
}

/// Lets none of somebody's logins go on; answers how many that were.
pub async fn remove_all(conn: &mut PgConnection, person: PersonId) -> Result<u64> {
    let removed = sqlx::query!("delete from auth.pending_logins where person_id = $1", person.0);
    Ok(removed.execute(conn).await?.rows_affected())
}

/// Deletes so many rows at most whose time is over; answers how many.
pub async fn purge(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<u64> {
    let purged = sqlx::query!(
        r#"
        delete from auth.pending_logins
        where token = any (array(
            select token
            from auth.pending_logins
            where expires_at <= $1
            order by expires_at
            limit $2
            for update skip locked
        ))
        "#,
        now,
        limit,
    );
    Ok(purged.execute(conn).await?.rows_affected())
}

/// Which hash it was, without being one.
fn digest(hash: &PasswordHash) -> Vec<u8> {
    Sha256::digest(hash.as_str()).to_vec()
}
