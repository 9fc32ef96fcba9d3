use super::{Permission, store};
use crate::base::error::Result;
use crate::gate::audit::{Action, AuditedTx, Event};

/// Deletes a permission, and tells of it. Every role loses it.
///
/// # Errors
/// 404 `permission_not_found`.
pub async fn remove(tx: &mut AuditedTx, permission: &Permission) -> Result<()> {
    store::delete(tx, permission.id).await?;
    tx.tell(Event::new(Action::PermissionDeleted).before(permission));
    Ok(())
}
