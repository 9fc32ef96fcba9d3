use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::review::Reviewer;
use super::{Reason, RequestedEnd, RequestedReason};
use crate::access::roles::Role;
use crate::access::services::Service;
use crate::base::error::{Error, Result};
use crate::base::id::{GroupId, Id, IdOrName, PermissionId, PersonId, Ref, RoleId, ServiceId};
use crate::base::moment::Moment;
use crate::base::person::Person;

/// A role that a service offers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// The service: id or name.
    #[schema(value_type = IdOrName)]
    pub service_id: Ref<ServiceId>,
    /// The role: id or name.
    #[schema(value_type = IdOrName)]
    pub role_id: Ref<RoleId>,
}

/// What can be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grantable {
    Role(RoleId),
    Permission(PermissionId),
}

impl Grantable {
    /// The role, if it is one.
    pub fn role(self) -> Option<RoleId> {
        match self {
            Self::Role(role) => Some(role),
            Self::Permission(_) => None,
        }
    }
}

impl fmt::Display for Grantable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(role) => write!(f, "role {role}"),
            Self::Permission(permission) => write!(f, "permission {permission} directly"),
        }
    }
}

/// A role that a person holds in a service.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleGrant {
    /// The person: id, username or `person-<id>`.
    #[schema(value_type = IdOrName)]
    pub person_id: Ref<PersonId>,
    /// The service: id or name.
    #[schema(value_type = IdOrName)]
    pub service_id: Ref<ServiceId>,
    /// The role: id or name.
    #[schema(value_type = IdOrName)]
    pub role_id: Ref<RoleId>,
}

/// A role to grant to a person in a service, or new terms for it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRoleGrant {
    /// The person: id, username or `person-<id>`.
    #[schema(value_type = IdOrName)]
    pub person_id: Ref<PersonId>,
    /// The service: id or name.
    #[schema(value_type = IdOrName)]
    pub service_id: Ref<ServiceId>,
    /// The role: id or name.
    #[schema(value_type = IdOrName)]
    pub role_id: Ref<RoleId>,
    /// When it expires, to the second: in the future, at most ten years ahead; null for never. Without this field a new
    /// grant does not expire, and an existing one keeps its expiry.
    #[serde(default)]
    #[schema(value_type = Option<Moment>)]
    pub expires_at: RequestedEnd,
    /// The reason, in one line; null for none. Without this field an existing grant keeps its reason.
    #[serde(default)]
    #[schema(value_type = Option<Reason>)]
    pub reason: RequestedReason,
}

impl NewRoleGrant {
    pub fn grant(&self) -> RoleGrant {
        let Self { person_id, service_id, role_id, .. } = self;
        RoleGrant { person_id: person_id.clone(), service_id: service_id.clone(), role_id: role_id.clone() }
    }
}

/// A role that a group holds in a service.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupRoleGrant {
    /// The group: id or name.
    #[schema(value_type = IdOrName)]
    pub group_id: Ref<GroupId>,
    /// The service: id or name.
    #[schema(value_type = IdOrName)]
    pub service_id: Ref<ServiceId>,
    /// The role: id or name.
    #[schema(value_type = IdOrName)]
    pub role_id: Ref<RoleId>,
}

/// A role to grant to a group in a service, or new terms for it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGroupRoleGrant {
    /// The group: id or name.
    #[schema(value_type = IdOrName)]
    pub group_id: Ref<GroupId>,
    /// The service: id or name.
    #[schema(value_type = IdOrName)]
    pub service_id: Ref<ServiceId>,
    /// The role: id or name.
    #[schema(value_type = IdOrName)]
    pub role_id: Ref<RoleId>,
    /// When it expires, to the second: in the future, at most ten years ahead; null for never. Without this field a new
    /// grant does not expire, and an existing one keeps its expiry.
    #[serde(default)]
    #[schema(value_type = Option<Moment>)]
    pub expires_at: RequestedEnd,
    /// The reason, in one line; null for none. Without this field an existing grant keeps its reason.
    #[serde(default)]
    #[schema(value_type = Option<Reason>)]
    pub reason: RequestedReason,
}

/// A role that a group holds in a service.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupRole {
    /// The grant's id, by which the list is paged.
    #[schema(example = 1)]
    pub id: i32,
    /// The service.
    pub service: Service,
    /// The role.
    pub role: Role,
    /// When it was granted.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub since: OffsetDateTime,
    /// Who granted it; null for the command line.
    pub granted_by: Option<Reviewer>,
    /// Why.
    #[schema(example = "the editors of the catalog")]
    pub reason: Option<String>,
    /// When it expires; null for never.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2030-12-31T00:00:00Z")]
    pub expires_at: Option<OffsetDateTime>,
}

