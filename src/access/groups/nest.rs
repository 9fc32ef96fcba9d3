//! A group comes into another, or leaves it: and so does everybody in it.

use super::events::{self, Inner};
use super::expire::sweep_nestings;
use super::store::nestings;
use crate::access::grants::{Notice, RequestedTerms, must_have_own_passwords_for, notices_of_newcomers};
use crate::base::error::{Error, Result};
use crate::base::id::GroupId;
use crate::gate::audit::AuditedTx;
use crate::gate::store::{Gain, Through, groups, must_cover_group};
use crate::identity::mail::store::tokens::void_before_gain;

/// Puts a group into another, or changes the terms on which it is in it; twice is safe. Under the rules of putting each of its
/// people into it; no group comes to be in itself.
///
/// # Errors
/// 403 for what is not the actor's to give; 404 for what is not there; 409 `group_circle`, `password_set_by_another`.
pub async fn nest(tx: &mut AuditedTx, group: GroupId, member: GroupId, terms: &RequestedTerms) -> Result<Vec<Notice>> {
    begin(tx, group, member).await?;
    // What is over closes no circle.
    sweep_nestings(tx).await?;
    must_be_no_circle(tx, group, member).await?;
    let gain = Gain::of_nested(member, group);
    let current = nestings::current_terms(tx, group, member, terms.now).await?;
    if let Some(actor) = tx.by().person()
        && let Some(through) = terms.held_through(current.as_ref())
    {
        must_cover_group(tx, actor, group, through, terms.now).await?;
        must_have_own_passwords_for(tx, gain, through, terms.now).await?;
    }
    let granted = nestings::nest(tx, group, member, terms).await?;
    if granted.is_new() {
        void_before_gain(tx, gain, terms.now).await?;
    }
    let notices = notices_of_newcomers(tx, gain, terms.now).await?;
    if let Some(told) = events::added(group, Inner::Group(member), &granted) {
        tx.tell(told);
    }
    Ok(notices)
}

/// Takes a group out of another; twice is safe. Answers whether it was in it itself. Of what is Portero's own a person takes
/// nothing that they don't hold themselves for as long.
///
/// # Errors
/// 403 for what is not the actor's to take; 404 for what is not there.
pub async fn unnest(tx: &mut AuditedTx, group: GroupId, member: GroupId) -> Result<bool> {
    begin(tx, group, member).await?;
    let now = tx.by().now;
    if let Some(actor) = tx.by().person()
        && let Some(current) = nestings::current_terms(tx, group, member, now).await?
    {
        must_cover_group(tx, actor, group, current.through(), now).await?;
    }
    let before = nestings::unnest(tx, group, member, now).await?;
    let was_in = before.is_some();
    if let Some(before) = before {
        tx.tell(events::removed(group, Inner::Group(member), &before));
    }
    Ok(was_in)
}

async fn begin(tx: &mut AuditedTx, group: GroupId, member: GroupId) -> Result<()> {
    groups::lock(tx).await?;
    groups::must_be_here(tx, group).await?;
    groups::must_be_here(tx, member).await?;
    let now = tx.by().now;
    match tx.by().person() {
        Some(actor) => must_cover_group(tx, actor, group, Through::Now(now), now).await,
        None => Ok(()),
    }
}

async fn must_be_no_circle(tx: &mut AuditedTx, group: GroupId, member: GroupId) -> Result<()> {
    let mut circle = nestings::circle(tx, group, member).await?;
    let Some(first) = circle.first().cloned() else { return Ok(()) };
    circle.push(first.clone());
    let told = circle.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" in ");
    let detail = format!("this would put `{first}` into itself: {told}");
    Err(Error::conflict("group_circle", detail).with("circle", circle))
}
