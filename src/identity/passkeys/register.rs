//! Somebody adds a passkey.

use serde_json::{Value, json};

use super::ceremony::{self, Made, User};
use super::challenge::{self, PasskeyOptions, Purpose};
use super::passkey::NewPasskey;
use super::store::{self, challenges};
use super::{Passkey, PasskeyId, PasskeyName, RelyingParty};
use crate::base::error::{Error, Result};
use crate::base::id::{Id, PersonId};
use crate::base::locale::Locale;
use crate::gate::Caller;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::identity::Identity;
use crate::identity::factors::must_be_fresh;
use crate::identity::mail::{self, Content};

/// So many passkeys a person may have.
const MOST: i64 = 20;

/// What a browser asks an authenticator for, so that it makes a passkey for the caller.
///
/// # Errors
/// 403 `reauthentication_required`; 409 `passkeys_unavailable`, `too_many_passkeys`; 429 `too_many_at_once`.
pub async fn registration_options(identity: &Identity, caller: &Caller) -> Result<PasskeyOptions> {
    let party = RelyingParty::here(identity)?;
    let (person, origin) = (caller.person, &caller.origin);
    let mut tx = caller.begin(identity).await?;
    let now = tx.by().now;
    must_be_fresh(&mut tx, caller, now).await?;
    must_have_room(&mut tx, person).await?;
    let handle = store::handle(&mut tx, person, &ceremony::fresh_handle()).await?;
    let known = store::known(&mut tx, person).await?;
    let payload = &caller.checked.session.payload;
    let user = User { handle: &handle, username: &payload.username, name: &payload.name };
    let question = ceremony::ask_for_new(party, &user, known)?;
    let options = challenge::write(&mut tx, origin, Purpose::Registration(person), question, now).await?;
    tx.commit([]).await?;
    Ok(options)
}

/// Keeps the passkey that an authenticator has made for the caller.
///
/// # Errors
/// 400 `invalid_passkey`; 403 `reauthentication_required`; 409 `passkey_exists`, `passkeys_unavailable`, `too_many_passkeys`.
pub async fn register(
    identity: &Identity,
    caller: &Caller,
    name: Option<PasskeyName>,
    credential: &Value,
    language: Option<Locale>,
) -> Result<Passkey> {
    let new = made_by_authenticator(identity, caller, credential).await?;
    let name = name.map_or_else(|| "Passkey".parse().map_err(anyhow::Error::msg), Ok)?;
    let person = caller.person;
    let mut tx = caller.begin(identity).await?;
    let now = tx.by().now;
    must_be_fresh(&mut tx, caller, now).await?;
    must_have_room(&mut tx, person).await?;
    let id = store::insert(&mut tx, person, &name, &new, now).await?;
    let added = list_one(&mut tx, person, id).await?;
    let told = json!({"passkey": id, "name": name, "backup_eligible": new.is_backup_eligible});
    tx.tell(Event::new(Action::PasskeyAdded).about(person).after(told));
    let content = Content::PasskeyAdded { name: name.into() };
    mail::queue(&mut tx, identity, person, &content, language).await?;
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(added)
}

/// The challenge is spent, whatever comes of it.
async fn made_by_authenticator(identity: &Identity, caller: &Caller, credential: &Value) -> Result<NewPasskey> {
    let party = RelyingParty::here(identity)?;
    let made = Made::read(credential).ok_or_else(|| {
        let fault = "it is not what a browser makes of a new passkey: send all of `credential.toJSON()`";
        Error::invalid_field("credential", fault)
    })?;
    let state = match made.challenge() {
        None => None,
        Some(challenge) => {
            let mut conn = identity.db.read().await?;
            let purpose = Purpose::Registration(caller.person);
            let state = challenges::take(&mut conn, challenge, purpose, identity.clock.now()).await?;
            conn.keep().await?;
            state
        }
    };
    let made = match state {
        Some(state) => made.verify(party, &state)?,
        None => Err("you were not asked for it, or it was answered already, or more than five minutes ago"),
    };
    made.map_err(|why| {
        let detail = format!("the passkey was not added: {why}; begin again at POST /auth/me/passkeys/options");
        Error::bad_request("invalid_passkey", detail)
    })
}

async fn must_have_room(tx: &mut AuditedTx, person: PersonId) -> Result<()> {
    if store::count(tx, person).await? < MOST {
        return Ok(());
    }
    let detail = format!("you have {MOST} passkeys, which is the most; remove one first");
    Err(Error::conflict("too_many_passkeys", detail))
}

/// One of somebody's passkeys.
pub(super) async fn list_one(tx: &mut AuditedTx, person: PersonId, id: PasskeyId) -> Result<Passkey> {
    let all = store::list(tx, person).await?;
    all.into_iter().find(|passkey| passkey.id == id).ok_or_else(PasskeyId::not_found)
}
