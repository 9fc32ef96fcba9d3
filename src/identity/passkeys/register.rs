//! Somebody gets a passkey.

use serde::Serialize;
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::ToSchema;

use super::ceremony::{self, Made, User};
use super::challenge::{self, PasskeyOptions, Purpose};
use super::passkey::NewPasskey;
use super::store::{self, challenges};
use super::{Passkey, PasskeyId, PasskeyName, RelyingParty};
use crate::base::amr::Amr;
use crate::base::error::{Error, Result};
use crate::base::id::{Id, PersonId};
use crate::base::locale::Locale;
use crate::gate::Caller;
use crate::gate::audit::{Action, AuditedTx, By, Event};
use crate::identity::Identity;
use crate::identity::factors::{RecoveryCodes, ShownCodes, keep_first_codes, must_be_fresh};
use crate::identity::mail::{self, Content};
use crate::identity::people;
use crate::platform::shares::Asker;

/// Why a passkey is refused whose challenge is none, or was taken by another request.
const NOT_ASKED_FOR: &str = "you were not asked for it, or it was answered already, or more than five minutes ago";

/// Whether a new passkey was refused for what it is. Else another request may be about to keep it: of two that bring the same one.
pub fn is_refused_for_good(error: &Error) -> bool {
    !matches!(error, Error::Refused(refusal) if refusal.detail.contains(NOT_ASKED_FOR))
}

/// So many passkeys a person may have.
const MOST: i64 = 20;

/// What a browser asks an authenticator for, so that it makes a passkey for the caller.
///
/// # Errors
/// 403 `reauthentication_required`; 409 `passkeys_unavailable`, `too_many_passkeys`; 429 `too_many_at_once`.
pub async fn registration_options(identity: &Identity, caller: &Caller) -> Result<PasskeyOptions> {
    let person = caller.person;
    let mut tx = caller.begin(identity).await?;
    let now = tx.by().now;
    must_be_fresh(&mut tx, caller, now).await?;
    let options = creation_options(&mut tx, identity, person, Purpose::Registration(person)).await?;
    tx.commit([]).await?;
    Ok(options)
}

/// Likewise for a person, for this purpose. To be done under a lock of the person.
///
/// # Errors
/// 409 `passkeys_unavailable`, `too_many_passkeys`; 429 `too_many_at_once`.
pub async fn creation_options(
    tx: &mut AuditedTx,
    identity: &Identity,
    person: PersonId,
    purpose: Purpose,
) -> Result<PasskeyOptions> {
    let party = RelyingParty::here(identity)?;
    let By { origin, now, .. } = tx.by().clone();
    must_have_room(tx, person).await?;
    let handle = store::handle(tx, person, &ceremony::fresh_handle()).await?;
    let known = store::known(tx, person).await?;
    let called = people::store::get(tx, person).await?;
    let user = User { handle: &handle, username: &called.username, name: &called.name };
    let question = ceremony::ask_for_new(party, &user, known)?;
    challenge::write(tx, &origin, purpose, question, now).await
}

/// You have a passkey more.
#[derive(Debug, Serialize, ToSchema)]
pub struct PasskeyAdded {
    #[serde(flatten)]
    passkey: Passkey,
    /// With your first second factor: codes for when you lose it, each good for one login. Shown only once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, nullable = false, example = json!(["0123-4567-89ab-cdef"]))]
    pub recovery_codes: Option<ShownCodes>,
}

/// Keeps the passkey that an authenticator has made for the caller.
///
/// # Errors
/// 400 `invalid_passkey`; 403 `reauthentication_required`; 409 `passkey_exists`, `passkeys_unavailable`, `too_many_passkeys`; 503 when too many passwords are
/// being hashed.
pub async fn register(
    identity: &Identity,
    caller: &Caller,
    name: Option<PasskeyName>,
    credential: &Value,
    language: Option<Locale>,
) -> Result<PasskeyAdded> {
    let person = caller.person;
    let asker = Asker::person(person, caller.origin.address);
    let made = MadePasskey::of(identity, &asker, (person, Purpose::Registration(person)), name, credential).await?;
    let mut tx = caller.begin(identity).await?;
    let now = tx.by().now;
    must_be_fresh(&mut tx, caller, now).await?;
    let added = made.keep(&mut tx, identity, person, language).await?;
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(added)
}

