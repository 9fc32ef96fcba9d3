use super::{Permission, PermissionChange, store};
use crate::base::error::Result;
use crate::gate::audit::{Action, Change, Event};

/// Changes a permission that is locked, and tells of it.
pub async fn change(tx: &mut Change, before: Permission, change: &PermissionChange) -> Result<Permission> {
    let after = store::update(tx, before.id, change).await?;
    tx.tell(Event::new(Action::PermissionChanged).before(before).after(&after));
    Ok(after)
}
