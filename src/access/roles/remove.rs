use super::{Role, store};
use crate::base::error::Result;
use crate::gate::audit::{Action, AuditedTx, Event};

/// Deletes a role, and tells of it. Everybody loses it.
///
/// # Errors
/// 404 `role_not_found`.
pub async fn remove(tx: &mut AuditedTx, role: &Role) -> Result<()> {
    store::delete(tx, role.id).await?;
    tx.tell(Event::new(Action::RoleDeleted).before(role));
    Ok(())
}
