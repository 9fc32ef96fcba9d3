//! What the audit trail tells of roles.

use serde_json::json;

use super::RoleId;
use crate::audit::{Action, Event};
use crate::permissions::PermissionId;

/// That a role carries a permission from now on.
pub fn carries(role: RoleId, permission: PermissionId) -> Event {
    Event::new(Action::RolePermissionAdded).after(json!({"role_id": role, "permission_id": permission}))
}

/// That a role carries a permission no longer.
pub fn lost(role: RoleId, permission: PermissionId) -> Event {
    Event::new(Action::RolePermissionRemoved).before(json!({"role_id": role, "permission_id": permission}))
}
