//! What the audit trail tells of grants.

use serde_json::json;

use crate::audit::{Action, Event};
use crate::permissions::PermissionId;
use crate::roles::RoleId;
use crate::services::ServiceId;
use crate::users::PersonId;

/// That a service offers a role from now on.
pub fn offered(service: ServiceId, role: RoleId) -> Event {
    Event::new(Action::ServiceRoleAdded).within(service).after(json!({"role_id": role}))
}

/// That a service offers a role no longer.
pub fn withdrawn(service: ServiceId, role: RoleId) -> Event {
    Event::new(Action::ServiceRoleRemoved).within(service).before(json!({"role_id": role}))
}

/// That a person was given a role.
pub fn granted(person: PersonId, service: ServiceId, role: RoleId) -> Event {
    Event::new(Action::GrantAdded).about(person).within(service).after(json!({"role_id": role}))
}

/// That a role was taken from a person.
pub fn revoked(person: PersonId, service: ServiceId, role: RoleId) -> Event {
    Event::new(Action::GrantRemoved).about(person).within(service).before(json!({"role_id": role}))
}

/// That a person was given a single permission.
pub fn directly_granted(person: PersonId, service: ServiceId, permission: PermissionId) -> Event {
    Event::new(Action::DirectGrantAdded).about(person).within(service).after(json!({"permission_id": permission}))
}

/// That a single permission was taken from a person.
pub fn directly_revoked(person: PersonId, service: ServiceId, permission: PermissionId) -> Event {
    Event::new(Action::DirectGrantRemoved).about(person).within(service).before(json!({"permission_id": permission}))
}
