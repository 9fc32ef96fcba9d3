//! How often mails are asked for that go to somebody who may not have asked.
//!
//! What strangers can fill must not keep from anybody what tells of a takeover: notices to addresses that are proved are
//! not counted.

use std::fmt::Write;
use std::net::IpAddr;

use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::store::limits;
use crate::base::email::Email;
use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::base::network::Network;
use crate::platform::http::rate_limit;
use crate::platform::shares::Left;

/// Nobody gets two mails of a kind within this time.
pub const PAUSE: Duration = Duration::MINUTE;

/// So many within so long.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    pub most: u16,
    /// Within what time.
    pub within: Duration,
    /// And at least this long after the one before.
    pub pause: Duration,
}

impl Limit {
    const fn a_day(most: u16, pause: Duration) -> Self {
        Self { most, within: Duration::DAY, pause }
    }

    const fn an_hour(most: u16) -> Self {
        Self { most, within: Duration::HOUR, pause: Duration::ZERO }
    }
}

/// To an address that is to be proved, whoever says that it is theirs.
const TO_BE_PROVED: Limit = Limit::a_day(5, PAUSE);

/// To whoever is invited: apart, so that no stranger keeps an invitation from them.
const TO_INVITE: Limit = Limit::a_day(5, PAUSE);

/// To whoever is said to have forgotten their password.
const TO_RESET: Limit = Limit::a_day(20, PAUSE);

/// Of these, from one network: others can still ask when somebody there has asked in vain.
const TO_RESET_FROM_ONE_NETWORK: Limit = Limit::a_day(5, Duration::ZERO);

/// Of what tells people of themselves, to an address that is not proved.
const TO_TELL: Limit = Limit::a_day(20, Duration::ZERO);

/// New addresses of one person.
const BY_PERSON: Limit = Limit::an_hour(5);

/// Invitations of one person, who has leave to send them.
const BY_INVITER: Limit = Limit::an_hour(200);

/// New addresses from one network.
const FROM_NETWORK: Limit = Limit::an_hour(60);

fn to(kind: &str, email: &Email) -> String {
    let mut key = format!("to:{kind}:");
    for byte in Sha256::digest(email.mailbox()) {
        let _ = write!(key, "{byte:02x}");
    }
    key
}

/// Who gives an address that is to be proved.
#[derive(Clone, Copy, Debug)]
pub struct GivenBy {
    /// Somebody who is logged in; none, who registers.
    pub person: Option<PersonId>,
    pub address: Option<IpAddr>,
}

/// Counts a new address that somebody gives.
///
/// # Errors
/// 429 `too_many_mails` for whoever gives too many.
pub async fn count_asker(conn: &mut PgConnection, asker: GivenBy, now: OffsetDateTime) -> Result<()> {
    if let Some(person) = asker.person {
        must(limits::take(&mut *conn, &format!("by:{person}"), BY_PERSON, now).await?, BY_PERSON)?;
    }
    if let Some(address) = asker.address {
        let key = format!("from:{}", Network::of(address));
        must(limits::take(conn, &key, FROM_NETWORK, now).await?, FROM_NETWORK)?;
    }
    Ok(())
}

/// Counts an invitation.
///
/// # Errors
/// 429 `too_many_mails`.
pub async fn count_invitation(
    conn: &mut PgConnection,
    by: PersonId,
    to_whom: &Email,
    now: OffsetDateTime,
) -> Result<()> {
    must(limits::take(&mut *conn, &format!("by:inviter:{by}"), BY_INVITER, now).await?, BY_INVITER)?;
    must(limits::take(conn, &to("invite", to_whom), TO_INVITE, now).await?, TO_INVITE)
}

/// Whether a mail may go to an address that is to be proved. Who asked is not to know: what others asked for is counted.
pub async fn may_be_proved(conn: &mut PgConnection, email: &Email, now: OffsetDateTime) -> Result<bool> {
    Ok(limits::take(conn, &to("prove", email), TO_BE_PROVED, now).await?.is_none())
}

/// Likewise one with which a new password can be set.
pub async fn may_be_reset(
    conn: &mut PgConnection,
    email: &Email,
    network: Option<&str>,
    now: OffsetDateTime,
) -> Result<bool> {
    let whole = to("reset", email);
    if let Some(network) = network {
        let share = format!("{whole}:{network}");
        if limits::take(&mut *conn, &share, TO_RESET_FROM_ONE_NETWORK, now).await?.is_some() {
            return Ok(false);
        }
    }
    Ok(limits::take(conn, &whole, TO_RESET, now).await?.is_none())
}

/// Likewise one that a help desk sends: apart, so that no stranger keeps it from anybody.
pub async fn may_be_helped(conn: &mut PgConnection, email: &Email, now: OffsetDateTime) -> Result<bool> {
    Ok(limits::take(conn, &to("help", email), TO_RESET, now).await?.is_none())
}

/// Likewise one that tells its receiver something of themselves.
pub async fn may_be_told(conn: &mut PgConnection, email: &Email, now: OffsetDateTime) -> Result<bool> {
    Ok(limits::take(conn, &to("tell", email), TO_TELL, now).await?.is_none())
}

fn must(wait: Option<Duration>, limit: Limit) -> Result<()> {
    let Some(wait) = wait else { return Ok(()) };
    let (wait, window) = (wait.unsigned_abs(), limit.within.unsigned_abs());
    let left = Left { policy: "mail", quota: limit.most.into(), window: Some(window), remaining: 0, reset: wait };
    Err::<(), Error>(rate_limit::refusal("too_many_mails", "too many mails were asked for", &[left], wait))
}
