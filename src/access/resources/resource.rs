use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::access::policies::language::Row;
use crate::access::policies::{ALL, TypeName};
use crate::base::error::Error;
use crate::base::names::{self, text_type};
use crate::base::object;

/// The largest properties, in bytes of JSON.
const LARGEST: usize = 16 * 1024;

text_type!(
    /// What a service calls a resource.
    ResourceKey, |text| names::line(text, 256), max: 256,
    except: "", example: "7"
);

/// 404: there is no such resource.
pub fn not_found() -> Error {
    Error::not_found("resource_not_found", "this service has told of no such resource; look at its type and its id")
}

/// Which resource of a service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(from = "NamedResource")]
pub struct ResourceName {
    /// Its type.
    #[serde(rename = "type")]
    #[schema(value_type = TypeName, example = "folder")]
    pub kind: String,
    /// What the service calls it.
    #[schema(value_type = ResourceKey, example = "7")]
    pub id: String,
}

/// A resource, named by its type and its id.
// Apart from `ResourceName`, which stands among other members where a resource is shown.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedResource {
    /// Its type.
    #[serde(rename = "type", deserialize_with = "kind")]
    #[schema(value_type = TypeName, example = "folder")]
    kind: String,
    /// What the service calls it.
    #[serde(deserialize_with = "key")]
    #[schema(value_type = ResourceKey, example = "7")]
    id: String,
}

impl From<NamedResource> for ResourceName {
    fn from(NamedResource { kind, id }: NamedResource) -> Self {
        Self { kind, id }
    }
}

fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let kind = TypeName::deserialize(deserializer)?;
    if kind.as_str() == ALL {
        return Err(D::Error::custom("`all` stands for every type, and is the type of nothing"));
    }
    Ok(kind.as_str().to_owned())
}

fn key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(ResourceKey::deserialize(deserializer)?.as_str().to_owned())
}

impl ResourceName {
    /// As a path has it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(kind: &str, id: &str) -> Result<Self, String> {
        let kind: TypeName = kind.parse().map_err(|fault| format!("the resource's type: {fault}"))?;
        if kind.as_str() == ALL {
            return Err("the resource's type: `all` stands for every type".to_owned());
        }
        let id: ResourceKey = id.parse().map_err(|fault| format!("the resource's id: {fault}"))?;
        Ok(Self { kind: kind.as_str().to_owned(), id: id.as_str().to_owned() })
    }
}

impl std::fmt::Display for ResourceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} `{}`", self.kind, self.id)
    }
}

/// What a service says of a resource: an object of JSON, of a bounded size, as it was sent.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Properties(Box<RawValue>);

impl Properties {
    /// What is stored.
    ///
    /// # Errors
    /// Where it is no JSON.
    pub fn stored(text: String) -> Result<Self, Error> {
        RawValue::from_string(text).map(Self).map_err(|error| Error::Internal(error.into()))
    }

    /// As it was sent.
    pub fn text(&self) -> &str {
        self.0.get()
    }
}

impl PartialSchema for Properties {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .description(Some("what policies know of it: a JSON object of at most 16 KiB"))
            .examples([json!({"owner": 7, "status": "draft"})])
            .into()
    }
}

impl ToSchema for Properties {}

impl Default for Properties {
    fn default() -> Self {
        Self(RawValue::from_string("{}".to_owned()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if raw.get().len() > LARGEST {
            return Err(D::Error::custom("is too large: at most 16 KiB"));
        }
        if !raw.get().starts_with('{') {
            return Err(D::Error::custom("must be a JSON object"));
        }
        // As decisions read it.
        serde_json::from_str::<Row>(raw.get()).map_err(D::Error::custom)?;
        Ok(Self(raw))
    }
}

/// A resource that a service has told of.
#[derive(Debug, Serialize, ToSchema)]
pub struct Resource {
    /// Its place in lists.
    #[serde(skip)]
    pub place: i32,
    /// Which one.
    #[serde(flatten)]
    pub name: ResourceName,
    /// What policies know of it.
    pub properties: Properties,
    /// What it is beneath; null for nothing.
    pub parent: Option<ResourceName>,
    /// When Portero heard of it first.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub created_at: OffsetDateTime,
    /// When that was changed last.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub updated_at: OffsetDateTime,
}

/// What to keep of a resource: all of it. What is left out is gone.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"properties": {"owner": 7, "status": "draft"}, "parent": {"type": "folder", "id": "1"}}))]
pub struct NewResource {
    /// What policies know of it: a JSON object of at most 16 KiB.
    #[serde(default)]
    pub properties: Option<Properties>,
    /// What it is beneath: another resource of the same service.
    #[serde(default, deserialize_with = "object::optional")]
    #[schema(value_type = Option<NamedResource>)]
    pub parent: Option<ResourceName>,
}

/// A resource as a service wants it kept.
#[derive(Debug)]
pub struct Wanted {
    /// Where in a file, from 1.
    pub line: usize,
    pub name: ResourceName,
    pub properties: Properties,
    pub parent: Option<ResourceName>,
}

impl NewResource {
    /// The same, of this name.
    pub fn of(self, name: ResourceName) -> Wanted {
        Wanted { line: 1, name, properties: self.properties.unwrap_or_default(), parent: self.parent }
    }
}
