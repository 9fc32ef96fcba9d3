//! Whoever was verified gets a session.

use super::Verified;
use crate::base::error::Result;
use crate::gate::audit::Origin;
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
