//! What administrators say of people, for backends and for decisions: names, and texts, numbers, booleans or lists of these.

mod change;
mod name;
mod value;

pub use change::AttributesChange;
pub use name::AttributeName;
pub use value::{AttributeValue, written};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// How many bytes those of one person may have, as Postgres writes them (`person_attributes_size`).
pub const MAX_BYTES: i32 = 8 * 1024;

/// What they are called before their name, where they stand among other things.
pub const PREFIX: &str = "attribute.";

/// What is wrong with more.
pub const TOO_LARGE: &str = "too large: all attributes of a person may have 8192 bytes together";

/// Those of somebody, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(Map<String, Value>);

impl Attributes {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of one.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter()
    }

    /// Those of these names alone.
    #[must_use]
    pub fn of(mut self, names: &[String]) -> Self {
        self.0.retain(|name, _| names.contains(name));
        self
    }

    /// What becomes of them by a change (RFC 7396).
    #[must_use]
    pub fn with(mut self, change: AttributesChange) -> Self {
        for (name, value) in change.0 {
            match value {
                Some(value) => self.0.insert(name.into(), value.into()),
                None => self.0.remove(name.as_str()),
            };
        }
        self
    }
}

impl PartialSchema for Attributes {
    fn schema() -> RefOr<Schema> {
        schema(AttributeValue::schema()).into()
    }
}

impl ToSchema for Attributes {}

/// An object with such members.
fn schema(value: RefOr<Schema>) -> ObjectBuilder {
    let names = match AttributeName::schema() {
        RefOr::T(names) => Some(names),
        RefOr::Ref(_) => None,
    };
    ObjectBuilder::new()
        .property_names(names)
        .additional_properties(Some(value))
        .examples([serde_json::json!({"department": "sales", "level": 3, "sites": ["Lima", "Cusco"]})])
}
