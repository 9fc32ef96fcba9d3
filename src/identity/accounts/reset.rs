//! A forgotten password: a new one, by a token that only the person's mail has.

use crate::base::error::{Error, Result};
use crate::base::locale::Locale;
use crate::base::opaque::mail_token::{MailTokenHash, Purpose};
use crate::gate;
use crate::gate::audit::{Actor, AuditedTx, By, Origin};
use crate::identity::Identity;
use crate::identity::mail::store::tokens::{self, Owner};
use crate::identity::mail::{self, Content};
use crate::identity::people::{self, ChosenBy};
use crate::platform::passwords::Password;
use crate::platform::shares::Asker;

/// Writes down that somebody asked for a new password. Nothing is looked up: whether somebody has that address is found
/// out when the mail is sent, so it takes as long for everybody. Where no mail can be sent, nothing happens.
pub async fn ask_for_reset(identity: &Identity, asked: &Content, locale: Option<Locale>) -> Result<()> {
    if identity.mailer.is_open() {
        let mut tx = identity.db.begin().await?;
        mail::store::queue_reset(&mut tx, asked, locale, identity.clock.now()).await?;
        tx.commit().await?;
        identity.mailer.wake();
    }
    Ok(())
}

/// Sets the password of whoever's token this is, and ends all their sessions. A password that is refused does not use
/// the token up.
///
/// # Errors
/// 400 `invalid_reset_token`: unknown, used, over, replaced by a newer one, or of somebody who can't log in.
pub async fn reset_password(
    identity: &Identity,
    origin: Origin,
    presented: &str,
    password: Password,
    locale: Option<Locale>,
) -> Result<()> {
    let (purpose, now) = (Purpose::PasswordReset, identity.clock.now());
    let token = MailTokenHash::of(presented).ok_or_else(invalid)?;
    let owner = tokens::owner(&mut *identity.db.read().await?, purpose, token, now).await?.ok_or_else(invalid)?;
    let asker = Asker::person(owner.person, origin.address);
    identity.judge.accept(&asker, &password, &known_of(&owner)).await?;
    let hash = identity.hasher.hash(&asker, password).await?;

    let by = By { actor: Actor::Person(owner.person), origin, now };
    let mut tx = AuditedTx::new(identity.db.begin().await?, by);
    gate::store::people::lock(&mut tx, owner.person).await?;
    let spent = tokens::spend(&mut tx, purpose, token, now).await?.ok_or_else(invalid)?;
    if !mail::store::may_reset(&mut tx, owner.person).await? {
        return Err(invalid());
    }
    let chosen_by = ChosenBy::ByMail(&spent.email);
    let ended = people::set_password(&mut tx, identity, owner.person, &hash, chosen_by, locale).await?;
    ended.ok_or_else(invalid)?;
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(())
}

/// Whether this was mailed for a purpose once and opens nothing any more: it was used, is over or was replaced, or its person may not log in. What never was mailed is told when it
/// is used.
pub async fn is_link_over(identity: &Identity, purpose: Purpose, presented: &str) -> Result<bool> {
    let Some(token) = MailTokenHash::of(presented) else { return Ok(false) };
    let mut conn = identity.db.read().await?;
    Ok(tokens::owner(&mut conn, purpose, token, identity.clock.now()).await?.is_none())
}

fn known_of(owner: &Owner) -> Vec<&str> {
    let names = [owner.username.as_str(), owner.name.as_str()];
    names.into_iter().chain(owner.email.as_deref()).collect()
}

fn invalid() -> Error {
    Error::bad_request(
        "invalid_reset_token",
        "this token is unknown, was used, has expired or was replaced by a newer one; ask for another",
    )
}
