use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::id::{Id, IdOrName, Ref};
use crate::permissions::PermissionId;
use crate::roles::RoleId;
use crate::services::ServiceId;
use crate::users::{Person, PersonId};

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

/// A permission that a person holds in a service without a role of others. One of `permission_id` and
/// `permission_name` is needed.
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

impl DirectGrant {
    /// The permission meant.
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
    pub fn refusal(&self, error: Error) -> Error {
        if self.permission_name.is_some() && error.status().is_client_error() {
            PermissionId::not_found()
        } else {
            error
        }
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
    /// Names of the permissions that these carry, each once.
    #[schema(value_type = Vec<String>, example = json!(["read"]))]
    pub permissions: Vec<Arc<str>>,
}

/// A role that somebody holds somewhere, with all names.
#[derive(Debug, Serialize)]
pub struct Held {
    /// Who.
    pub person_id: PersonId,
    /// What they log in with.
    pub username: String,
    /// Where.
    pub service_id: ServiceId,
    /// Its name.
    pub service: String,
    /// What.
    pub role_id: RoleId,
    /// Its name.
    pub role: String,
    /// Whether the role only carries permissions that were granted directly.
    pub direct: bool,
    /// The permissions that it carries.
    pub permissions: Vec<String>,
}
