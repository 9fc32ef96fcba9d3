//! A new password for somebody.

use serde_json::json;

use super::store;
use crate::base::email::Email;
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::base::locale::Locale;
use crate::base::opaque::token::TokenHash;
use crate::gate;
use crate::gate::access_tokens;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::gate::sessions;
use crate::identity::Identity;
use crate::identity::attempts;
use crate::identity::mail::{self, Content};
use crate::platform::passwords::PasswordHash;

/// Who has chosen a password, and by what right.
#[derive(Clone, Copy, Debug)]
pub enum ChosenBy<'a> {
    /// Its owner.
    Oneself {
        /// The hash of the one that they know until now.
        old: &'a PasswordHash,
        /// Where they are: it goes on.
        session: TokenHash,
    },
    /// Its owner, who has none: where they are goes on.
    OneselfAnew(TokenHash),
    /// Whoever reads the mail to this address.
    ByMail(&'a Email),
    /// An administrator, who knows it from now on; whether they may is for [`change`](super::change) to ask.
    Administrator(PersonId),
    /// Whoever runs the command line.
    CommandLine,
}

/// Gives a person a new password: ends their other sessions, what clients may do for them by these, and the waits after failed
/// logins, and tells them by mail.
/// Answers how many sessions ended; `None` where nobody is there, or has the old password any more. Call
/// [`Post::wake`](crate::platform::mail::Post::wake) after the commit.
pub async fn set_password(
    tx: &mut AuditedTx,
    identity: &Identity,
    person: PersonId,
    new: &PasswordHash,
    chosen_by: ChosenBy<'_>,
    language: Option<Locale>,
) -> Result<Option<u64>> {
    gate::store::people::lock(tx, person).await?;
    let (old, kept, giver) = match chosen_by {
        ChosenBy::Oneself { old, session } => (Some(old), Some(session), None),
        ChosenBy::OneselfAnew(session) => (None, Some(session), None),
        ChosenBy::Administrator(administrator) => (None, None, store::giver(tx, administrator).await?),
        ChosenBy::ByMail(_) | ChosenBy::CommandLine => (None, None, None),
    };
    if !store::replace_password(tx, person, old, new, giver).await? {
        return Ok(None);
    }
    let mut told = Event::new(Action::PasswordChanged).about(person);
    if let ChosenBy::ByMail(email) = chosen_by {
        let now = tx.by().now;
        store::note_password_by_mail(tx, person).await?;
        store::note_proof(tx, person, email, now).await?;
        told = told.after(json!({"by": "reset"}));
    }
    let ended = sessions::store::revoke_all(tx, person, kept).await?;
    access_tokens::store::end_authorizations(tx, person, kept).await?;
    attempts::clear(tx, person).await?;
    mail::queue(tx, identity, person, &Content::PasswordChanged, language).await?;
    tx.tell(told);
    Ok(Some(ended))
}
