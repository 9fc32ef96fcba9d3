use super::{NewPermission, Permission, store};
use crate::base::error::Result;
use crate::base::made::Made;
use crate::gate::audit::{Action, AuditedTx, Event};

/// Makes a permission, unless it stands, and tells of it.
pub async fn create(tx: &mut AuditedTx, new: &NewPermission) -> Result<Made<Permission>> {
    let made = store::ensure(tx, new).await?;
    if made.is_new() {
        tx.tell(Event::new(Action::PermissionCreated).after(made.get()));
    }
    Ok(made)
}
