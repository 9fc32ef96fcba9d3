use std::collections::{HashMap, HashSet};

use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use crate::base::amr::Amr;
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::base::network::Network;
use crate::base::opaque::second_step::DeviceTokenHash;
use crate::base::opaque::token::TokenHash;
use crate::gate::audit::Origin;
use crate::gate::sessions::{self, Payload};
use crate::identity::Settings;
use crate::identity::attempts::{Attempt, MOST_IN_A_ROW, Quota, Rules};
use crate::identity::devices::Device;
use crate::identity::factors::RequireMfa;
use crate::identity::sessions::Spends;
use crate::platform::database::column;
use crate::platform::passwords::PasswordHash;

/// A session to begin.
#[derive(Clone, Debug)]
pub struct NewSession {
    pub token: TokenHash,
    pub person: PersonId,
    /// The hash that their password was verified against, if one was.
    pub verified: Option<PasswordHash>,
    /// The attempt that has succeeded.
    pub attempt: Option<Attempt>,
    /// What it begins with or not at all.
    pub spends: Spends,
    pub amr: Amr,
    /// Whether it opens also to who has a second factor, or must have one.
    pub is_whole: bool,
    /// Else: what says that on this device the first step is enough.
    pub trusted: Option<DeviceTokenHash>,
    pub now: OffsetDateTime,
    /// Where it logged in from.
    pub origin: Origin,
    /// From `User-Agent`.
    pub user_agent: Option<String>,
}

/// What is the same for all sessions.
#[derive(Clone, Copy, Debug)]
pub struct BeginRules {
    /// What follows failed logins.
    pub waits: Rules,
    /// Who must have a second factor.
    pub require_mfa: RequireMfa,
    /// How many sessions somebody may have, and which of them are over.
    pub sessions: sessions::Settings,
}

impl BeginRules {
    /// Those that the operator has decided.
    pub fn of(settings: &Settings, sessions: sessions::Settings) -> Self {
        Self { waits: settings.waits, require_mfa: settings.require_mfa, sessions }
    }
}

impl NewSession {
    fn device(&self) -> Device {
        Device::of(self.user_agent.as_deref(), self.origin.client_id.as_deref())
    }
}

/// A session that has begun.
#[derive(Debug)]
pub struct BegunSession {
    pub payload: Payload,
    /// Whether it began on a device that its owner, who had logged in before, is not known to have.
    pub on_new_device: bool,
}

/// Begins sessions, each as if it were alone. None of somebody whom another transaction keeps locked, and no second one of the same person: whoever
/// must know waits for the person's lock first, and asks alone in that transaction.
pub async fn insert_all(
    conn: &mut PgConnection,
    rules: BeginRules,
    new: &[NewSession],
) -> Result<Vec<Option<BegunSession>>> {
    Ok(insert(conn, rules, new).await?)
}

/// Likewise, outside of a transaction: none at all where one would have to wait for too long for another row, or in a circle. Each then asks alone.
pub async fn insert_all_at_once(
    conn: &mut PgConnection,
    rules: BeginRules,
    new: &[NewSession],
) -> Result<Vec<Option<BegunSession>>> {
    match insert(conn, rules, new).await {
        Err(sqlx::Error::Database(error)) if error.code().is_some_and(|state| WAITED_IN_VAIN.contains(&&*state)) => {
            Ok(new.iter().map(|_| None).collect())
        }
        begun => Ok(begun?),
    }
}

/// A lock that was not to be had in time, and a deadlock (PostgreSQL, appendix A).
const WAITED_IN_VAIN: [&str; 2] = ["55P03", "40P01"];

