use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::base::network::Network;
use crate::base::opaque::second_step::{DeviceTokenHash, MfaTokenHash};
use crate::base::opaque::token::TokenHash;
use crate::gate::audit::Origin;
use crate::gate::sessions::{Bounds, Payload};
use crate::identity::attempts::{Attempt, MOST_IN_A_ROW, Quota};
use crate::identity::devices::Device;
use crate::identity::factors::RequireMfa;
use crate::identity::sessions::{Proof, Spends};
use crate::platform::passwords::PasswordHash;

/// A session to begin.
#[derive(Debug)]
pub struct NewSession<'a> {
    pub token: TokenHash,
    pub person: PersonId,
    pub proof: Proof<'a>,
    pub now: OffsetDateTime,
    /// How many sessions its owner may have, and which of them are over.
    pub bounds: Bounds,
    /// Where it logged in from.
    pub origin: &'a Origin,
    /// From `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// Who must have a second factor.
    pub require_mfa: RequireMfa,
}

#[derive(Debug)]
pub struct BegunSession {
    pub payload: Payload,
    /// Whether it began on a device that its owner, who had logged in before, is not known to have.
    pub on_new_device: bool,
}

/// Begins a session, notes the login, where it came from and, in the audit trail, that it was; forgets the failures
/// before it, and ends those of their sessions that are too many. Unless the person was removed or disabled or got another password since it was verified, or others have
/// begun a wait since the attempt, or too many were let in, or the proof wants a second step, or spends what is gone: the row locks, first the person's, make each of those wait for this, or this for it.
#[expect(clippy::too_many_lines, reason = "it is one statement")]
pub async fn insert(conn: &mut PgConnection, new: &NewSession<'_>) -> Result<Option<BegunSession>> {
    let session_id = new.token.session_id();
    let (verified, attempt) = (new.proof.verified(), new.proof.attempt());
    let (device, trusted) = (Device::of(new.user_agent, new.origin.client_id.as_deref()), new.proof.device());
    let Spends { waited, code, passkey } = new.proof.spends();
    let (person_forgets, address_forgets) = attempt.map(Attempt::forgets_one_in).unwrap_or_default();
    let row = sqlx::query!(
        r#"
        with person as (
            select id, username, name, last_login_at, logins_until
            from auth.person
            where id = $2 and ($3::text is null or password_hash = $3) and removed_at is null and disabled_at is null
              and client_id is null
              and case
                  when $28 then true
                  else (
                      auth.second_factors(id) = '{}'
                      and not ($29 = 'all' or $29 = 'administrators' and auth.is_administrator(id, $4))
                  ) or exists (
                      select from auth.trusted_devices d where d.token = $30 and d.person_id = $2 and d.expires_at > $4
                  )
              end
            for no key update
        ), waited as (
            select w.token from person join auth.pending_logins w on w.token = $31 and w.person_id = person.id
            where w.expires_at > $4
            for update of w
        ), code as (
            select f.id from person join auth.totp_factors f on f.id = $32 and f.person_id = person.id
            where f.last_step < $33
            for no key update of f
        ), passkey as (
            select k.id from person join auth.passkeys k on k.id = $34 and k.person_id = person.id
            where k.sign_count < $35 or k.sign_count = 0
            for no key update of k
        ), failed as (
            select a.wait_until > $10 or (a.failures >= $11 and not $19) as bars,
                   ceil(extract(epoch from a.forgotten_at - $4)::double precision / $14) as recently
            from person
            join auth.login_attempts a on a.key = $12
            for no key update of a
        ), logged_in as (
            update auth.person p
            set last_login_at = $4,
                logins_until = greatest(person.logins_until, $4) + ($25::timestamptz - $4)
            from person
            where p.id = person.id
              and greatest(person.logins_until, $4) + ($25::timestamptz - $4) <= $26
              and not exists (select from failed where bars)
              and ($19 or not exists (select from auth.login_attempts where key = $13 and wait_until > $10))
              and ($31::bytea is null or exists (select from waited))
              and ($32::integer is null or exists (select from code))
              and ($34::integer is null or exists (select from passkey))
            returning p.id, p.username, p.name
        ), cleared as (
            delete from auth.login_attempts
            where key = $12 and exists (select from failed) and exists (select from logged_in)
        ), finished as (
            delete from auth.pending_logins where token = $31 and exists (select from logged_in)
        ), spent as (
            update auth.totp_factors set last_step = $33, last_used_at = $4
            where id = $32 and exists (select from logged_in)
        ), shown as (
            update auth.passkeys set sign_count = $35, is_backed_up = $36, last_used_at = $4
            where id = $34 and exists (select from logged_in)
        ), forgiven as (
            -- Whoever mistypes and then gets it right does not use up what is free to all at the address.
            update auth.login_attempts
            set forgotten_at = forgotten_at - make_interval(secs => failed.recently * $15)
            from failed
            where key = $13 and failed.recently > 0 and exists (select from logged_in)
        ), device as (
            insert into auth.person_devices as seen (person_id, network, device, first_seen_at, last_seen_at)
            select id, $16::text::cidr, $17, $4, $4
            from logged_in
            where $16::text is not null
              and not exists (
                  select
                  from auth.person_devices
                  where person_id = $2 and network = $16::text::cidr and device = $17
                    and last_seen_at > $4 - interval '1 day'
              )
            on conflict (person_id, network, device) do update set last_seen_at = excluded.last_seen_at
            returning seen.xmax = 0 as is_new
        ), outnumbered as (
            delete from auth.person_devices
            where exists (select from device where is_new)
              and person_id = $2
              and (network, device) in (
                  select network, device from auth.person_devices
                  where person_id = $2 order by last_seen_at desc offset $18 - 1
              )
        ), trusted as (
            update auth.trusted_devices set last_used_at = $4 where token = $30 and exists (select from logged_in)
        ), told as (
            insert into auth.audit_events
                (at, action, actor, actor_id, subject_id, request_id, address, client_id, after)
            select $4, 'session.created', 'person', id, id, $8, $6::text::inet, $5, jsonb_build_object('session_id', $9::text)
            from logged_in
            returning id
        )
        insert into auth.tokens_cache
            (token, person_id, payload, created_at, modified_at, client_id, address, user_agent, amr)
        select $1, id, jsonb_build_object('user_id', id, 'username', username, 'name', name),
               $4, $4, $5, $6::text::inet, $7, $27
        from logged_in
        returning
            payload as "payload: Json<Payload>",
            exists (select from device where is_new)
                and not exists (select from auth.person_devices where person_id = $2 and device = $17)
                -- Nothing is new to who has not logged in since this is noted: there is nothing to compare with.
                and (
                    exists (select from auth.person_devices where person_id = $2)
                    or exists (select from person where last_login_at <= $4 - interval '90 days')
                ) as "on_new_device!",
            auth.end_surplus_sessions(token, (select id from told), $20, $21, $22, $23, $24) as surplus
        "#,
        new.token.as_bytes(),
        new.person.0,
        verified.map(PasswordHash::as_str),
        new.now,
        new.origin.client_id,
        new.origin.address.map(|address| address.to_string()),
        new.user_agent,
        new.origin.request_id.as_deref(),
        session_id.as_str(),
        attempt.map(|attempt| attempt.began),
        MOST_IN_A_ROW,
        attempt.and_then(|attempt| attempt.key.as_deref()),
        attempt.and_then(|attempt| attempt.address_key.as_deref()),
        person_forgets,
        address_forgets,
        new.origin.address.map(|address| Network::of(address).to_string()),
        device.as_bytes(),
        Device::MOST,
        attempt.is_some_and(Attempt::is_known),
        new.bounds.most,
        new.bounds.session_used,
        new.bounds.session_begun,
        new.bounds.family_used,
        new.bounds.family_begun,
        new.now + Quota::LOGINS.each(),
        new.now + Quota::LOGINS.within,
        &new.proof.amr().words(),
        new.proof.is_whole(),
        new.require_mfa.as_str(),
        trusted.as_ref().map(DeviceTokenHash::as_bytes),
        waited.as_ref().map(MfaTokenHash::as_bytes),
        code.map(|code| code.factor.0),
        code.map(|code| code.step),
        passkey.map(|used| used.passkey.0),
        passkey.map(|used| i64::from(used.sign_count)),
        passkey.map(|used| used.is_backed_up),
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| BegunSession { payload: row.payload.0, on_new_device: row.on_new_device }))
}

/// When the bucket of somebody's logins is empty.
pub async fn logins_until(conn: &mut PgConnection, person: PersonId) -> Result<Option<OffsetDateTime>> {
    let until = sqlx::query_scalar!("select logins_until from auth.person where id = $1", person.0);
    Ok(until.fetch_optional(conn).await?.flatten())
}
