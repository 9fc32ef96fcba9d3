use super::{Service, store};
use crate::base::error::Result;
use crate::gate::audit::{Action, AuditedTx, Event};

/// Deletes a service, and tells of it. All roles in it are lost, and its clients are deleted.
///
/// # Errors
/// 404 `service_not_found`.
pub async fn remove(tx: &mut AuditedTx, service: &Service) -> Result<()> {
    store::remove(tx, service.id).await?;
    tx.tell(Event::new(Action::ServiceDeleted).within(service.id).before(service));
    Ok(())
}
