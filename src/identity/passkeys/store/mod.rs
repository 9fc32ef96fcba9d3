//! The tables `auth.passkeys` and `auth.passkey_users`.

pub mod challenges;

use base64ct::{Base64UrlUnpadded, Encoding};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::ceremony::{Challenge, HANDLE};
use super::passkey::{self, NewPasskey, StoredPasskey};
use super::{Passkey, PasskeyId, PasskeyName, Purpose, WaysIn};
use crate::base::error::{OnConstraint, Result};
use crate::base::id::{Id, PersonId};
use crate::base::network::Network;
use crate::identity::attempts::Waits;
use crate::identity::devices::Device;
use crate::identity::sessions::PasskeyUse;
use crate::platform::database::{by_place, column};

/// What a signature is held against, and what is decided by it.
#[derive(Debug)]
pub struct Shown {
    /// The passkey, if it is one of somebody here.
    pub passkey: Option<StoredPasskey>,
    /// What was asked; `None` where that was nothing, or nothing any more, for this purpose.
    pub question: Option<Vec<u8>>,
    /// What stands against whoever it is to let in, or against such a passkey, where it is shown.
    pub waits: Waits,
}

/// A passkey that has answered a challenge.
#[derive(Clone, Debug)]
pub struct Showing {
    /// None: it has answered none of ours.
    pub challenge: Option<Challenge>,
    pub purpose: Purpose,
    pub credential_id: Vec<u8>,
    /// Where failures count if nobody has such a passkey.
    pub nobody: String,
    pub network: Network,
    pub device: Device,
    pub now: OffsetDateTime,
}

/// Takes challenges for good, and looks up the passkeys that have answered them: of whoever has it, or of whom the purpose says. A challenge that
/// somebody else is about to take is none; of two with the same challenge one takes it, since a statement deletes a row once.
///
/// It does not wait for the disk: what comes of it does, a session or a failure that is counted.
pub async fn show_all(conn: &mut PgConnection, shown: &[Showing]) -> Result<Vec<Shown>> {
    let rows = sqlx::query_as!(
        ShownRow,
        r#"
        with asked as materialized (
            select *
            from unnest(
                $1::bytea[], $2::text[], $3::integer[], $4::text[], $5::bytea[], $6::text[], $7::timestamptz[], $8::text[],
                $9::bytea[]
            ) with ordinality as asked (
                challenge, purpose, person_id, asker, credential_id, nobody, now, network, device, place
            )
        ), held as materialized (
            select c.challenge, asked.place
            from asked
            join auth.passkey_challenges c
              on c.challenge = asked.challenge and c.purpose = asked.purpose
             and c.person_id is not distinct from asked.person_id and (asked.asker is null or c.asker = asked.asker)
            for update of c skip locked
        ), taken as (
            delete from auth.passkey_challenges c
            using held
            where c.challenge = held.challenge
            returning held.place, c.state, c.expires_at, set_config('synchronous_commit', 'off', true) as unhurried
        )
        select
            asked.place as "place!", k.id as "id?: PasskeyId", k.person_id as "person?: PersonId",
            p.disabled_at is null as "enabled?", u.user_handle as "user_handle?", k.verifier as "verifier?",
            k.sign_count as "sign_count?", k.is_backup_eligible as "is_backup_eligible?", k.is_backed_up as "is_backed_up?",
            taken.state as "question?",
            coalesce(attempts.key, asked.nobody) as "key!", coalesce(own.failures, 0) as "failures!",
            own.wait_until as "own?", address.wait_until as "address?"
        from asked
        left join (
            auth.passkeys k
            join auth.person p on p.id = k.person_id and p.removed_at is null
            join auth.passkey_users u on u.person_id = k.person_id
        ) on k.credential_id = asked.credential_id
        left join taken on taken.place = asked.place and taken.expires_at > asked.now
        left join lateral auth.attempts_key(
            coalesce(asked.person_id, k.person_id), asked.network, asked.device, asked.now
        ) as attempts (key) on true
        left join auth.login_attempts own on own.key = coalesce(attempts.key, asked.nobody)
        left join auth.login_attempts address on address.key = 'address:' || asked.network
        "#,
        &column(shown, |shown| shown.challenge.map(|challenge| challenge.to_vec())) as &[Option<Vec<u8>>],
        &column(shown, |shown| shown.purpose.as_str().to_owned()),
        &column(shown, |shown| shown.purpose.person().map(|person| person.0)) as &[Option<i32>],
        &column(shown, |shown| shown.purpose.asker()) as &[Option<String>],
        &column(shown, |shown| shown.credential_id.clone()),
        &column(shown, |shown| shown.nobody.clone()),
        &column(shown, |shown| shown.now),
        &column(shown, |shown| shown.network.to_string()),
        &column(shown, |shown| shown.device.as_bytes().to_vec()),
    );
    let rows = rows.fetch_all(conn).await?.into_iter();
    let answers = rows.map(|row| Ok((row.place, row.shown()?))).collect::<Result<Vec<_>>>()?;
    let in_order = by_place(shown, answers)?;
    Ok(in_order.into_iter().flatten().collect())
}

