//! Somebody turns their password off, who has passkeys, and on again.

use sqlx::PgConnection;

use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::base::locale::Locale;
use crate::gate::Caller;
use crate::gate::audit::{Action, Event};
use crate::identity::Identity;
use crate::identity::attempts::Quota;
use crate::identity::factors::must_be_fresh;
use crate::identity::mail::{self, Content};
use crate::identity::passkeys;
use crate::identity::people::{self, ChosenBy};
use crate::platform::passwords::Password;
use crate::platform::shares::Asker;

/// Turns the caller's password off: no password opens their account. None is mailed to them either, unless they have recovery codes, which
/// the login with it asks for. Their sessions go on.
///
/// # Errors
/// 403 `reauthentication_required`; 409 `last_way_in` unless [`WaysIn::are_enough`](passkeys::WaysIn::are_enough).
pub async fn turn_off(identity: &Identity, caller: &Caller, language: Option<Locale>) -> Result<()> {
    let person = caller.person;
    let mut tx = caller.begin(identity).await?;
    let now = tx.by().now;
    must_be_fresh(&mut tx, caller, now).await?;
    if !passkeys::store::ways_in(&mut tx, person).await?.are_enough() {
        let detail = "without a password you need two passkeys, or one, recovery codes and a verified address: add what is missing \
                      first";
        return Err(Error::conflict("last_way_in", detail));
    }
    if people::store::turn_password_off(&mut tx, person, now).await? {
        tx.tell(Event::new(Action::PasswordTurnedOff).about(person));
        mail::queue(&mut tx, identity, person, &Content::PasswordTurnedOff, language).await?;
    }
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(())
}

/// Gives the caller a password, who has none. Their other sessions end, as with each new password.
///
/// # Errors
/// 400 `invalid_request_body` for one that the policy refuses; 403 `reauthentication_required`; 409 `password_exists`; 429
/// `too_many_at_once`, `too_many_changes`.
pub async fn turn_on(identity: &Identity, caller: &Caller, new: Password, language: Option<Locale>) -> Result<()> {
    let person = caller.person;
    let people::store::Details { username, name, email, .. } =
        people::store::details(&mut *identity.db.read().await?, person).await?;
    must_have_none(&mut *identity.db.read().await?, person).await?;
    let about = [Some(username.as_str()), Some(name.as_str()), email.as_deref()];
    let about: Vec<&str> = about.into_iter().flatten().collect();
    let asker = Asker::person(person, caller.origin.address);
    let accepted = identity.judge.accept(&asker, &new, &about).await;
    accepted.map_err(|refused| refused.of_field("new_password"))?;
    let new = identity.hasher.hash(&asker, new).await?;

    let mut tx = caller.begin(identity).await?;
    let now = tx.by().now;
    must_be_fresh(&mut tx, caller, now).await?;
    must_have_none(&mut tx, person).await?;
    Quota::OWN_PASSWORDS.take(&mut tx, person, now).await?;
    people::set_password(&mut tx, identity, person, &new, ChosenBy::OneselfAnew(caller.token), language).await?;
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(())
}

async fn must_have_none(conn: &mut PgConnection, person: PersonId) -> Result<()> {
    if people::store::password_hash(conn, person).await?.flatten().is_none() {
        return Ok(());
    }
    Err(Error::conflict("password_exists", "you have a password; change it at POST /auth/change-password"))
}
