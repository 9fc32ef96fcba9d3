//! Somebody changes their own password.

use serde_json::json;

use crate::base::error::{Error, Result};
use crate::base::locale::Locale;
use crate::gate::Caller;
use crate::gate::audit::{Action, Event};
use crate::identity::Identity;
use crate::identity::attempts::{Attempt, Quota};
use crate::identity::people::{self, ChosenBy};
use crate::platform::http::credential;
use crate::platform::passwords::{Password, PasswordHash, Presented};
use crate::platform::shares::Asker;

/// Replaces the caller's password, if they know the current one, ends their other sessions and tells them by mail. Wrong ones count as those
/// of logins do: a stolen session is no place to guess in.
///
/// # Errors
/// 400 `invalid_current_password`, also when it was changed meanwhile; 400 `invalid_request_body` for a new one that the
/// policy refuses; 429 `too_many_attempts`, `too_many_logins`, `too_many_at_once`, `too_many_changes`; 503 when too many
/// passwords are being hashed.
pub async fn change_password(
    identity: &Identity,
    caller: &Caller,
    current: Presented,
    new: Password,
    locale: Option<Locale>,
) -> Result<()> {
    let person = caller.person;
    let people::store::Details { username, name, email, .. } =
        people::store::details(&mut *identity.db.read().await?, person).await?;
    let about = [Some(username.as_str()), Some(name.as_str()), email.as_deref()];
    let about: Vec<&str> = about.into_iter().flatten().collect();
    let asker = Asker::person(person, caller.origin.address);
    let accepted = identity.judge.accept(&asker, &new, &about).await;
    accepted.map_err(|refused| refused.of_field("new_password"))?;
    let PasswordProof { attempt, stored } = prove(identity, caller, current).await?;
    let new = identity.hasher.hash(&asker, new).await?;

    let mut tx = caller.begin(identity).await?;
    let now = tx.by().now;
    Quota::OWN_PASSWORDS.take(&mut tx, person, now).await?;
    attempt.succeeded(&mut tx, now).await?;
    let chosen_by = ChosenBy::Oneself { old: &stored, session: caller.token };
    let ended = people::set_password(&mut tx, identity, person, &new, chosen_by, locale).await?;
    ended.ok_or_else(wrong)?;
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(())
}

/// That somebody knows their own password.
#[derive(Debug)]
pub(super) struct PasswordProof {
    /// To be noted as a success with what it was made for.
    pub attempt: Attempt,
    stored: PasswordHash,
}

/// Asks whether `current` is the caller's password. Wrong ones count as those of logins do.
///
/// # Errors
/// 400 `invalid_current_password`; 429 `too_many_attempts`; 503 when too many passwords are being hashed.
pub(super) async fn prove(identity: &Identity, caller: &Caller, current: Presented) -> Result<PasswordProof> {
    let person = caller.person;
    let attempt = Attempt::at(identity, person, &caller.origin).await?;
    let asker = Asker::person(person, caller.origin.address);
    let stored = people::store::password_hash(&mut *identity.db.read().await?, person).await?;
    let stored = stored.ok_or_else(credential::invalid)?;
    let right = identity.hasher.verify(&asker, current, stored.clone().unwrap_or_else(PasswordHash::dummy)).await?;
    let Some(stored) = stored.filter(|_| right && !attempt.is_barred()) else {
        let told = Event::new(Action::LoginFailed).about(person).after(json!({"reason": "wrong current password"}));
        attempt.failed(identity, caller.by(identity), told).await?;
        return Err(wrong());
    };
    attempt.was_right();
    Ok(PasswordProof { attempt, stored })
}

/// Not a 401: clients take that for a dead token.
fn wrong() -> Error {
    Error::bad_request("invalid_current_password", "`current_password`: that is not your password")
}
