//! What the audit trail tells of roles.

use serde_json::json;

use crate::base::id::{PermissionId, RoleId};
use crate::gate::audit::{Action, Event};

/// That a role carries a permission from now on.
pub fn carries(role: RoleId, permission: PermissionId) -> Event {
    Event::new(Action::RolePermissionAdded).after(json!({"role_id": role, "permission_id": permission}))
}

/// That a role carries a permission no longer.
pub fn lost(role: RoleId, permission: PermissionId) -> Event {
    Event::new(Action::RolePermissionRemoved).before(json!({"role_id": role, "permission_id": permission}))
}
