use super::{Permission, PermissionChange, store};
use crate::base::error::Result;
use crate::gate::audit::{Action, AuditedTx, Event};

/// Changes a permission that is locked, and tells of it.
pub async fn change(tx: &mut AuditedTx, before: Permission, change: &PermissionChange) -> Result<Permission> {
    let after = store::update(tx, before.id, change).await?;
    tx.tell(Event::new(Action::PermissionChanged).before(before).after(&after));
    Ok(after)
}
