//! A person is given a role, or a single permission, in a service.

use super::pre_hijacking::{must_have_own_password, notices};
use super::rules::{current_terms, is_administrator, lock, must_cover};
use super::{Grantable, Notice, RequestedTerms, events, store};
use crate::base::error::Result;
use crate::base::id::{PersonId, RoleId, ServiceId};
use crate::gate::audit::AuditedTx;
use crate::gate::store::{Through, must_keep_an_administrator};

#[derive(Debug)]
pub struct Given {
    /// The role that carries it.
    pub role: RoleId,
    /// What whoever gave it should know.
    pub notices: Vec<Notice>,
}

/// Gives a person something in a service, or changes the terms on which they hold it; twice is safe. Of what is Portero's own a
/// person gives nothing that they don't hold themselves for as long, and nothing to somebody whose password was set by
/// somebody who could not give it.
///
/// # Errors
/// 403 for what is not the actor's to give; 404 for what is not there; 409 `direct_role`, `last_administrator`,
/// `password_set_by_another`.
pub async fn give(
    tx: &mut AuditedTx,
    (person, service, what): (PersonId, ServiceId, Grantable),
    terms: &RequestedTerms,
) -> Result<Given> {
    lock(tx, service, &[person], &[what]).await?;
    must_cover(tx, service, what, Through::Now(terms.now)).await?;
    let current = current_terms(tx, person, service, what).await?;
    if tx.by().person().is_some()
        && let Some(through) = terms.held_through(current.as_ref())
    {
        must_cover(tx, service, what, through).await?;
        must_have_own_password(tx, (person, service, what), through).await?;
    }
    let (role, granted) = match what {
        Grantable::Role(role) => (role, store::grant(tx, person, service, role, terms).await?),
        Grantable::Permission(permission) => store::grant_direct(tx, person, service, permission, terms).await?,
    };
    if is_administrator(service, what) && granted.ends_what_lasted() {
        must_keep_an_administrator(tx).await?;
    }
    let notices = notices(tx, (person, service, what), terms.now).await?;
    if let Some(told) = events::given(person, service, what, &granted) {
        tx.tell(told);
    }
    Ok(Given { role, notices })
}
