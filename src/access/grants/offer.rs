//! A service offers a role, which people can be given there from then on.

use super::rules::{lock, must_cover};
use super::{Grantable, events, store};
use crate::access::services::NewService;
use crate::access::{roles, services};
use crate::base::error::Result;
use crate::base::id::{RoleId, ServiceId};
use crate::gate::audit::AuditedTx;
use crate::gate::permission::{BuiltIn, WriteServices};
use crate::gate::store::{Through, must_cover_permission};

/// Lets a service offer a role, and tells of it; twice is safe. Of Portero's own a person offers none that carries what they
/// don't hold themselves.
///
/// # Errors
/// 403 for what is not the actor's to offer; 404 for what is not there; 409 `direct_role`.
pub async fn offer(tx: &mut AuditedTx, service: ServiceId, role: RoleId) -> Result<()> {
    let (what, now) = (Grantable::Role(role), Through::Now(tx.by().now));
    lock(tx, service, &[], &[what]).await?;
    must_cover(tx, service, what, now).await?;
    if store::offer(tx, service, role).await? {
        tx.tell(events::offered(service, role));
    }
    Ok(())
}

/// The same in a service that is made for it, unless it stands, by somebody who may make services.
///
/// # Errors
/// As those of [`offer`], and 403 for who may not make services; 409 `service_exists`.
pub async fn offer_in_new_service(tx: &mut AuditedTx, new: &NewService, role: RoleId) -> Result<()> {
    let now = Through::Now(tx.by().now);
    if let Some(actor) = tx.by().person() {
        must_cover_permission(tx, actor, ServiceId::PORTERO, WriteServices::ID, now).await?;
    }
    roles::store::hold(tx, role).await??;
    must_cover(tx, ServiceId::PORTERO, Grantable::Role(role), now).await?;
    let made = services::create(tx, new).await?;
    offer(tx, made.get().id, role).await
}
