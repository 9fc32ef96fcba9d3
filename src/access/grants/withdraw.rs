//! A service offers a role no longer, and whoever holds it there loses it.

use super::rules::{is_administrator, lock, must_cover};
use super::{Grantable, events, store};
use crate::base::error::Result;
use crate::base::id::{RoleId, ServiceId};
use crate::gate::audit::AuditedTx;
use crate::gate::store::{Loss, Through, must_cover_loss, must_keep_an_administrator};

/// Takes a role out of a service and from everybody who holds it there, and tells of it; twice is safe. Answers whether it was
/// offered. Of Portero's own a person withdraws nothing that somebody holds for longer than they do.
///
/// # Errors
/// 403 for what is not the actor's to withdraw; 404 for what is not there; 409 `direct_role`, `last_administrator`.
pub async fn withdraw(tx: &mut AuditedTx, service: ServiceId, role: RoleId) -> Result<bool> {
    let (what, now) = (Grantable::Role(role), tx.by().now);
    lock(tx, service, &[], &[what]).await?;
    must_cover(tx, service, what, Through::Now(now)).await?;
    store::lock_offer(tx, service, role).await?;
    if let Some(actor) = tx.by().person() {
        must_cover_loss(tx, actor, Loss::RoleIn(role, service), now).await?;
    }
    let was_offered = store::withdraw(tx, service, role).await?;
    if is_administrator(service, what) {
        must_keep_an_administrator(tx).await?;
    }
    if was_offered {
        tx.tell(events::withdrawn(service, role));
    }
    Ok(was_offered)
}
