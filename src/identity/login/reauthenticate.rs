//! Whoever is logged in proves once more who they are, and their session goes on as one of just now.

use serde_json::{Value, json};

use super::prove::prove;
use crate::base::amr::Amr;
use crate::base::error::{Error, Result};
use crate::gate::Caller;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::gate::sessions::Authentication;
use crate::gate::sessions::store::{authentication, reauthenticate as note};
use crate::identity::Identity;
use crate::identity::attempts::Attempt;
use crate::identity::factors::{self, Given, store};
use crate::identity::passkeys::{self, Purpose};
use crate::platform::http::credential;
use crate::platform::passwords::Presented;
use crate::platform::shares::Asker;

/// What somebody proves it with.
#[derive(Debug)]
pub enum Reproof {
    /// Their password: where they have no second factor.
    Password(Presented),
    /// Their second factor.
    Factor(Given),
    /// A passkey that has signed.
    Passkey(Value),
}

/// Notes that the caller has just proved who they are. Wrong passwords and codes count as those of logins do.
///
/// # Errors
/// 400 `invalid_current_password`, `invalid_code`, `passkey_refused`; 403 `mfa_required` for the password of who has a second factor; 429 `too_many_attempts`,
/// `too_many_logins`; 503 when too many passwords are being hashed.
pub async fn reauthenticate(identity: &Identity, caller: &Caller, with: Reproof) -> Result<Authentication> {
    let person = caller.person;
    match with {
        Reproof::Password(password) => {
            if !store::second_factors(&mut *identity.db.read().await?, person).await?.is_empty() {
                return Err(needs_factor());
            }
            let proof = prove(identity, caller, password, "password").await?;
            let mut tx = caller.begin(identity).await?;
            if !store::second_factors(&mut tx, person).await?.is_empty() {
                return Err(needs_factor());
            }
            let now = tx.by().now;
            proof.attempt.succeeded(&mut tx, now).await?;
            done(tx, caller, Amr::PWD).await
        }
        Reproof::Passkey(credential) => {
            let purpose = Purpose::Reauthentication(person);
            let signed = passkeys::verify(identity, &caller.origin, purpose, &credential).await;
            let signed = signed.map_err(passkeys::not_a_dead_token)?;
            let mut tx = caller.begin(identity).await?;
            let now = tx.by().now;
            signed.attempt.succeeded(&mut tx, now).await?;
            if !signed.note(&mut tx, now).await? {
                drop(tx);
                return Err(passkeys::not_a_dead_token(signed.came_back(identity, &caller.origin).await));
            }
            done(tx, caller, Amr::of_passkey(signed.is_hardware)).await
        }
        Reproof::Factor(given) => {
            let attempt = Attempt::at(identity, person, &caller.origin).await?;
            let asker = Asker::person(person, caller.origin.address);
            let proved = factors::prove(identity, &asker, person, &given).await?.filter(|_| !attempt.is_barred());
            let Some(proved) = proved else { return Err(wrong(identity, caller, &attempt).await) };
            let mut tx = caller.begin(identity).await?;
            let now = tx.by().now;
            attempt.succeeded(&mut tx, now).await?;
            if proved.spend(&mut tx, identity, person).await?.is_none() {
                drop(tx);
                return Err(wrong(identity, caller, &attempt).await);
            }
            let proved = done(tx, caller, given.method.amr()).await?;
            identity.mailer.wake();
            Ok(proved)
        }
    }
}

async fn done(mut tx: AuditedTx, caller: &Caller, amr: Amr) -> Result<Authentication> {
    let now = tx.by().now;
    let before = authentication(&mut tx, caller.token).await?.ok_or_else(credential::invalid)?;
    let proved = Authentication { at: now, amr: before.amr.with(amr) };
    note(&mut tx, caller.token, proved.amr, now).await?;
    let told = json!({"session_id": caller.token.session_id(), "amr": proved.amr.words()});
    tx.commit([Event::new(Action::SessionReauthenticated).about(caller.person).after(told)]).await?;
    Ok(proved)
}

/// Counts a wrong code, and says so: not by a 401, which clients take for a dead token.
async fn wrong(identity: &Identity, caller: &Caller, attempt: &Attempt) -> Error {
    let told = Event::new(Action::LoginFailed).about(caller.person).after(json!({"reason": "wrong code"}));
    match attempt.failed(identity, caller.by(identity), told).await {
        Ok(()) => Error::bad_request("invalid_code", "`code`: that is wrong, too old, or was used already"),
        Err(error) => error,
    }
}

fn needs_factor() -> Error {
    let detail =
        "you have a second factor: send `method` and `code`, or the `credential` of a passkey, instead of `password`";
    Error::forbidden("mfa_required", detail)
}
