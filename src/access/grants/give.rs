//! A person is given a role, or a single permission, in a service.

use super::planted::{must_have_own_password, notices};
use super::rules::{is_administrator, lock, must_cover, standing};
use super::{Notice, Terms, What, store, told};
use crate::base::error::Result;
use crate::base::id::{PersonId, RoleId, ServiceId};
use crate::gate::audit::Change;
use crate::gate::store::{Through, must_keep_an_administrator};

/// What was given.
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
    tx: &mut Change,
    (person, service, what): (PersonId, ServiceId, What),
    terms: &Terms,
) -> Result<Given> {
    lock(tx, service, &[person], &[what]).await?;
    must_cover(tx, service, what, Through::Now(terms.now)).await?;
    let standing = standing(tx, person, service, what).await?;
    if tx.by().person().is_some()
        && let Some(through) = terms.held_through(standing.as_ref())
    {
        must_cover(tx, service, what, through).await?;
        must_have_own_password(tx, (person, service, what), through).await?;
    }
    let (role, granted) = match what {
        What::Role(role) => (role, store::grant(tx, person, service, role, terms).await?),
        What::Permission(permission) => store::grant_direct(tx, person, service, permission, terms).await?,
    };
    if is_administrator(service, what) && granted.ends_what_lasted() {
        must_keep_an_administrator(tx).await?;
    }
    let notices = notices(tx, (person, service, what), terms.now).await?;
    if let Some(told) = told::given(person, service, what, &granted) {
        tx.tell(told);
    }
    Ok(Given { role, notices })
}
