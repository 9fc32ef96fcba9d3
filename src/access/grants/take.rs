//! What a person holds in a service is taken from them: a role, or a single permission.

use super::review::Grants;
use super::rules::{current_terms, is_administrator, lock, must_cover};
use super::{Grantable, events, store};
use crate::base::error::Result;
use crate::base::id::{PersonId, RoleId, ServiceId};
use crate::gate::audit::AuditedTx;
use crate::gate::must_one_be_left;
use crate::gate::store::{Through, must_keep_an_administrator};

/// What became of something that was to be taken away.
#[derive(Debug)]
pub struct Taken {
    /// The role that carried it; none where there were no direct grants.
    pub role: Option<RoleId>,
    pub was_held: bool,
}

/// Takes something in a service from a person; twice is safe. Of what is Portero's own a person takes nothing that they don't
/// hold themselves for as long.
///
/// # Errors
/// 403 for what is not the actor's to take; 404 for what is not there; 409 `direct_role`, `last_administrator`.
pub async fn take(tx: &mut AuditedTx, (person, service, what): (PersonId, ServiceId, Grantable)) -> Result<Taken> {
    let must_one_be_left = begin(tx, service, &[person], &[what]).await?;
    let taken = take_one(tx, (person, service, what)).await?;
    if must_one_be_left {
        must_keep_an_administrator(tx).await?;
    }
    Ok(taken)
}

/// Takes many things in one service from their holders, or none of them; answers those that they held.
///
/// # Errors
/// As those of [`take`].
pub async fn take_all(tx: &mut AuditedTx, service: ServiceId, grants: &Grants) -> Result<Grants> {
    let (people, all) = parts(grants);
    let must_one_be_left = begin(tx, service, &people, &all).await?;
    let mut taken = Grants::new();
    for (person, what) in grants.iter().copied() {
        if take_one(tx, (person, service, what)).await?.was_held {
            taken.insert((person, what));
        }
    }
    if must_one_be_left {
        must_keep_an_administrator(tx).await?;
    }
    Ok(taken)
}

/// The people and the roles and permissions of grants, each once, in order.
pub(super) fn parts(grants: &Grants) -> (Vec<PersonId>, Vec<Grantable>) {
    let mut people: Vec<PersonId> = grants.iter().map(|(person, _)| *person).collect();
    people.dedup();
    let mut all: Vec<Grantable> = grants.iter().map(|(_, what)| *what).collect();
    all.sort_unstable();
    all.dedup();
    (people, all)
}

/// Answers whether there must be an administrator left.
async fn begin(tx: &mut AuditedTx, service: ServiceId, people: &[PersonId], all: &[Grantable]) -> Result<bool> {
    let unmakes = all.iter().any(|what| is_administrator(service, *what));
    let must_one_be_left = unmakes && must_one_be_left(tx, people).await?;
    lock(tx, service, people, all).await?;
    let now = Through::Now(tx.by().now);
    for what in all {
        must_cover(tx, service, *what, now).await?;
    }
    Ok(must_one_be_left)
}

async fn take_one(tx: &mut AuditedTx, (person, service, what): (PersonId, ServiceId, Grantable)) -> Result<Taken> {
    let now = tx.by().now;
    if tx.by().person().is_some()
        && let Some(current) = current_terms(tx, person, service, what).await?
    {
        must_cover(tx, service, what, current.through()).await?;
    }
    let (role, before) = match what {
        Grantable::Role(role) => (Some(role), store::revoke(tx, person, service, role, now).await?),
        Grantable::Permission(permission) => store::revoke_direct(tx, person, service, permission, now).await?,
    };
    let was_held = before.is_some();
    if let Some(before) = before {
        tx.tell(events::removed(person, service, what, &before));
    }
    Ok(Taken { role, was_held })
}
