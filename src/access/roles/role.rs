use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::error::Result;
use crate::base::id::RoleId;
use crate::base::names::{self, Description, text_type};
use crate::base::patch::Patch;

text_type!(
    /// A role's name.
    RoleName, role_name, max: 100,
    except: r"(?![-+]?[0-9]+$)(?!direct:)(?!(?:Administrator|Writer|Reader|Auditor)$)", example: "Publisher"
);

/// What Portero's own roles are called. The migration `portero_itself` has the same; a test compares the two.
pub const OWN_NAMES: [&str; 4] = ["Administrator", "Writer", "Reader", "Auditor"];

fn role_name(text: &str) -> Result<String, String> {
    let name = names::unlike(imported_name(text)?, &OWN_NAMES)?;
    if names::begins_like(&name, "direct:") { Err(KEPT.to_owned()) } else { Ok(name) }
}

const KEPT: &str = "names beginning with `direct:` are kept for direct grants";

/// Reads the name that a role had in the system that Portero succeeds: it may be that of one of Portero's own.
pub fn imported_name(text: &str) -> Result<String, String> {
    let name = names::name(text)?;
    if name.starts_with("direct:") {
        return Err(KEPT.to_owned());
    }
    Ok(name)
}

/// A role.
#[derive(Debug, Serialize, ToSchema)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// Its name, unique.
    #[schema(example = "Editor")]
    pub name: String,
    /// What it is for.
    #[schema(example = "Edits the catalog")]
    pub description: Option<String>,
}

/// A role to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    /// Its name.
    pub name: RoleName,
    /// What it is for. If left out, an existing role's description is not compared.
    #[serde(default)]
    pub description: Option<Description>,
}

/// What to change of a role; at least one field.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1, example = json!({"name": "Publisher"}))]
pub struct RoleChange {
    /// A new name.
    #[serde(default)]
    pub name: Option<RoleName>,
    /// A new description; null for none.
    #[serde(default)]
    #[schema(value_type = Option<Description>)]
    pub description: Patch<Description>,
}