/// A permission that a person holds in a service directly. Send `permission_id` or `permission_name`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"person_id": "juan", "service_id": 4, "permission_name": "share"}))]
pub struct DirectGrant {
    /// The person: id, username or `person-<id>`.
    #[schema(value_type = IdOrName)]
    pub person_id: Ref<PersonId>,
    /// The service: id or name.
    #[schema(value_type = IdOrName)]
    pub service_id: Ref<ServiceId>,
    /// The permission's id.
    #[serde(default)]
    #[schema(value_type = Option<IdOrName>)]
    pub permission_id: Option<Ref<PermissionId>>,
    /// The permission's name.
    #[serde(default)]
    #[schema(example = "share")]
    pub permission_name: Option<String>,
}

/// A single permission to grant to a person in a service, or new terms for it. Send `permission_id` or
/// `permission_name`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"person_id": "juan", "service_id": 4, "permission_name": "share"}))]
pub struct NewDirectGrant {
    /// The person: id, username or `person-<id>`.
    #[schema(value_type = IdOrName)]
    pub person_id: Ref<PersonId>,
    /// The service: id or name.
    #[schema(value_type = IdOrName)]
    pub service_id: Ref<ServiceId>,
    /// The permission's id.
    #[serde(default)]
    #[schema(value_type = Option<IdOrName>)]
    pub permission_id: Option<Ref<PermissionId>>,
    /// The permission's name.
    #[serde(default)]
    #[schema(example = "share")]
    pub permission_name: Option<String>,
    /// When it expires, to the second: in the future, at most ten years ahead; null for never. Without this field a new
    /// grant does not expire, and an existing one keeps its expiry.
    #[serde(default)]
    #[schema(value_type = Option<Moment>)]
    pub expires_at: RequestedEnd,
    /// The reason, in one line; null for none. Without this field an existing grant keeps its reason.
    #[serde(default)]
    #[schema(value_type = Option<Reason>)]
    pub reason: RequestedReason,
}

impl NewDirectGrant {
    pub fn grant(&self) -> DirectGrant {
        let Self { person_id, service_id, permission_id, permission_name, .. } = self;
        DirectGrant {
            person_id: person_id.clone(),
            service_id: service_id.clone(),
            permission_id: permission_id.clone(),
            permission_name: permission_name.clone(),
        }
    }
}

impl DirectGrant {
    pub fn permission(&self) -> Result<Ref<PermissionId>> {
        match (&self.permission_id, &self.permission_name) {
            (Some(id), None) => Ok(id.clone()),
            (None, Some(name)) => Ok(Ref::parse_name(name)),
            (None, None) => Err(Error::invalid_field("permission_id", "send permission_id or permission_name")),
            (Some(_), Some(_)) => {
                Err(Error::invalid_field("permission_id", "send permission_id or permission_name, not both"))
            }
        }
    }

    /// What to answer when there is no such permission: a name in its own field is 404, as an id is.
    pub fn absent(&self, named: &Ref<PermissionId>) -> Error {
        if self.permission_name.is_some() { PermissionId::not_found() } else { named.absent() }
    }
}

/// What a person may do in a service.
#[derive(Debug, Serialize, ToSchema)]
pub struct PersonInService {
    /// The person.
    pub user: Person,
    /// The service.
    pub service_id: ServiceId,
    /// Names of the roles held there.
    #[schema(value_type = Vec<String>, example = json!(["Viewer"]))]
    pub roles: Vec<Arc<str>>,
    /// Names of the permissions in these roles, each once.
    #[schema(value_type = Vec<String>, example = json!(["read"]))]
    pub permissions: Vec<Arc<str>>,
    /// When the first of these grants expires, in Unix seconds: do not keep the answer longer. Only if one expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1_924_905_600)]
    pub valid_until: Option<i64>,
}

/// A role that somebody holds in a service.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeldRole {
    /// Its id.
    pub id: RoleId,
    /// Its name.
    #[schema(example = "Viewer")]
    pub name: String,
    /// When it expires. Only if it does.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false, example = "2030-12-31T00:00:00Z")]
    pub expires_at: Option<OffsetDateTime>,
}

/// Somebody who holds a role in a service.
#[derive(Debug, Serialize, ToSchema)]
pub struct Holder {
    /// Their id.
    pub id: PersonId,
    /// Their username.
    #[schema(example = "juan")]
    pub username: String,
    /// Their name.
    #[schema(example = "Juan Demo")]
    pub name: String,
    /// When it expires. Only if it does.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false, example = "2030-12-31T00:00:00Z")]
    pub expires_at: Option<OffsetDateTime>,
}

/// A role that somebody holds somewhere, with all names.
#[derive(Debug, Serialize)]
pub struct NamedGrant {
    pub person_id: PersonId,
    pub username: String,
    pub service_id: ServiceId,
    pub service: String,
    pub role_id: RoleId,
    pub role: String,
    /// Whether the role only carries permissions that were granted directly.
    pub direct: bool,
    /// The group by which they hold it; none where it was given to themselves.
    pub group_id: Option<GroupId>,
    /// That group's name.
    pub group: Option<String>,
    pub permissions: Vec<String>,
    /// When it ends, if it does.
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    pub reason: Option<String>,
}
