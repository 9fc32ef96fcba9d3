//! Passkeys are renamed and taken away.

use serde_json::json;

use super::register::list_one;
use super::store::{self, challenges};
use super::{Passkey, PasskeyId, PasskeyName};
use crate::base::error::{Error, Result};
use crate::base::locale::Locale;
use crate::gate::Caller;
use crate::gate::audit::{Action, Event};
use crate::identity::Identity;
use crate::identity::factors::{self, must_be_fresh};
use crate::identity::mail::{self, Content};
use crate::identity::people;

/// Calls one of the caller's passkeys something else.
///
/// # Errors
/// 404 `passkey_not_found`.
pub async fn rename(identity: &Identity, caller: &Caller, id: PasskeyId, name: &PasskeyName) -> Result<Passkey> {
    let mut tx = caller.begin(identity).await?;
    let before = store::rename(&mut tx, caller.person, id, name).await?;
    let renamed = list_one(&mut tx, caller.person, id).await?;
    if before != name.as_str() {
        let event = Event::new(Action::PasskeyChanged).about(caller.person);
        tx.tell(event.before(json!({"passkey": id, "name": before})).after(json!({"passkey": id, "name": name})));
    }
    tx.commit([]).await?;
    Ok(renamed)
}

/// Removes one of the caller's passkeys.
///
/// # Errors
/// 403 `reauthentication_required`; 404 `passkey_not_found`; 409 `last_way_in`, `second_factor_required`.
pub async fn remove(identity: &Identity, caller: &Caller, id: PasskeyId, language: Option<Locale>) -> Result<()> {
    let person = caller.person;
    let mut tx = caller.begin(identity).await?;
    let now = tx.by().now;
    must_be_fresh(&mut tx, caller, now).await?;
    let name = store::delete(&mut tx, person, id).await?;
    if people::store::is_password_off(&mut tx, person).await? && !store::ways_in(&mut tx, person).await?.are_enough() {
        let detail = "your password is off, and you would be left without enough other ways in: set a password first \
                      (POST /auth/me/password), or add another passkey";
        return Err(Error::conflict("last_way_in", detail));
    }
    challenges::forget(&mut tx, person).await?;
    factors::settle(&mut tx, identity, person).await?;
    tx.tell(Event::new(Action::PasskeyRemoved).about(person).before(json!({"passkey": id, "name": name})));
    mail::queue(&mut tx, identity, person, &Content::PasskeyRemoved { name }, language).await?;
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(())
}