/// Begins a session each, notes the login, where it came from and, in the audit trail, that it was; forgets the failures before it, and ends those of
/// their sessions that are too many.
///
/// Not if the person was removed or disabled, or got another password since it was verified. Not if others have begun a wait since the attempt, or too
/// many were let in. Not if the proof wants a second step, or spends what is gone. The row locks, first the person's, make each of those wait for this,
/// or this for it.
#[expect(clippy::too_many_lines, reason = "it is one statement")]
async fn insert(
    conn: &mut PgConnection,
    rules: BeginRules,
    all: &[NewSession],
) -> sqlx::Result<Vec<Option<BegunSession>>> {
    // A statement does not see what it does to a row: a second one of a person would be let in as if there was no first.
    let mut seen = HashSet::with_capacity(all.len());
    let new: &[&NewSession] = &all.iter().filter(|new| seen.insert(new.person)).collect::<Vec<_>>();
    let (person_forgets, address_forgets) = rules.waits.forget_one_in();
    let rows = sqlx::query!(
        r#"
        with asked as (
            select *
            from unnest(
                $1::bytea[], $2::integer[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[],
                $9::text[], $10::timestamptz[], $11::text[], $12::text[], $13::text[], $14::bytea[], $15::boolean[], $16::text[],
                $17::boolean[], $18::bytea[], $19::bytea[], $20::integer[], $21::bigint[], $22::integer[], $23::bigint[],
                $24::boolean[]
            ) as asked (
                token, person_id, verified, now, client_id, address, user_agent, request_id,
                session_id, began, key, address_key, network, device, is_known, amr,
                is_whole, trusted, waited, code, step, passkey, sign_count,
                is_backed_up
            )
        ), person as materialized (
            select p.username, p.name, p.last_login_at, p.logins_until, asked.*
            from asked
            join auth.person p on p.id = asked.person_id
            where (asked.verified is null or p.password_hash = asked.verified)
              and p.removed_at is null and p.disabled_at is null and p.client_id is null
              and case
                  when asked.is_whole then true
                  else (
                      auth.second_factors(p.id) = '{}'
                      and not ($25 = 'all' or $25 = 'administrators' and auth.is_administrator(p.id, asked.now))
                  ) or exists (
                      select from auth.trusted_devices d
                      where d.token = asked.trusted and d.person_id = p.id and d.expires_at > asked.now
                  )
              end
            order by p.id
            for no key update of p skip locked
        ), waited as materialized (
            select w.token from person join auth.pending_logins w on w.token = person.waited and w.person_id = person.person_id
            where w.expires_at > person.now
            order by person.person_id
            for update of w
        ), code as materialized (
            select f.id from person join auth.totp_factors f on f.id = person.code and f.person_id = person.person_id
            where f.last_step < person.step
            for no key update of f
        ), passkey as materialized (
            select k.id from person join auth.passkeys k on k.id = person.passkey and k.person_id = person.person_id
            where k.sign_count < person.sign_count or k.sign_count = 0
            for no key update of k
        ), failed as materialized (
            select person.token, a.key, person.address_key,
                   a.wait_until > person.began or (a.failures >= $26 and not person.is_known) as bars,
                   ceil(extract(epoch from a.forgotten_at - person.now)::double precision / $27) as recently
            from person
            join auth.login_attempts a on a.key = person.key
            for no key update of a
        ), logged_in as (
            update auth.person p
            set last_login_at = person.now,
                logins_until = greatest(person.logins_until, person.now) + make_interval(secs => $29)
            from person
            where p.id = person.person_id
              and greatest(person.logins_until, person.now) + make_interval(secs => $29)
                  <= person.now + make_interval(secs => $30)
              and not exists (select from failed where failed.token = person.token and bars)
              and (
                  person.is_known
                  or not exists (
                      select from auth.login_attempts a where a.key = person.address_key and a.wait_until > person.began
                  )
              )
              and (person.waited is null or exists (select from waited where waited.token = person.waited))
              and (person.code is null or exists (select from code where code.id = person.code))
              and (person.passkey is null or exists (select from passkey where passkey.id = person.passkey))
            returning person.*
        ), forgotten as (
            select failed.key, failed.address_key, failed.recently
            from failed join logged_in on logged_in.token = failed.token
        ), cleared as (
            delete from auth.login_attempts where key = any (array(select key from forgotten))
        ), finished as (
            delete from auth.pending_logins w using logged_in l where w.token = l.waited
        ), spent as (
            update auth.totp_factors f set last_step = l.step, last_used_at = l.now from logged_in l where f.id = l.code
        ), shown as (
            update auth.passkeys k
            set sign_count = l.sign_count, is_backed_up = l.is_backed_up, last_used_at = l.now
            from logged_in l
            where k.id = l.passkey and k.id = any (array(select passkey from logged_in))
        ), addresses as materialized (
            select a.key
            from auth.login_attempts a
            where a.key = any (array(select address_key from forgotten where recently > 0))
            order by a.key
            for no key update
        ), forgiven as (
            -- Whoever mistypes and then gets it right does not use up what is free to all at the address.
            update auth.login_attempts a
            set forgotten_at = a.forgotten_at - make_interval(secs => $28 * (
                select sum(recently) from forgotten f where f.address_key = a.key and f.recently > 0
            ))
            where a.key = any (array(select key from addresses))
        ), device as (
            insert into auth.person_devices as seen (person_id, network, device, first_seen_at, last_seen_at)
            select l.person_id, l.network::cidr, l.device, l.now, l.now
            from logged_in l
            where l.network is not null
              and not exists (
                  select
                  from auth.person_devices d
                  where d.person_id = l.person_id and d.network = l.network::cidr and d.device = l.device
                    and d.last_seen_at > l.now - interval '1 day'
              )
            on conflict (person_id, network, device) do update set last_seen_at = excluded.last_seen_at
            returning seen.person_id, seen.xmax = 0 as is_new
        ), outnumbered as (
            delete from auth.person_devices d
            using device, lateral (
                select o.network, o.device from auth.person_devices o
                where o.person_id = device.person_id order by o.last_seen_at desc offset $31 - 1
            ) older
            where device.is_new
              and d.person_id = device.person_id and d.network = older.network and d.device = older.device
        ), trusted as (
            update auth.trusted_devices t set last_used_at = l.now
            from logged_in l
            where t.token = l.trusted and t.person_id = l.person_id and t.token = any (array(select trusted from logged_in))
        ), told as (
            insert into auth.audit_events
                (at, action, actor, actor_id, subject_id, request_id, address, client_id, after)
            select l.now, 'session.created', 'person', l.person_id, l.person_id, l.request_id, l.address::inet, l.client_id,
                   jsonb_build_object('session_id', l.session_id)
            from logged_in l
            returning id, subject_id
        ), begun as (
            insert into auth.tokens_cache
                (token, person_id, payload, created_at, modified_at, client_id, address, user_agent, amr)
            select l.token, l.person_id,
                   jsonb_build_object('user_id', l.person_id, 'username', l.username, 'name', l.name),
                   l.now, l.now, l.client_id, l.address::inet, l.user_agent, string_to_array(l.amr, ' ')
            from logged_in l
            returning token, payload
        )
        select
            begun.token as "token!", begun.payload as "payload!: Json<Payload>",
            exists (select from device where device.person_id = l.person_id and is_new)
                and not exists (
                    select from auth.person_devices d where d.person_id = l.person_id and d.device = l.device
                )
                -- Nothing is new to who has not logged in since this is noted: there is nothing to compare with.
                and (
                    exists (select from auth.person_devices d where d.person_id = l.person_id)
                    or coalesce(l.last_login_at <= l.now - interval '90 days', false)
                ) as "on_new_device!",
            auth.end_surplus_sessions(
                begun.token, told.id, $32,
                l.now - make_interval(secs => $33), l.now - make_interval(secs => $34),
                l.now - make_interval(secs => $35), l.now - make_interval(secs => $36)
            ) as surplus
        from begun
        join logged_in l on l.token = begun.token
        join told on told.subject_id = l.person_id
        "#,
        &column(new, |new| new.token.as_bytes().to_vec()),
        &column(new, |new| new.person.0),
        &column(new, |new| new.verified.as_ref().map(|hash| hash.as_str().to_owned())) as &[Option<String>],
        &column(new, |new| new.now),
        &column(new, |new| new.origin.client_id.clone()) as &[Option<String>],
        &column(new, |new| new.origin.address.map(|address| address.to_string())) as &[Option<String>],
        &column(new, |new| new.user_agent.clone()) as &[Option<String>],
        &column(new, |new| new.origin.request_id.as_deref().map(str::to_owned)) as &[Option<String>],
        &column(new, |new| new.token.session_id().as_str().to_owned()),
        &column(new, |new| new.attempt.as_ref().map(|attempt| attempt.began)) as &[Option<OffsetDateTime>],
        &column(new, |new| new.attempt.as_ref()?.key.clone()) as &[Option<String>],
        &column(new, |new| new.attempt.as_ref()?.address_key.clone()) as &[Option<String>],
        &column(new, |new| new.origin.address.map(|address| Network::of(address).to_string())) as &[Option<String>],
        &column(new, |new| new.device().as_bytes().to_vec()),
        &column(new, |new| new.attempt.as_ref().is_some_and(Attempt::is_known)),
        &column(new, |new| new.amr.words().join(" ")),
        &column(new, |new| new.is_whole),
        &column(new, |new| new.trusted.map(|token| token.as_bytes().to_vec())) as &[Option<Vec<u8>>],
        &column(new, |new| new.spends.waited.map(|token| token.as_bytes().to_vec())) as &[Option<Vec<u8>>],
        &column(new, |new| new.spends.code.map(|code| code.factor.0)) as &[Option<i32>],
        &column(new, |new| new.spends.code.map(|code| code.step)) as &[Option<i64>],
        &column(new, |new| new.spends.passkey.map(|used| used.passkey.0)) as &[Option<i32>],
        &column(new, |new| new.spends.passkey.map(|used| i64::from(used.sign_count))) as &[Option<i64>],
        &column(new, |new| new.spends.passkey.map(|used| used.is_backed_up)) as &[Option<bool>],
        rules.require_mfa.as_str(),
        MOST_IN_A_ROW,
        person_forgets,
        address_forgets,
        Quota::LOGINS.each().as_seconds_f64(),
        Quota::LOGINS.within.as_seconds_f64(),
        Device::MOST,
        rules.sessions.per_person,
        rules.sessions.lifetime.sliding.as_seconds_f64(),
        rules.sessions.lifetime.absolute.as_seconds_f64(),
        rules.sessions.families.idle.as_seconds_f64(),
        rules.sessions.families.absolute.as_seconds_f64(),
    )
    .fetch_all(conn)
    .await?;
    let begun = rows
        .into_iter()
        .map(|row| (row.token, BegunSession { payload: row.payload.0, on_new_device: row.on_new_device }));
    let mut begun: HashMap<_, _> = begun.collect();
    Ok(all.iter().map(|new| begun.remove(new.token.as_bytes())).collect())
}

/// When the bucket of somebody's logins is empty.
pub async fn logins_until(conn: &mut PgConnection, person: PersonId) -> Result<Option<OffsetDateTime>> {
    let until = sqlx::query_scalar!("select logins_until from auth.person where id = $1", person.0);
    Ok(until.fetch_optional(conn).await?.flatten())
}
