use sqlx::PgConnection;

use super::PersonChange;
use super::store::{self, Chosen};
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::base::locale::Locale;
use crate::base::opaque::token::TokenHash;
use crate::base::person::Person;
use crate::gate::audit::{Action, Change, Event};
use crate::gate::sessions;
use crate::identity::Identity;
use crate::identity::attempts;
use crate::identity::mail::{self, Content};
use crate::identity::people::tell_the_old_address;
use crate::platform::http::Tagged;
use crate::platform::passwords::PasswordHash;

/// What is to become of a person, by somebody who may do that.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// All but the password.
    pub change: &'a PersonChange,
    /// The hash of a new password.
    pub password_hash: Option<&'a PasswordHash>,
    /// Who is remembered as the one who chose password and address.
    pub giver: Option<PersonId>,
    /// The session that a new password does not end.
    pub kept: Option<TokenHash>,
    /// The language of whoever asks.
    pub language: Option<Locale>,
}

/// What became of them.
#[derive(Debug)]
pub struct Changed {
    /// As they are now.
    pub person: Tagged<Person>,
    /// How many sessions a new password has ended.
    pub ended: u64,
}

/// Changes a person who is locked, and tells of it: the audit trail, and them by mail. Call
/// [`Post::wake`](crate::platform::mail::Post::wake) after the commit.
pub async fn change(tx: &mut Change, identity: &Identity, id: PersonId, wanted: &Wanted<'_>) -> Result<Changed> {
    let Wanted { change, password_hash, giver, kept, language } = *wanted;
    let was = store::get(tx, id).await?;
    let before = store::record(tx, id).await?;
    let chosen = Chosen { password: password_hash.is_some(), email: is_moved(tx, id, change).await? };
    if let Some(email) = &change.email {
        tell_the_old_address(tx, identity, id, email, language).await?;
    }
    store::update(tx, id, change, password_hash).await?;
    store::note_giver(tx, id, giver, chosen).await?;
    let after = store::record(tx, id).await?;
    let mut ended = 0;
    if password_hash.is_some() {
        ended = sessions::store::revoke_all(tx, id, kept).await?;
        attempts::clear(tx, id).await?;
        tx.tell(Event::new(Action::PasswordChanged).about(id));
        mail::queue(tx, identity, id, &Content::PasswordChanged, language).await?;
    }
    if let Some(username) = change.username.as_ref().filter(|username| username.as_str() != was.username) {
        let content = Content::UsernameChanged { username: username.as_str().to_owned() };
        mail::queue(tx, identity, id, &content, language).await?;
    }
    if !change.is_empty() {
        tx.tell(Event::new(Action::UserChanged).about(id).changed(before, after));
    }
    Ok(Changed { person: store::tagged(tx, id).await?, ended })
}

/// Whether the change gives them another address.
pub(super) async fn is_moved(conn: &mut PgConnection, id: PersonId, change: &PersonChange) -> Result<bool> {
    let Some(new) = &change.email else { return Ok(false) };
    Ok(store::email(conn, id).await?.is_none_or(|old| !old.is_same(new)))
}