struct ShownRow {
    place: i64,
    id: Option<PasskeyId>,
    person: Option<PersonId>,
    enabled: Option<bool>,
    user_handle: Option<Vec<u8>>,
    verifier: Option<Vec<u8>>,
    sign_count: Option<i64>,
    is_backup_eligible: Option<bool>,
    is_backed_up: Option<bool>,
    question: Option<Vec<u8>>,
    key: String,
    failures: i32,
    own: Option<OffsetDateTime>,
    address: Option<OffsetDateTime>,
}

impl ShownRow {
    fn shown(self) -> Result<Shown> {
        let passkey = self.id.zip(self.person).map(|(id, person)| {
            Ok::<_, anyhow::Error>(StoredPasskey {
                id,
                person,
                enabled: self.enabled.unwrap_or_default(),
                user_handle: self.user_handle.unwrap_or_default(),
                verifier: self.verifier.unwrap_or_default(),
                sign_count: u32::try_from(self.sign_count.unwrap_or_default())?,
                is_backup_eligible: self.is_backup_eligible.unwrap_or_default(),
                is_backed_up: self.is_backed_up.unwrap_or_default(),
            })
        });
        let waits = Waits { key: self.key, failures: self.failures, own: self.own, address: self.address };
        Ok(Shown { passkey: passkey.transpose()?, question: self.question, waits })
    }
}

/// Whether this credential is one of somebody here.
pub async fn is_known(conn: &mut PgConnection, credential_id: &[u8]) -> Result<bool> {
    let is_known = sqlx::query_scalar!(
        r#"
        select exists (
            select from auth.passkeys k join auth.person p on p.id = k.person_id
            where k.credential_id = $1 and p.removed_at is null
        ) as "is_known!"
        "#,
        credential_id,
    );
    Ok(is_known.fetch_one(conn).await?)
}

/// Notes that a passkey has signed; `false` where it is gone, or has signed as often or more often by what it says.
pub async fn note_use(conn: &mut PgConnection, used: PasskeyUse, now: OffsetDateTime) -> Result<bool> {
    let noted = sqlx::query!(
        r#"
        update auth.passkeys
        set sign_count = $2, is_backed_up = $3, last_used_at = $4
        where id = $1 and (sign_count < $2 or sign_count = 0)
        "#,
        used.passkey.0,
        i64::from(used.sign_count),
        used.is_backed_up,
        now,
    )
    .execute(conn)
    .await?;
    Ok(noted.rows_affected() == 1)
}

/// Whether a use of a passkey can't be noted any more: it is gone, or has signed as often or more often by what it says.
pub async fn is_overtaken(conn: &mut PgConnection, used: PasskeyUse) -> Result<bool> {
    let is_good = sqlx::query_scalar!(
        r#"
        select exists (
            select from auth.passkeys where id = $1 and (sign_count < $2 or sign_count = 0)
        ) as "is_good!"
        "#,
        used.passkey.0,
        i64::from(used.sign_count),
    );
    Ok(!is_good.fetch_one(conn).await?)
}

/// By what authenticators know a person: `fresh`, unless they have a handle already.
pub async fn handle(conn: &mut PgConnection, person: PersonId, fresh: &[u8; HANDLE]) -> Result<Vec<u8>> {
    let handle = sqlx::query_scalar!(
        r#"
        insert into auth.passkey_users as standing (person_id, user_handle)
        values ($1, $2)
        on conflict (person_id) do update set user_handle = standing.user_handle
        returning user_handle
        "#,
        person.0,
        fresh.as_slice(),
    )
    .fetch_one(conn)
    .await?;
    Ok(handle)
}

