use sqlx::PgConnection;

use super::attributes::{change_attributes, changes_any, must_hand_out_attributes};
use super::credential_guard::must_be_theirs_to_change;
use super::store::{self, ChosenForOthers};
use super::{ChosenBy, PersonChange, set_password, tell_the_old_address};
use crate::base::error::Result;
use crate::base::id::{Id, PersonId};
use crate::base::locale::Locale;
use crate::base::person::Person;
use crate::gate;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::identity::Identity;
use crate::identity::mail::{self, Content};
use crate::platform::http::{IfMatch, Tagged};
use crate::platform::passwords::PasswordHash;

/// What is to become of a person.
#[derive(Debug)]
pub struct RequestedChange<'a> {
    /// All but the password.
    pub change: &'a PersonChange,
    /// The hash of a new password, which an administrator chooses.
    pub password_hash: Option<&'a PasswordHash>,
    /// The state that this is meant for.
    pub if_match: Option<&'a IfMatch>,
    /// The language of whoever asks.
    pub language: Option<Locale>,
}

/// Changes a person, and tells of it: the audit trail, and them by mail. Call
/// [`Post::wake`](crate::platform::mail::Post::wake) after the commit.
///
/// # Errors
/// 400 for what they can't be; 403 for somebody who is not the actor's to change; 404 `user_not_found`; 409 `user_exists`, `email_taken`; 412.
pub async fn change(
    tx: &mut AuditedTx,
    identity: &Identity,
    id: PersonId,
    wanted: &RequestedChange<'_>,
) -> Result<Tagged<Person>> {
    let RequestedChange { change, password_hash, if_match, language } = *wanted;
    gate::store::people::lock(tx, id).await?;
    let actor = tx.by().person();
    if let Some(actor) = actor {
        must_be_theirs_to_change(tx, actor, id, change, password_hash.is_some()).await?;
        if changes_any(&change.attributes) {
            let now = tx.by().now;
            must_hand_out_attributes(tx, actor, now).await?;
        }
    }
    if let Some(if_match) = if_match {
        if_match.allows(&store::tagged(tx, id).await?.etag)?;
    }
    let was = store::get(tx, id).await?;
    let before = store::record(tx, id).await?;
    if !change.is_empty() {
        write(tx, identity, id, change, language).await?;
    }
    let after = store::record(tx, id).await?;
    if let Some(new) = password_hash {
        let chosen_by = actor.map_or(ChosenBy::CommandLine, ChosenBy::Administrator);
        let ended = set_password(tx, identity, id, new, chosen_by, language).await?;
        ended.ok_or_else(PersonId::not_found)?;
    }
    if let Some(username) = change.username.as_ref().filter(|username| username.as_str() != was.username) {
        let content = Content::UsernameChanged { username: username.as_str().to_owned() };
        mail::queue(tx, identity, id, &content, language).await?;
    }
    if !change.is_empty() {
        tx.tell(Event::new(Action::UserChanged).about(id).changed(before, after));
    }
    store::tagged(tx, id).await
}

/// Writes what they are, and who has chosen a new address for them.
async fn write(
    tx: &mut AuditedTx,
    identity: &Identity,
    id: PersonId,
    change: &PersonChange,
    language: Option<Locale>,
) -> Result<()> {
    if let Some(email) = &change.email {
        tell_the_old_address(tx, identity, id, email, language).await?;
    }
    let is_moved = is_moved(tx, id, change).await?;
    store::update(tx, id, change).await?;
    if let Some(said) = &change.claims {
        let claims = store::claims(tx, id).await?.with(said.clone())?;
        store::set_claims(tx, id, &claims).await?;
    }
    change_attributes(tx, id, &change.attributes).await?;
    if is_moved {
        let giver = match tx.by().person().filter(|actor| *actor != id) {
            Some(actor) => store::giver(tx, actor).await?,
            None => None,
        };
        store::note_giver(tx, id, giver, ChosenForOthers { password: false, email: true }).await?;
    }
    Ok(())
}

/// Whether the change gives them another address.
pub(super) async fn is_moved(conn: &mut PgConnection, id: PersonId, change: &PersonChange) -> Result<bool> {
    let Some(new) = &change.email else { return Ok(false) };
    Ok(store::email(conn, id).await?.is_none_or(|old| !old.is_same(new)))
}
