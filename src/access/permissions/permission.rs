use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::error::Result;
use crate::base::id::PermissionId;
use crate::base::names::{self, Description, text_type};
use crate::base::patch::Patch;
use crate::gate;

text_type!(
    /// A permission's name.
    PermissionName, permission_name, max: 100,
    except: r"(?![-+]?[0-9]+$)(?!(?:users|roles|permissions|services|grants):(?:read|write)$)(?!audit:read$)",
    example: "approve"
);

fn permission_name(text: &str) -> Result<String, String> {
    let own = gate::permission::ALL.map(|(_, name)| name);
    names::unlike(names::name(text)?, &own)
}

/// A permission.
#[derive(Debug, Serialize, ToSchema)]
pub struct Permission {
    /// Its id.
    pub id: PermissionId,
    /// Its name, unique.
    #[schema(example = "read")]
    pub name: String,
    /// What it allows.
    #[schema(example = "See what is in stock")]
    pub description: Option<String>,
}

/// A permission to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "approve", "description": "Sign orders off"}))]
pub struct NewPermission {
    /// Its name.
    #[serde(alias = "code")]
    pub name: PermissionName,
    /// What it allows. If left out, an existing permission's description is not compared.
    #[serde(default)]
    pub description: Option<Description>,
}

/// What to change of a permission; at least one field.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1, example = json!({"name": "approve"}))]
pub struct PermissionChange {
    /// A new name.
    #[serde(default, alias = "code")]
    pub name: Option<PermissionName>,
    /// A new description; null for none.
    #[serde(default)]
    #[schema(value_type = Option<Description>)]
    pub description: Patch<Description>,
}