/// A passkey that an authenticator has made as it was asked to, and the recovery codes that come with somebody's first factor.
#[derive(Debug)]
pub struct MadePasskey {
    name: PasskeyName,
    new: NewPasskey,
    codes: Option<RecoveryCodes>,
}

impl MadePasskey {
    /// Reads what a browser answers to [`creation_options`] of this purpose. The challenge is spent, whatever comes of it.
    ///
    /// # Errors
    /// 400 `invalid_passkey`; 409 `passkeys_unavailable`; 503 when too many passwords are being hashed.
    pub async fn of(
        identity: &Identity,
        asker: &Asker,
        (person, purpose): (PersonId, Purpose),
        name: Option<PasskeyName>,
        credential: &Value,
    ) -> Result<Self> {
        let party = RelyingParty::here(identity)?;
        let made = Made::read(credential).ok_or_else(|| {
            let fault = "it is not what a browser makes of a new passkey: send all of `credential.toJSON()`";
            Error::invalid_field("credential", fault)
        })?;
        let state = match made.challenge() {
            None => None,
            Some(challenge) => {
                let mut conn = identity.db.read().await?;
                let state = challenges::take(&mut conn, challenge, purpose, identity.clock.now()).await?;
                conn.keep().await?;
                state
            }
        };
        let new = match state {
            Some(state) => made.verify(party, &state)?,
            None => Err(NOT_ASKED_FOR),
        };
        let new = new.map_err(|why| {
            let anew = match purpose {
                Purpose::Enrolment(..) => "POST /auth/mfa/enrol",
                _ => "POST /auth/me/passkeys/options",
            };
            Error::bad_request("invalid_passkey", format!("the passkey was not added: {why}; begin again at {anew}"))
        })?;
        let name = name.map_or_else(|| "Passkey".parse().map_err(anyhow::Error::msg), Ok)?;
        let codes = RecoveryCodes::with_first_factor(identity, asker, person).await?;
        Ok(Self { name, new, codes })
    }

    /// What a login proves in which it was made: its user was verified.
    pub fn amr(&self) -> Amr {
        Amr::of_passkey(!self.new.is_backup_eligible)
    }

    /// Makes it one of the person's passkeys, and tells of it. To be done under a lock of the person.
    ///
    /// # Errors
    /// 409 `passkey_exists`, `too_many_passkeys`.
    pub async fn keep(
        self,
        tx: &mut AuditedTx,
        identity: &Identity,
        person: PersonId,
        language: Option<Locale>,
    ) -> Result<PasskeyAdded> {
        let Self { name, new, codes } = self;
        let now = tx.by().now;
        must_have_room(tx, person).await?;
        let id = store::insert(tx, person, &name, &new, now).await?;
        let passkey = list_one(tx, person, id).await?;
        let told = json!({"passkey": id, "name": name, "backup_eligible": new.is_backup_eligible});
        tx.tell(Event::new(Action::PasskeyAdded).about(person).after(told));
        mail::queue(tx, identity, person, &Content::PasskeyAdded { name: name.into() }, language).await?;
        let recovery_codes = keep_first_codes(tx, person, codes).await?;
        Ok(PasskeyAdded { passkey, recovery_codes })
    }
}

async fn must_have_room(conn: &mut PgConnection, person: PersonId) -> Result<()> {
    if store::count(conn, person).await? < MOST {
        return Ok(());
    }
    let detail = format!("you have {MOST} passkeys, which is the most; remove one first");
    Err(Error::conflict("too_many_passkeys", detail))
}

/// One of somebody's passkeys.
pub(super) async fn list_one(conn: &mut PgConnection, person: PersonId, id: PasskeyId) -> Result<Passkey> {
    let all = store::list(conn, person).await?;
    all.into_iter().find(|passkey| passkey.id == id).ok_or_else(PasskeyId::not_found)
}
