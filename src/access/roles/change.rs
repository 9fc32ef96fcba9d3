use super::{Role, RoleChange, store};
use crate::base::error::Result;
use crate::gate::audit::{Action, AuditedTx, Event};

/// Changes a role that is locked, and tells of it.
pub async fn change(tx: &mut AuditedTx, before: Role, change: &RoleChange) -> Result<Role> {
    let after = store::update(tx, before.id, change).await?;
    tx.tell(Event::new(Action::RoleChanged).before(before).after(&after));
    Ok(after)
}
