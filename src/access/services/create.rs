use super::{NewService, Service, store};
use crate::base::error::Result;
use crate::base::made::Made;
use crate::gate::audit::{Action, AuditedTx, Event};

/// Makes a service, unless it stands, and tells of it.
pub async fn create(tx: &mut AuditedTx, new: &NewService) -> Result<Made<Service>> {
    let made = store::ensure(tx, new).await?;
    if made.is_new() {
        tx.tell(Event::new(Action::ServiceCreated).within(made.get().id).after(made.get()));
    }
    Ok(made)
}
