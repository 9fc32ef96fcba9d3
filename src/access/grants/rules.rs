//! What giving and taking have in common.

use super::{GrantTerms, Grantable, store};
use crate::access::{permissions, roles};
use crate::base::error::Result;
use crate::base::id::{Id, PermissionId, PersonId, Ref, RoleId, ServiceId};
use crate::gate;
use crate::gate::audit::AuditedTx;
use crate::gate::store::{Through, must_cover_permission, must_cover_role, queue_for_administrators};

/// Whether it makes somebody an administrator of Portero itself.
pub(super) fn is_administrator(service: ServiceId, what: Grantable) -> bool {
    (service, what) == (ServiceId::PORTERO, Grantable::Role(RoleId::ADMINISTRATOR))
}

/// Keeps people and what they are given or lose as they are until the change ends, in the order that all changes keep.
///
/// # Errors
/// 404 for what is not there; 409 `direct_role`.
pub(super) async fn lock(tx: &mut AuditedTx, service: ServiceId, people: &[PersonId], all: &[Grantable]) -> Result<()> {
    if all.iter().any(|what| is_administrator(service, *what)) {
        queue_for_administrators(tx).await?;
    }
    gate::store::people::lock_all(tx, people).await?;
    for what in all {
        match *what {
            Grantable::Role(role) => roles::store::hold(tx, role).await??,
            Grantable::Permission(permission) => {
                permissions::store::hold(tx, &Ref::Id(permission)).await?.ok_or_else(PermissionId::not_found)?;
            }
        }
    }
    Ok(())
}

/// Refuses (403) a person who does not hold themselves what they give or take of Portero's own.
pub(super) async fn must_cover(
    tx: &mut AuditedTx,
    service: ServiceId,
    what: Grantable,
    through: Through,
) -> Result<()> {
    match (tx.by().person(), what) {
        (Some(actor), Grantable::Role(role)) => must_cover_role(tx, actor, service, role, through).await,
        (Some(actor), Grantable::Permission(permission)) => {
            must_cover_permission(tx, actor, service, permission, through).await
        }
        (None, _) => Ok(()),
    }
}

/// On which terms a person holds it now.
pub(super) async fn current_terms(
    tx: &mut AuditedTx,
    person: PersonId,
    service: ServiceId,
    what: Grantable,
) -> Result<Option<GrantTerms>> {
    let now = tx.by().now;
    match what {
        Grantable::Role(role) => store::current_terms(tx, person, service, role, now).await,
        Grantable::Permission(permission) => store::direct_standing(tx, person, service, permission, now).await,
    }
}
