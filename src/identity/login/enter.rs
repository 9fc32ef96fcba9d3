//! Whoever was verified gets a session, or is asked for their second factor.

use serde::Serialize;
use utoipa::ToSchema;

use super::Verified;
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::base::opaque::second_step::DeviceTokenHash;
use crate::base::opaque::token::TokenHash;
use crate::gate::audit::Origin;
use crate::identity::Identity;
use crate::identity::factors::{Pending, store};
use crate::identity::sessions::{self, Entrant, LoggedIn, Proof};
use crate::platform::metrics::Outcome;

/// What came of the first step of a login.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Entered {
    /// It was enough.
    In(LoggedIn),
    /// A second one must follow.
    SecondFactor(Pending),
}

impl Entered {
    /// What the first step of a login means for the figures.
    pub fn outcome(result: &Result<Self>) -> Outcome {
        match result {
            Ok(Self::SecondFactor(_)) => Outcome::SecondFactorDue,
            result => Outcome::of(result),
        }
    }
}

/// How somebody comes in, whatever proves who they are.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Where they come from.
    pub origin: &'a Origin,
    /// From `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// Whether they want a refresh token, too.
    pub refresh: bool,
    /// The session that they had in this browser until now, and whose that was: it ends in the same step, as if it had been logged out of.
    pub before: Option<(PersonId, TokenHash)>,
    /// What a device presents on which their password is enough.
    pub device: Option<DeviceTokenHash>,
}

/// Begins the session of somebody who knew their password, or lets their login wait for its second step: where they have a second factor,
/// unless this device is trusted, and where they must have one and don't.
///
/// # Errors
/// What [`Verified::refused`] says, when something has changed since.
pub async fn enter(identity: &Identity, verified: &Verified, entry: &Entry<'_>) -> Result<Entered> {
    let device = entry.device.filter(|_| identity.settings.trust_devices.is_some());
    if verified.needs_second_step() && !is_trusted(identity, verified, device).await? {
        let mut tx = identity.db.begin().await?;
        let pending =
            Pending::begin(identity, &mut tx, &verified.first_step(entry.refresh), identity.clock.now()).await?;
        tx.commit().await?;
        return Ok(Entered::SecondFactor(pending));
    }
    let proof = Proof::Password { verified: &verified.hash, attempt: &verified.attempt, device };
    match let_in(identity, verified.person, proof, entry).await? {
        Some(began) => Ok(Entered::In(began)),
        None => Err(verified.refused(identity, entry.origin).await),
    }
}

/// Whether this device is one on which the password is enough.
async fn is_trusted(identity: &Identity, verified: &Verified, device: Option<DeviceTokenHash>) -> Result<bool> {
    let Some(device) = device else { return Ok(false) };
    let mut conn = identity.db.read().await?;
    store::trusted::stands(&mut conn, verified.person, device, identity.clock.now()).await
}

/// Begins the session of a person, by whatever proves that it is they. `None` as [`sessions::begin`] says it; a session of before stands then.
pub async fn let_in(
    identity: &Identity,
    person: PersonId,
    proof: Proof<'_>,
    entry: &Entry<'_>,
) -> Result<Option<LoggedIn>> {
    let Entry { origin, user_agent, refresh, before, .. } = *entry;
    let entrant = Entrant { person, proof, origin, user_agent, refresh, now: identity.clock.now() };
    sessions::begin_alone(identity, &entrant, before).await
}
