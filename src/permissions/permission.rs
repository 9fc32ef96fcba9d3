use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::id::id_type;
use crate::names::{self, text_type};

id_type!(
    /// A permission's id.
    PermissionId, "permission", "invalid_permission_id", "permission_not_found"
);

text_type!(
    /// A permission's name.
    PermissionName, names::name, max: 100,
    except: r"(?![-+]?[0-9]+$)", example: "approve"
);

/// A permission.
#[derive(Debug, Serialize, ToSchema)]
pub struct Permission {
    /// Its id.
    pub id: PermissionId,
    /// Its name, unique.
    #[schema(example = "read")]
    pub name: String,
}

/// A permission to make, or a new name for one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPermission {
    /// Its name.
    pub name: PermissionName,
}

impl PermissionId {
    /// Whether this permission is one of Portero's own.
    pub fn is_built_in(self) -> bool {
        self.0 <= 0
    }

    /// Refuses changes to Portero's own permissions (409 `built_in`).
    pub fn must_not_be_built_in(self) -> Result<()> {
        if self.is_built_in() {
            Err(Error::conflict("built_in", "Portero's own permissions can't be changed; make one of your own"))
        } else {
            Ok(())
        }
    }
}
