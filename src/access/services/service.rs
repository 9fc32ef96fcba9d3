use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::attributes::AttributeName;
use crate::base::error::{Error, Result};
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
    /// Names of the attributes of people that its backends are told (`claims` of `POST /check-token`), in order. Only if there are
    /// some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, example = json!(["department"]))]
    pub claims: Vec<String>,
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
    /// Names of the attributes of people that its backends are told, 50 at most. You need `users:read`, too. If left out, an
    /// existing service's are not compared.
    #[serde(default)]
    pub claims: Option<ClaimNames>,
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
    /// Names of the attributes of people that its backends are told, all of them, 50 at most; null for none. You need
    /// `users:read`, too, unless it is told no new ones.
    #[serde(default)]
    #[schema(value_type = Option<ClaimNames>)]
    pub claims: Patch<ClaimNames>,
}

impl ServiceChange {
    /// Refuses (400) to change nothing.
    pub fn must_change_something(&self) -> Result<()> {
        if self.name.is_none() && self.description.keeps() && self.claims.keeps() {
            return Err(Error::invalid_field("", "nothing to change: send `name`, `description` or `claims`"));
        }
        Ok(())
    }
}

/// How many attributes a service may be told.
const MAX_CLAIMS: usize = 50;

/// Names of the attributes of people that a service's backends are told. Duplicates count once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(try_from = "Vec<AttributeName>")]
#[schema(value_type = Vec<AttributeName>, max_items = 50, example = json!(["department"]))]
pub struct ClaimNames(BTreeSet<AttributeName>);

impl ClaimNames {
    /// As they are stored: in order.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().cloned().map(String::from).collect()
    }
}

impl TryFrom<Vec<AttributeName>> for ClaimNames {
    type Error = String;

    fn try_from(names: Vec<AttributeName>) -> Result<Self, String> {
        if names.len() > MAX_CLAIMS {
            return Err(format!("at most {MAX_CLAIMS} attributes"));
        }
        Ok(Self(names.into_iter().collect()))
    }
}