/// The same for who has one.
pub async fn handle_of(conn: &mut PgConnection, person: PersonId) -> Result<Option<Vec<u8>>> {
    let handle = sqlx::query_scalar!("select user_handle from auth.passkey_users where person_id = $1", person.0);
    Ok(handle.fetch_optional(conn).await?)
}

/// Keeps a new passkey.
///
/// # Errors
/// 409 `passkey_exists`.
pub async fn insert(
    conn: &mut PgConnection,
    person: PersonId,
    name: &PasskeyName,
    new: &NewPasskey,
    now: OffsetDateTime,
) -> Result<PasskeyId> {
    sqlx::query_scalar!(
        r#"
        insert into auth.passkeys
            (person_id, name, credential_id, verifier, transports, sign_count, is_backup_eligible, is_backed_up, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        returning id as "id: PasskeyId"
        "#,
        person.0,
        name.as_str(),
        new.credential_id,
        new.verifier,
        i16::from(new.transports),
        i64::from(new.sign_count),
        new.is_backup_eligible,
        new.is_backed_up,
        now,
    )
    .fetch_one(conn)
    .await
    .on_constraint("passkeys_credential_id_key", passkey::exists())
}

/// Somebody's passkeys, the oldest first.
pub async fn list(conn: &mut PgConnection, person: PersonId) -> Result<Vec<Passkey>> {
    let rows = sqlx::query!(
        r#"
        select id as "id: PasskeyId", name, credential_id, is_backup_eligible, is_backed_up, created_at, last_used_at
        from auth.passkeys
        where person_id = $1
        order by id
        "#,
        person.0,
    )
    .fetch_all(conn)
    .await?;
    let passkeys = rows.into_iter().map(|row| Passkey {
        id: row.id,
        name: row.name,
        credential_id: Base64UrlUnpadded::encode_string(&row.credential_id),
        backup_eligible: row.is_backup_eligible,
        backed_up: row.is_backed_up,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
    });
    Ok(passkeys.collect())
}

/// What authenticators that have one already are known by.
pub async fn known(conn: &mut PgConnection, person: PersonId) -> Result<Vec<(Vec<u8>, u8)>> {
    let rows = sqlx::query!("select credential_id, transports from auth.passkeys where person_id = $1", person.0);
    let rows = rows.fetch_all(conn).await?.into_iter();
    rows.map(|row| Ok((row.credential_id, u8::try_from(row.transports).map_err(anyhow::Error::from)?))).collect()
}

/// How many somebody has.
pub async fn count(conn: &mut PgConnection, person: PersonId) -> Result<i64> {
    let count = sqlx::query_scalar!(r#"select count(*) as "count!" from auth.passkeys where person_id = $1"#, person.0);
    Ok(count.fetch_one(conn).await?)
}

/// What somebody has to sign in with, besides a password.
pub async fn ways_in(conn: &mut PgConnection, person: PersonId) -> Result<WaysIn> {
    let ways = sqlx::query_as!(
        WaysIn,
        r#"
        select (select count(*) from auth.passkeys k where k.person_id = p.id) as "passkeys!",
               exists (select from auth.recovery_codes c where c.person_id = p.id) as "has_codes!",
               p.email_verified_at is not null as "has_address!"
        from auth.person p
        where p.id = $1
        "#,
        person.0,
    );
    Ok(ways.fetch_optional(conn).await?.unwrap_or_default())
}

/// Calls a passkey something else; answers what it was called.
///
/// # Errors
/// 404 `passkey_not_found`.
pub async fn rename(conn: &mut PgConnection, person: PersonId, id: PasskeyId, name: &PasskeyName) -> Result<String> {
    let before = sqlx::query_scalar!(
        r#"
        update auth.passkeys k
        set name = $3
        from (select id, name from auth.passkeys where id = $2 and person_id = $1 for no key update) was
        where k.id = was.id
        returning was.name
        "#,
        person.0,
        id.0,
        name.as_str(),
    );
    before.fetch_optional(conn).await?.ok_or_else(PasskeyId::not_found)
}

/// Deletes a passkey; answers what it was called.
///
/// # Errors
/// 404 `passkey_not_found`.
pub async fn delete(conn: &mut PgConnection, person: PersonId, id: PasskeyId) -> Result<String> {
    let deleted = sqlx::query_scalar!(
        "delete from auth.passkeys where id = $2 and person_id = $1 returning name",
        person.0,
        id.0,
    );
    deleted.fetch_optional(conn).await?.ok_or_else(PasskeyId::not_found)
}
