//! Somebody signs in with a passkey, and says no username.

use serde_json::Value;

use super::{PasskeyOptions, Purpose, ask, verify};
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::base::opaque::token::TokenHash;
use crate::gate;
use crate::gate::audit::{Actor, AuditedTx, By, Origin};
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
    let by = By { actor: Actor::Person(signed.person), origin: origin.clone(), now };
    let mut tx = AuditedTx::new(identity.db.begin().await?, by);
    match before {
        None => gate::store::people::lock(&mut tx, signed.person).await?,
        Some((whose, token)) => {
            gate::store::people::lock_all(&mut tx, &[signed.person, whose]).await?;
            sessions::log_out(&mut tx, whose, token).await?;
        }
    }
    let proof = Proof::Passkey { is_hardware: signed.is_hardware, attempt: &signed.attempt };
    let entrant = Entrant { person: signed.person, proof, origin, user_agent, refresh, now };
    let Some(began) = sessions::begin(identity, &mut tx, &entrant).await? else {
        drop(tx);
        return Err(signed.refused(identity, origin).await);
    };
    if !signed.note(&mut tx, now).await? {
        drop(tx);
        return Err(signed.came_back(identity, origin).await);
    }
    tx.commit([]).await?;
    Ok(began)
}
