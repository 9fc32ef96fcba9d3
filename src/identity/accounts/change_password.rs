//! Somebody changes their own password.

use crate::base::error::Result;
use crate::base::locale::Locale;
use crate::gate::Caller;
use crate::identity::Identity;
use crate::identity::attempts::Quota;
use crate::identity::login::{PasswordProof, prove, wrong_password};
use crate::identity::people::{self, ChosenBy};
use crate::platform::passwords::{Password, Presented};
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
    let PasswordProof { attempt, stored } = prove(identity, caller, current, "current_password").await?;
    let new = identity.hasher.hash(&asker, new).await?;

    let mut tx = caller.begin(identity).await?;
    let now = tx.by().now;
    Quota::OWN_PASSWORDS.take(&mut tx, person, now).await?;
    attempt.succeeded(&mut tx, now).await?;
    let chosen_by = ChosenBy::Oneself { old: &stored, session: caller.token };
    let ended = people::set_password(&mut tx, identity, person, &new, chosen_by, locale).await?;
    ended.ok_or_else(|| wrong_password("current_password"))?;
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(())
}
