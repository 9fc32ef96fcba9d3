//! A person comes into a group, or leaves it.

use super::events::{self, Inner};
use super::store::members;
use crate::access::grants::{Notice, RequestedTerms, must_have_own_passwords_for, notices_of_newcomers};
use crate::base::error::Result;
use crate::base::id::{GroupId, PersonId};
use crate::gate::audit::AuditedTx;
use crate::gate::store::{Gain, Through, groups, must_cover_group, people};
use crate::identity::mail::store::tokens::void_before_gain;

/// Puts a person into a group, or changes the terms on which they are in it; twice is safe. Of what is Portero's own a person
/// lets nobody hold by a group what they don't hold themselves for as long, nor somebody whose password was set by somebody who
/// could not give it.
///
/// # Errors
/// 403 for what is not the actor's to give; 404 for what is not there; 409 `client_in_group`, `password_set_by_another`.
pub async fn join(tx: &mut AuditedTx, group: GroupId, person: PersonId, terms: &RequestedTerms) -> Result<Vec<Notice>> {
    begin(tx, group, person).await?;
    people::must_be_here(tx, person).await?;
    let gain = Gain::of_person(person, group);
    let current = members::current_terms(tx, group, person, terms.now).await?;
    if let Some(actor) = tx.by().person()
        && let Some(through) = terms.held_through(current.as_ref())
    {
        must_cover_group(tx, actor, group, through, terms.now).await?;
        must_have_own_passwords_for(tx, gain, through, terms.now).await?;
    }
    let granted = members::join(tx, group, person, terms).await?;
    if granted.is_new() {
        void_before_gain(tx, gain, terms.now).await?;
    }
    let notices = notices_of_newcomers(tx, gain, terms.now).await?;
    if let Some(told) = events::added(group, Inner::Person(person), &granted) {
        tx.tell(told);
    }
    Ok(notices)
}

/// Takes a person out of a group; twice is safe. Answers whether they were in it themselves. Of what is Portero's own a person
/// takes nothing that they don't hold themselves for as long.
///
/// # Errors
/// 403 for what is not the actor's to take; 404 for a group that is not there.
pub async fn leave(tx: &mut AuditedTx, group: GroupId, person: PersonId) -> Result<bool> {
    begin(tx, group, person).await?;
    let now = tx.by().now;
    if let Some(actor) = tx.by().person()
        && let Some(current) = members::current_terms(tx, group, person, now).await?
    {
        must_cover_group(tx, actor, group, current.through(), now).await?;
    }
    let before = members::leave(tx, group, person, now).await?;
    let was_in = before.is_some();
    if let Some(before) = before {
        tx.tell(events::removed(group, Inner::Person(person), &before));
    }
    Ok(was_in)
}

async fn begin(tx: &mut AuditedTx, group: GroupId, person: PersonId) -> Result<()> {
    people::lock(tx, person).await?;
    groups::hold(tx).await?;
    groups::must_be_here(tx, group).await?;
    let now = tx.by().now;
    match tx.by().person() {
        Some(actor) => must_cover_group(tx, actor, group, Through::Now(now), now).await,
        None => Ok(()),
    }
}
