//! Whoever is logged in shows that they know their password.

use serde_json::json;

use crate::base::error::{Error, Result};
use crate::gate::Caller;
use crate::gate::audit::{Action, Event};
use crate::identity::Identity;
use crate::identity::attempts::Attempt;
use crate::identity::people;
use crate::platform::http::credential;
use crate::platform::passwords::{PasswordHash, Presented};
use crate::platform::shares::Asker;

/// That somebody knows their own password.
#[derive(Debug)]
pub struct PasswordProof {
    /// To be noted as a success with what it was made for.
    pub attempt: Attempt,
    /// The hash that it was verified against.
    pub stored: PasswordHash,
}

/// Asks whether `current`, of this field, is the caller's password. Wrong ones count as those of logins do.
///
/// # Errors
/// 400 `invalid_current_password`; 429 `too_many_attempts`; 503 when too many passwords are being hashed.
pub async fn prove(identity: &Identity, caller: &Caller, current: Presented, field: &str) -> Result<PasswordProof> {
    let person = caller.person;
    let attempt = Attempt::at(identity, person, &caller.origin).await?;
    let asker = Asker::person(person, caller.origin.address);
    let stored = people::store::password_hash(&mut *identity.db.read().await?, person).await?;
    let stored = stored.ok_or_else(credential::invalid)?;
    let right = identity.hasher.verify(&asker, current, stored.clone().unwrap_or_else(PasswordHash::dummy)).await?;
    let Some(stored) = stored.filter(|_| right && !attempt.is_barred()) else {
        let told = Event::new(Action::LoginFailed).about(person).after(json!({"reason": "wrong current password"}));
        attempt.failed(identity, caller.by(identity), told).await?;
        return Err(wrong_password(field));
    };
    attempt.was_right();
    Ok(PasswordProof { attempt, stored })
}

/// 400 `invalid_current_password`. Not a 401: clients take that for a dead token.
pub fn wrong_password(field: &str) -> Error {
    Error::bad_request("invalid_current_password", format!("`{field}`: that is not your password"))
}
