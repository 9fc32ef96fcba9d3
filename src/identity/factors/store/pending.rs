//! The table `auth.pending_logins`.

use std::collections::HashSet;

use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::amr::Amr;
use crate::base::error::Result;
use crate::base::id::{FactorId, PersonId};
use crate::base::network::Network;
use crate::base::opaque::second_step::MfaTokenHash;
use crate::identity::attempts::Waits;
use crate::identity::devices::Device;
use crate::identity::factors::store::totp::SealedTotp;
use crate::identity::factors::{FirstStep, Pending};
use crate::platform::database::{by_place, column};
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

/// A try at the second step of a login that waits, and all that it is decided by.
#[derive(Debug)]
pub struct Try {
    pub waiting: Waiting,
    /// What stands against its person where it is made.
    pub waits: Waits,
    /// What their codes are compared with.
    pub authenticators: Vec<SealedTotp>,
}

/// Somebody tries to finish a login that waits.
#[derive(Clone, Copy, Debug)]
pub struct AskedTry {
    pub token: MfaTokenHash,
    pub network: Network,
    pub device: Device,
    pub now: OffsetDateTime,
}

/// Takes one of the tries that a login has for each, however many take one at once. `None` as [`find`] has it, where none is left, for one
/// that somebody else keeps locked, and for the second of two of the same login, whose row one statement writes once.
///
/// It does not wait for the disk: after a crash of Postgres the tries of its last second may be taken once more, while wrong codes stay counted.
pub async fn take_tries(conn: &mut PgConnection, asked: &[AskedTry]) -> Result<Vec<Option<Try>>> {
    let rows = sqlx::query_as!(
        TryRow,
        r#"
        with asked as materialized (
            select * from unnest($1::bytea[], $2::text[], $3::bytea[], $4::timestamptz[])
            with ordinality as asked (token, network, device, now, place)
        ), held as materialized (
            select l.token from auth.pending_logins l where l.token = any ($1) order by l.token for update skip locked
        ), tried as (
            update auth.pending_logins l
            set tries = tries + 1
            from held, asked, auth.person p
            where l.token = held.token and asked.token = held.token and l.expires_at > asked.now and l.tries < $5
              and p.id = l.person_id and p.removed_at is null and p.disabled_at is null
              and (l.verified is null or l.verified = sha256(convert_to(p.password_hash, 'UTF8')))
            returning asked.*, l.person_id, p.password_hash, l.verified is not null as by_password, l.amr, l.refresh,
                      l.enrols, l.factor_id, set_config('synchronous_commit', 'off', true) as unhurried
        )
        select
            l.place as "place!", l.person_id as "person: PersonId", l.password_hash as "password_hash: PasswordHash",
            l.by_password as "by_password!", l.amr, l.refresh, l.enrols, l.factor_id as "factor: FactorId",
            attempts.key as "key!", coalesce(own.failures, 0) as "failures!", own.wait_until as "own?",
            address.wait_until as "address?",
            codes.ids as "ids: Vec<FactorId>", codes.names, codes.secrets
        from tried l
        cross join lateral auth.attempts_key(l.person_id, l.network, l.device, l.now) as attempts (key)
        left join auth.login_attempts own on own.key = attempts.key
        left join auth.login_attempts address on address.key = 'address:' || l.network
        cross join lateral (
            select array_agg(f.id order by f.last_used_at desc) as ids,
                   array_agg(f.name order by f.last_used_at desc) as names,
                   array_agg(f.secret order by f.last_used_at desc) as secrets
            from auth.totp_factors f
            where f.person_id = l.person_id and f.confirmed_at is not null
        ) codes
        "#,
        &column(asked, |asked| asked.token.as_bytes().to_vec()),
        &column(asked, |asked| asked.network.to_string()),
        &column(asked, |asked| asked.device.as_bytes().to_vec()),
        &column(asked, |asked| asked.now),
        TRIES,
    );
    by_place(asked, rows.fetch_all(conn).await?.into_iter().map(|row| (row.place, row.taken())))
}

/// Those of these logins of which a try is left.
pub async fn with_tries_left(
    conn: &mut PgConnection,
    tokens: &[Vec<u8>],
    now: OffsetDateTime,
) -> Result<HashSet<Vec<u8>>> {
    let left = sqlx::query_scalar!(
        "select token from auth.pending_logins where token = any ($1) and expires_at > $2 and tries < $3",
        tokens,
        now,
        TRIES,
    );
    Ok(left.fetch_all(conn).await?.into_iter().collect())
}

/// Waits until nobody else holds a login that waits.
pub async fn lock(conn: &mut PgConnection, token: MfaTokenHash) -> Result<()> {
    let locked =
        sqlx::query_scalar!("select token from auth.pending_logins where token = $1 for update", token.as_bytes());
    locked.fetch_optional(conn).await?;
    Ok(())
}

struct TryRow {
    place: i64,
    person: PersonId,
    password_hash: Option<PasswordHash>,
    by_password: bool,
    amr: Vec<String>,
    refresh: bool,
    enrols: bool,
    factor: Option<FactorId>,
    key: String,
    failures: i32,
    own: Option<OffsetDateTime>,
    address: Option<OffsetDateTime>,
    ids: Option<Vec<FactorId>>,
    names: Option<Vec<String>>,
    secrets: Option<Vec<Vec<u8>>>,
}

impl TryRow {
    fn taken(self) -> Try {
        let codes = self.ids.unwrap_or_default().into_iter().zip(self.names.unwrap_or_default());
        let codes = codes.zip(self.secrets.unwrap_or_default());
        Try {
            waiting: Waiting {
                person: self.person,
                verified: self.password_hash.filter(|_| self.by_password),
                amr: Amr::read(self.amr),
                refresh: self.refresh,
                enrols: self.enrols,
                factor: self.factor,
            },
            waits: Waits { key: self.key, failures: self.failures, own: self.own, address: self.address },
            authenticators: codes.map(|((id, name), secret)| SealedTotp { id, name, secret }).collect(),
        }
    }
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
