use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::error::Result;
use crate::base::id::ServiceId;
use crate::base::names::{self, Description, text_type};
use crate::base::patch::Patch;

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

/// A service to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewService {
    /// Its name.
    pub name: ServiceName,
    /// What it is for. If left out, an existing service's description is not compared.
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
