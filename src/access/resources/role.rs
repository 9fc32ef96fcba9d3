//! Roles on resources, as callers write and read them.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{ResourceKey, ResourceName};
use crate::access::grants::{Reason, RequestedEnd, RequestedReason, Reviewer};
use crate::access::policies::TypeName;
use crate::access::roles::Role;
use crate::base::error::{Error, Result};
use crate::base::id::{GroupId, IdOrName, PersonId, Ref, RoleId, ServiceId};
use crate::base::moment::Moment;
use crate::base::person::Person;
use crate::gate::store::groups::Group;

/// A role on a resource. Send `person_id` or `group_id`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"service_id": 4, "type": "folder", "id": "7", "person_id": "juan", "role_id": "Editor"}))]
pub struct ResourceRoleGrant {
    /// The service: id or name.
    #[schema(value_type = IdOrName)]
    pub service_id: Ref<ServiceId>,
    /// The resource's type.
    #[serde(rename = "type")]
    pub kind: TypeName,
    /// The resource's id.
    pub id: ResourceKey,
    /// The person: id, username or `person-<id>`.
    #[serde(default)]
    #[schema(value_type = Option<IdOrName>)]
    pub person_id: Option<Ref<PersonId>>,
    /// The group, otherwise: id or name.
    #[serde(default)]
    #[schema(value_type = Option<IdOrName>)]
    pub group_id: Option<Ref<GroupId>>,
    /// The role: id or name.
    #[schema(value_type = IdOrName)]
    pub role_id: Ref<RoleId>,
}

/// A role to grant on a resource, or new terms for it. Send `person_id` or `group_id`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"service_id": 4, "type": "folder", "id": "7", "group_id": "Team", "role_id": "Editor"}))]
pub struct NewResourceRoleGrant {
    /// The service: id or name.
    #[schema(value_type = IdOrName)]
    pub service_id: Ref<ServiceId>,
    /// The resource's type.
    #[serde(rename = "type")]
    pub kind: TypeName,
    /// The resource's id.
    pub id: ResourceKey,
    /// The person: id, username or `person-<id>`.
    #[serde(default)]
    #[schema(value_type = Option<IdOrName>)]
    pub person_id: Option<Ref<PersonId>>,
    /// The group, otherwise: id or name.
    #[serde(default)]
    #[schema(value_type = Option<IdOrName>)]
    pub group_id: Option<Ref<GroupId>>,
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

impl NewResourceRoleGrant {
    /// Which grant, and on which terms.
    pub(super) fn split(self) -> (ResourceRoleGrant, RequestedEnd, RequestedReason) {
        let Self { service_id, kind, id, person_id, group_id, role_id, expires_at, reason } = self;
        (ResourceRoleGrant { service_id, kind, id, person_id, group_id, role_id }, expires_at, reason)
    }
}

/// A person or a group, as a caller names it.
#[derive(Debug)]
pub(super) enum NamedHolder<'a> {
    Person(&'a Ref<PersonId>),
    Group(&'a Ref<GroupId>),
}

impl<'a> NamedHolder<'a> {
    /// One of both.
    ///
    /// # Errors
    /// 400 for neither and for both.
    pub(super) fn of(person: Option<&'a Ref<PersonId>>, group: Option<&'a Ref<GroupId>>) -> Result<Self> {
        match (person, group) {
            (Some(person), None) => Ok(Self::Person(person)),
            (None, Some(group)) => Ok(Self::Group(group)),
            _ => Err(Error::invalid_field("person_id", "send `person_id` or `group_id`, and not both")),
        }
    }
}

/// A role that a person or a group holds on a resource, and on all beneath it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResourceRole {
    /// The grant's id, by which the list is paged.
    #[serde(rename = "grant_id")]
    #[schema(example = 1)]
    pub place: i32,
    /// On which resource.
    pub resource: ResourceName,
    /// The person who holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub person: Option<Person>,
    /// The group whose people hold it, otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub group: Option<Group>,
    /// The role.
    pub role: Role,
    /// When it was granted.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub since: OffsetDateTime,
    /// Who granted it; null for the command line.
    pub granted_by: Option<Reviewer>,
    /// Why.
    #[schema(example = "leads the project")]
    pub reason: Option<String>,
    /// When it expires; null for never.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2030-12-31T00:00:00Z")]
    pub expires_at: Option<OffsetDateTime>,
    /// When somebody last confirmed it in a review.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-10-01T08:00:00Z")]
    pub confirmed_at: Option<OffsetDateTime>,
    /// Who confirmed it.
    pub confirmed_by: Option<Reviewer>,
}
