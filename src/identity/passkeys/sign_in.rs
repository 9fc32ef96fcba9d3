//! Somebody signs in with a passkey, and says no username.

use serde_json::Value;

use super::{PasskeyOptions, Purpose, Signed, ask, verify};
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::base::opaque::token::TokenHash;
use crate::gate::audit::Origin;
use crate::identity::Identity;
use crate::identity::sessions::{self, Entrant, LoggedIn, Proof};

/// What a browser asks an authenticator for, so that whoever has a passkey shows it.
///
/// # Errors
/// 409 `passkeys_unavailable`; 429 `too_many_at_once`.
pub async fn sign_in_options(identity: &Identity, origin: &Origin) -> Result<PasskeyOptions> {
    ask(identity, origin, Purpose::Login).await
}

/// Begins the session of whoever has shown a passkey, with a refresh token if they want one; where another session was until now, that
/// of `before`, it ends in the same step.
///
/// # Errors
/// As [`verify`]; the session of before stands then.
pub async fn sign_in(
    identity: &Identity,
    credential: &Value,
    (origin, user_agent): (&Origin, Option<&str>),
    refresh: bool,
    before: Option<(PersonId, TokenHash)>,
) -> Result<LoggedIn> {
    let signed = verify(identity, origin, Purpose::Login, credential).await?;
    let now = identity.clock.now();
    let Signed { person, is_hardware, ref attempt, used: passkey, .. } = signed;
    let proof = Proof::Passkey { passkey, is_hardware, attempt };
    let entrant = Entrant { person, proof, origin, user_agent, refresh, now };
    match sessions::begin_alone(identity, &entrant, before).await? {
        Some(began) => Ok(began),
        None => Err(signed.refused(identity, origin).await),
    }
}
