//! A group is given a role in a service, or it is taken from it: all that its people hold by it.

use super::events;
use super::pre_hijacking::{must_have_own_passwords_for, notices_of_newcomers};
use super::rules::{is_administrator, must_cover};
use super::store::of_groups::{self, RoleOfGroup};
use super::{Grantable, Notice, RequestedTerms};
use crate::access::roles;
use crate::base::error::{Error, Result};
use crate::gate::audit::AuditedTx;
use crate::gate::store::{Gain, Through, groups};
use crate::identity::mail::store::tokens::void_before_gain;

/// Gives a group a role in a service, or changes the terms on which it holds it; twice is safe. Under the rules of giving it to
/// each of its people; the role Administrator of Portero itself is given to people alone.
///
/// # Errors
/// 403 for what is not the actor's to give; 404 for what is not there; 409 `administrator_of_people`, `direct_role`,
/// `password_set_by_another`.
pub async fn give_to_group(tx: &mut AuditedTx, given: RoleOfGroup, terms: &RequestedTerms) -> Result<Vec<Notice>> {
    let (group, service, role) = given;
    let what = Grantable::Role(role);
    if is_administrator(service, what) {
        let detail = "a group can't hold the role Administrator of Portero itself, so that it is plain who administers \
                      it: give it to people";
        return Err(Error::conflict("administrator_of_people", detail));
    }
    groups::lock(tx).await?;
    groups::must_be_here(tx, group).await?;
    roles::store::hold(tx, role).await??;
    must_cover(tx, service, what, Through::Now(terms.now)).await?;
    let gain = Gain::of_group(group, service, role);
    let current = of_groups::current_terms(tx, given, terms.now).await?;
    if tx.by().person().is_some()
        && let Some(through) = terms.held_through(current.as_ref())
    {
        must_cover(tx, service, what, through).await?;
        must_have_own_passwords_for(tx, gain, through, terms.now).await?;
    }
    let granted = of_groups::grant(tx, given, terms).await?;
    if granted.is_new() {
        void_before_gain(tx, gain, terms.now).await?;
    }
    let notices = notices_of_newcomers(tx, gain, terms.now).await?;
    if let Some(told) = events::given_to_group(given, &granted) {
        tx.tell(told);
    }
    Ok(notices)
}

/// Takes a role in a service from a group; twice is safe. Answers whether it was held. Of what is Portero's own a person takes
/// nothing that they don't hold themselves for as long.
///
/// # Errors
/// 403 for what is not the actor's to take; 404 for what is not there; 409 `direct_role`.
pub async fn take_from_group(tx: &mut AuditedTx, taken: RoleOfGroup) -> Result<bool> {
    let (_, service, role) = taken;
    let (what, now) = (Grantable::Role(role), tx.by().now);
    roles::store::hold(tx, role).await??;
    must_cover(tx, service, what, Through::Now(now)).await?;
    if tx.by().person().is_some()
        && let Some(current) = of_groups::current_terms(tx, taken, now).await?
    {
        must_cover(tx, service, what, current.through()).await?;
    }
    let before = of_groups::revoke(tx, taken, now).await?;
    let was_held = before.is_some();
    if let Some(before) = before {
        tx.tell(events::taken_from_group(taken, &before));
    }
    Ok(was_held)
}
