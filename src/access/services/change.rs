use super::{Service, ServiceChange, store};
use crate::base::error::Result;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::platform::http::Tagged;

/// Changes a service that is locked, and tells of it.
pub async fn change(tx: &mut AuditedTx, before: Service, change: &ServiceChange) -> Result<Tagged<Service>> {
    let id = before.id;
    store::update(tx, id, change).await?;
    let after = store::tagged(tx, id).await?;
    tx.tell(Event::new(Action::ServiceChanged).within(id).changed(before, &after.shown));
    Ok(after)
}
