//! Whoever was verified gets a session.

use super::Verified;
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::base::opaque::token::TokenHash;
use crate::gate;
use crate::gate::audit::{Actor, AuditedTx, By, Origin};
use crate::identity::Identity;
use crate::identity::sessions::{self, Entrant, LoggedIn, Proof};

/// Begins the session of somebody who knew their password, with a refresh token if they want one.
///
/// # Errors
/// What [`Verified::refused`] says, when something has changed since.
pub async fn enter(
    identity: &Identity,
    verified: &Verified,
    (origin, user_agent): (&Origin, Option<&str>),
    refresh: bool,
) -> Result<LoggedIn> {
    let entrant = Entrant {
        person: verified.person,
        proof: Proof::Password { verified: &verified.hash, attempt: &verified.attempt },
        origin,
        user_agent,
        refresh,
        now: identity.clock.now(),
    };
    let began = if refresh {
        let mut tx = identity.db.begin().await?;
        let began = sessions::begin(identity, &mut tx, &entrant).await?;
        tx.commit().await?;
        began
    } else {
        let mut conn = identity.db.read().await?;
        let began = sessions::begin(identity, &mut conn, &entrant).await?;
        conn.keep().await?;
        began
    };
    match began {
        Some(began) => Ok(began),
        None => Err(verified.refused(identity, origin).await),
    }
}

/// Begins the session of somebody who knew their password where another session was until now, that of `before`: it ends in the
/// same step, as if it had been logged out of.
///
/// # Errors
/// As [`enter`]; the session of before stands then.
pub async fn enter_anew(
    identity: &Identity,
    verified: &Verified,
    (origin, user_agent): (&Origin, Option<&str>),
    (whose, before): (PersonId, TokenHash),
) -> Result<LoggedIn> {
    let now = identity.clock.now();
    let proof = Proof::Password { verified: &verified.hash, attempt: &verified.attempt };
    let entrant = Entrant { person: verified.person, proof, origin, user_agent, refresh: false, now };
    let by = By { actor: Actor::Person(verified.person), origin: origin.clone(), now };
    let mut tx = AuditedTx::new(identity.db.begin().await?, by);
    gate::store::people::lock_all(&mut tx, &[verified.person, whose]).await?;
    sessions::log_out(&mut tx, whose, before).await?;
    let Some(began) = sessions::begin(identity, &mut tx, &entrant).await? else {
        drop(tx);
        return Err(verified.refused(identity, origin).await);
    };
    tx.commit([]).await?;
    Ok(began)
}
