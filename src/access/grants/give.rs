//! What somebody gives to a person or takes from them: of what is Portero's own, nothing that they don't hold themselves
//! for as long. To be done in a change that has locked the person.

use super::planted::must_have_own_password;
use super::{Granted, Standing, Terms, What, store};
use crate::base::error::Result;
use crate::base::id::{PermissionId, PersonId, RoleId, ServiceId};
use crate::gate::audit::Change;
use crate::gate::store::{must_cover_permission, must_cover_role};

/// Gives a role in a service, or changes the terms on which it is held.
pub async fn give_role(
    tx: &mut Change,
    actor: PersonId,
    (person, service, role): (PersonId, ServiceId, RoleId),
    terms: &Terms,
) -> Result<Granted> {
    let standing = store::standing(tx, person, service, role, terms.now).await?;
    if let Some(through) = terms.held_through(standing.as_ref()) {
        must_cover_role(tx, actor, service, role, through).await?;
        must_have_own_password(tx, (person, service, What::Role(role)), through).await?;
    }
    store::grant(tx, person, service, role, terms).await
}

/// Takes a role in a service away; answers on which terms it was held.
pub async fn take_role(
    tx: &mut Change,
    actor: PersonId,
    (person, service, role): (PersonId, ServiceId, RoleId),
) -> Result<Option<Standing>> {
    let now = tx.by().now;
    if let Some(standing) = store::standing(tx, person, service, role, now).await? {
        must_cover_role(tx, actor, service, role, standing.through()).await?;
    }
    store::revoke(tx, person, service, role, now).await
}

/// Gives a single permission in a service, or changes the terms on which it is held; answers its role, too.
pub async fn give_permission(
    tx: &mut Change,
    actor: PersonId,
    (person, service, permission): (PersonId, ServiceId, PermissionId),
    terms: &Terms,
) -> Result<(RoleId, Granted)> {
    let standing = store::direct_standing(tx, person, service, permission, terms.now).await?;
    if let Some(through) = terms.held_through(standing.as_ref()) {
        must_cover_permission(tx, actor, service, permission, through).await?;
        must_have_own_password(tx, (person, service, What::Permission(permission)), through).await?;
    }
    store::grant_direct(tx, person, service, permission, terms).await
}

/// Takes a single permission in a service away; answers its role, if there was one, and on which terms it was held.
pub async fn take_permission(
    tx: &mut Change,
    actor: PersonId,
    (person, service, permission): (PersonId, ServiceId, PermissionId),
) -> Result<(Option<RoleId>, Option<Standing>)> {
    let now = tx.by().now;
    if let Some(standing) = store::direct_standing(tx, person, service, permission, now).await? {
        must_cover_permission(tx, actor, service, permission, standing.through()).await?;
    }
    store::revoke_direct(tx, person, service, permission, now).await
}
