//! Somebody, or a group, is given a role on a resource and on all beneath it, or it is taken from them.

use time::OffsetDateTime;

use super::{ResourceName, events, store};
use crate::access::grants::{self, Grantable, Notice, RequestedTerms};
use crate::access::roles;
use crate::base::error::Result;
use crate::base::id::{GroupId, PersonId, RoleId, ServiceId};
use crate::gate::audit::AuditedTx;
use crate::gate::store::{Gain, Through, groups, must_cover_role, people};
use crate::identity::mail::store::tokens::{void_before_gain, void_before_promotion};

/// Who holds a role on a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    Person(PersonId),
    /// And so whoever is in it.
    Group(GroupId),
}

impl Holder {
    /// As the two columns of the table.
    pub fn columns(self) -> (Option<i32>, Option<i32>) {
        match self {
            Self::Person(person) => (Some(person.0), None),
            Self::Group(group) => (None, Some(group.0)),
        }
    }
}

/// A role on a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub service: ServiceId,
    pub resource: ResourceName,
    pub holder: Holder,
    pub role: RoleId,
}

impl Held {
    /// What everybody in the group that holds it comes to hold, as if it were in the service.
    fn gain(&self, group: GroupId) -> Gain {
        Gain::of_group(group, self.service, self.role)
    }
}

/// Gives a role on a resource, or changes the terms on which it is held; twice is safe. The service then offers the role. Of what is
/// Portero's own a person gives nothing that they don't hold in the service for as long, and nothing to somebody whose password was set
/// by somebody who could not give it.
///
/// # Errors
/// 403 for what is not the actor's to give; 404 for what is not there; 409 `built_in`, `direct_role`, `password_set_by_another`.
pub async fn give(tx: &mut AuditedTx, held: &Held, terms: &RequestedTerms) -> Result<Vec<Notice>> {
    held.service.must_not_be_built_in()?;
    lock(tx, held).await?;
    must_cover(tx, held, Through::Now(terms.now)).await?;
    let current = store::roles::current_terms(tx, held, terms.now).await?;
    if let Some(through) = terms.held_through(current.as_ref()) {
        must_cover(tx, held, through).await?;
        must_have_own_passwords(tx, held, through, terms.now).await?;
    }
    let granted = store::roles::grant(tx, held, terms).await?;
    if granted.is_new() {
        void_mails(tx, held, terms.now).await?;
    }
    let notices = match held.holder {
        Holder::Person(person) => {
            grants::notices(tx, (person, held.service, Grantable::Role(held.role)), terms.now).await?
        }
        Holder::Group(group) => grants::notices_of_newcomers(tx, held.gain(group), terms.now).await?,
    };
    if let Some(told) = events::given(held, &granted) {
        tx.tell(told);
    }
    Ok(notices)
}

/// Takes a role on a resource away; twice is safe. Answers whether it was held there itself: what is held above it stays.
///
/// # Errors
/// 403 for what is not the actor's to take; 404 for what is not there; 409 `direct_role`.
pub async fn take(tx: &mut AuditedTx, held: &Held) -> Result<bool> {
    lock(tx, held).await?;
    let now = tx.by().now;
    must_cover(tx, held, Through::Now(now)).await?;
    if let Some(current) = store::roles::current_terms(tx, held, now).await? {
        must_cover(tx, held, current.through()).await?;
    }
    let before = store::roles::revoke(tx, held, now).await?;
    let was_held = before.is_some();
    if let Some(before) = before {
        tx.tell(events::taken(held, &before));
    }
    Ok(was_held)
}

/// In the order of all locks.
async fn lock(tx: &mut AuditedTx, held: &Held) -> Result<()> {
    match held.holder {
        Holder::Person(person) => people::lock_all(tx, &[person]).await?,
        Holder::Group(group) => {
            groups::hold(tx).await?;
            groups::must_be_here(tx, group).await?;
        }
    }
    Ok(roles::store::hold(tx, held.role).await??)
}

/// Refuses (403) a person who does not hold in the service what of Portero's own the role carries.
async fn must_cover(tx: &mut AuditedTx, held: &Held, through: Through) -> Result<()> {
    match tx.by().person() {
        Some(actor) => must_cover_role(tx, actor, held.service, held.role, through).await,
        None => Ok(()),
    }
}

/// Refuses (409) a person who gives what is Portero's own to somebody whose password was set by somebody who could not give it.
async fn must_have_own_passwords(tx: &mut AuditedTx, held: &Held, through: Through, now: OffsetDateTime) -> Result<()> {
    if tx.by().person().is_none() {
        return Ok(());
    }
    match held.holder {
        Holder::Person(person) => {
            grants::must_have_own_password(tx, (person, held.service, Grantable::Role(held.role)), through).await
        }
        Holder::Group(group) => grants::must_have_own_passwords_for(tx, held.gain(group), through, now).await,
    }
}

/// What was mailed to them before opens nothing any more, if something of Portero's own comes with the role.
async fn void_mails(tx: &mut AuditedTx, held: &Held, now: OffsetDateTime) -> Result<()> {
    match held.holder {
        Holder::Person(person) => void_before_promotion(tx, person, held.role).await,
        Holder::Group(group) => void_before_gain(tx, held.gain(group), now).await,
    }
}
