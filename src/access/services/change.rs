use super::claims::must_be_theirs_to_open;
use super::{Service, ServiceChange, store};
use crate::base::error::Result;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::platform::http::Tagged;

/// Changes a service that is locked, and tells of it.
///
/// # Errors
/// 403 for claims that are not the actor's to open; 409 `service_exists`.
pub async fn change(tx: &mut AuditedTx, before: Service, change: &ServiceChange) -> Result<Tagged<Service>> {
    let id = before.id;
    store::update(tx, id, change).await?;
    let after = store::tagged(tx, id).await?;
    must_be_theirs_to_open(tx, &before.claims, &after.shown.claims).await?;
    tx.tell(Event::new(Action::ServiceChanged).within(id).changed(before, &after.shown));
    Ok(after)
}
