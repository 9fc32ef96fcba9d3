//! What a provider says of somebody becomes their attributes and groups here, as its administrators have said.

use serde_json::{Value, json};

use super::store::members;
use super::{Account, Partner};
use crate::base::attributes::{AttributeName, AttributeValue, Attributes, AttributesChange, MAX_BYTES};
use crate::base::error::Result;
use crate::base::id::{GroupId, PersonId};
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::gate::store::{Gain, groups};
use crate::identity::mail::store::tokens::void_before_gain;
use crate::identity::people::store as people;

/// Makes somebody's attributes and groups what their account says. They are to be locked.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn follow(tx: &mut AuditedTx, partner: &Partner, account: &Account, person: PersonId) -> Result<()> {
    if !partner.attributes.is_empty() {
        follow_attributes(tx, partner, account, person).await?;
    }
    if let Some(claim) = &partner.groups_claim {
        follow_groups(tx, partner, &account.texts(claim), person).await?;
    }
    Ok(())
}

async fn follow_attributes(tx: &mut AuditedTx, partner: &Partner, account: &Account, person: PersonId) -> Result<()> {
    let mut change = AttributesChange::default();
    for (name, claim) in &partner.attributes {
        let Ok(name) = name.parse::<AttributeName>() else { continue };
        let value = account.claim(claim).cloned().and_then(|value| AttributeValue::try_from(value).ok());
        change.say(name, value);
    }
    let before = people::attributes(tx, person).await?;
    let after = before.clone().with(change);
    if after == before {
        return Ok(());
    }
    if !fits(&after) {
        tracing::warn!(
            provider = partner.name,
            person = person.0,
            "claims are too large for attributes: they are left as they were"
        );
        return Ok(());
    }
    let record = people::record(tx, person).await?;
    people::set_attributes(tx, person, &after).await?;
    let changed = people::record(tx, person).await?;
    let mut event = Event::new(Action::UserChanged).about(person).changed(record, changed);
    if let Some(told) = &mut event.after {
        told["provider"] = json!(partner.name);
    }
    tx.tell(event);
    Ok(())
}

/// Whether Postgres takes them. It writes a space after each comma and colon.
fn fits(attributes: &Attributes) -> bool {
    let text = json!(attributes).to_string();
    let spaces = text.bytes().filter(|byte| matches!(byte, b',' | b':')).count();
    i32::try_from(text.len() + spaces).is_ok_and(|bytes| bytes <= MAX_BYTES)
}

async fn follow_groups(tx: &mut AuditedTx, partner: &Partner, values: &[String], person: PersonId) -> Result<()> {
    groups::hold(tx).await?;
    let now = tx.by().now;
    let wanted = members::mapped(tx, partner.id, values).await?;
    for group in members::leave(tx, (partner.id, person), &wanted).await? {
        tx.tell(Event::new(Action::GroupMemberRemoved).about(person).before(terms(partner, group)));
    }
    for group in members::join(tx, (partner.id, person), &wanted, now).await? {
        void_before_gain(tx, Gain::of_person(person, group), now).await?;
        tx.tell(Event::new(Action::GroupMemberAdded).about(person).after(terms(partner, group)));
    }
    Ok(())
}

fn terms(partner: &Partner, group: GroupId) -> Value {
    json!({"group_id": group, "expires_at": null, "reason": null, "provider": partner.name})
}
