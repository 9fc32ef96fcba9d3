use super::{NewRole, Role, store};
use crate::base::error::Result;
use crate::base::made::Made;
use crate::gate::audit::{Action, AuditedTx, Event};

/// Makes a role, unless it stands, and tells of it.
pub async fn create(tx: &mut AuditedTx, new: &NewRole) -> Result<Made<Role>> {
    let made = store::ensure(tx, new).await?;
    if made.is_new() {
        tx.tell(Event::new(Action::RoleCreated).after(made.get()));
    }
    Ok(made)
}
