use super::claims::must_be_theirs_to_open;
use super::{NewService, Service, store};
use crate::base::error::Result;
use crate::base::made::Made;
use crate::gate::audit::{Action, AuditedTx, Event};

/// Makes a service, unless it stands, and tells of it.
///
/// # Errors
/// 403 for claims that are not the actor's to open; 409 `service_exists`.
pub async fn create(tx: &mut AuditedTx, new: &NewService) -> Result<Made<Service>> {
    let made = store::ensure(tx, new).await?;
    if made.is_new() {
        must_be_theirs_to_open(tx, &[], &made.get().claims).await?;
        tx.tell(Event::new(Action::ServiceCreated).within(made.get().id).after(made.get()));
    }
    Ok(made)
}
