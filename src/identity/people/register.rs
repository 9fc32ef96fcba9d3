//! A person is made.

use serde_json::json;

use super::attributes::must_hand_out_attributes;
use super::store::{self, AlreadyTaken, ChosenForOthers, NewRow};
use crate::base::email::Email;
use crate::base::error::Result;
use crate::base::id::InvitationId;
use crate::base::person::Person;
use crate::gate::audit::{Action, AuditedTx, Event};

/// By whom somebody is registered.
#[derive(Clone, Copy, Debug)]
pub enum RegisteredBy<'a> {
    /// Whoever makes the change: an administrator, who chooses password and address, the command line, or Portero itself.
    Another,
    /// Themselves.
    Oneself {
        /// What let them in, where something had to.
        invitation: Option<InvitationId>,
        /// The address that they have proved before.
        proved: Option<&'a Email>,
    },
}

/// Registers a person, and tells of it; or answers what somebody else has already.
///
/// # Errors
/// 400 for attributes that are too large; 403 for such that are not the actor's to give.
pub async fn register(
    tx: &mut AuditedTx,
    new: &NewRow<'_>,
    by: RegisteredBy<'_>,
) -> Result<Result<Person, AlreadyTaken>> {
    if let (Some(actor), Some(_)) = (tx.by().person(), new.attributes) {
        let now = tx.by().now;
        must_hand_out_attributes(tx, actor, now).await?;
    }
    let person = match store::insert(tx, new).await? {
        Ok(person) => person,
        taken => return Ok(taken),
    };
    if let Some(actor) = tx.by().person() {
        let giver = store::giver(tx, actor).await?;
        let chosen = ChosenForOthers { password: new.password_hash.is_some(), email: new.email.is_some() };
        store::note_giver(tx, person.id, giver, chosen).await?;
    }
    if let RegisteredBy::Oneself { proved: Some(proved), .. } = by {
        let now = tx.by().now;
        store::set_own_email(tx, person.id, proved, now).await?;
    }
    let mut record = json!(store::record(tx, person.id).await?);
    if let RegisteredBy::Oneself { invitation, .. } = by {
        record["by"] = json!("registration");
        record["invitation"] = json!(invitation);
    }
    tx.tell(Event::new(Action::UserCreated).about(person.id).after(record));
    Ok(Ok(person))
}
