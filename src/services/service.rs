use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::http::Patch;
use crate::id::id_type;
use crate::names::{self, Description, text_type};

id_type!(
    /// A service's id.
    ServiceId, "service", "invalid_service_id", "service_not_found"
);

impl ServiceId {
    /// Portero itself: what is held here holds everywhere.
    pub const PORTERO: Self = Self(0);

    /// Refuses changes to Portero's own row (409 `built_in`).
    pub fn must_not_be_built_in(self) -> Result<()> {
        if self == Self::PORTERO {
            Err(Error::conflict("built_in", "service 0 is Portero itself and can't be changed or deleted"))
        } else {
            Ok(())
        }
    }
}

text_type!(
    /// A service's name.
    ServiceName, service_name, max: 100,
    except: r"(?![-+]?[0-9]+$)", example: "Warehouse"
);

/// `portero` itself is taken, as any other name may be: the unique index says so.
fn service_name(text: &str) -> Result<String, String> {
    let name = names::name(text)?;
    if name == "portero" { Ok(name) } else { names::unlike(name, &["portero"]) }
}

/// A service.
#[derive(Debug, Serialize, ToSchema)]
pub struct Service {
    /// Its id.
    pub id: ServiceId,
    /// Its name, unique among the services that are not deleted.
    #[schema(example = "Service A")]
    pub name: String,
    /// What it is for.
    #[schema(example = "Demo catalog service")]
    pub description: Option<String>,
}

/// A service to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewService {
    /// Its name.
    pub name: ServiceName,
    /// What it is for. Left out, it says nothing about that of a service that stands.
    #[serde(default)]
    pub description: Option<Description>,
}

/// What to change of a service; at least one field.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1, example = json!({"description": "Stock and deliveries"}))]
pub struct ServiceChange {
    /// A new name.
    #[serde(default)]
    pub name: Option<ServiceName>,
    /// A new description; null for none.
    #[serde(default)]
    #[schema(value_type = Option<Description>)]
    pub description: Patch<Description>,
}
