//! Somebody, or a group, is given a role on a resource and on all beneath it, or it is taken from them.

use super::{ResourceName, events, store};
use crate::access::grants::RequestedTerms;
use crate::access::roles;
use crate::base::error::Result;
use crate::base::id::{GroupId, PersonId, RoleId, ServiceId};
use crate::gate::audit::AuditedTx;
use crate::gate::store::{Through, groups, must_cover_role, people};

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

/// Gives a role on a resource, or changes the terms on which it is held; twice is safe. The service then offers the role. Of what is
/// Portero's own a person gives nothing that they don't hold in the service for as long.
///
/// # Errors
/// 403 for what is not the actor's to give; 404 for what is not there; 409 `built_in`, `direct_role`.
pub async fn give(tx: &mut AuditedTx, held: &Held, terms: &RequestedTerms) -> Result<()> {
    held.service.must_not_be_built_in()?;
    lock(tx, held).await?;
    must_cover(tx, held, Through::Now(terms.now)).await?;
    let current = store::roles::current_terms(tx, held, terms.now).await?;
    if let Some(through) = terms.held_through(current.as_ref()) {
        must_cover(tx, held, through).await?;
    }
    let granted = store::roles::grant(tx, held, terms).await?;
    if let Some(told) = events::given(held, &granted) {
        tx.tell(told);
    }
    Ok(())
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
