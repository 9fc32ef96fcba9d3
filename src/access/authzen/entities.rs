//! What is asked, in the words of the Authorization API 1.0: subject, action, resource, context.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::access::policies::language::{Reached, Row, Subject};
use crate::access::policies::{Named, Who, anonymous};
use crate::base::object;
use crate::base::opaque::api_key::ApiKeyHash;
use crate::gate::foreign::ForeignToken;

/// The type of subjects who are people, or clients that act for themselves.
pub const USER: &str = "user";

/// The type of whoever is not logged in.
pub const ANONYMOUS: &str = "anonymous";

/// The type of subjects who are named by a token of an issuer that the service trusts.
const JWT: &str = "jwt";

/// The type of subjects who are named by one of their API keys.
const API_KEY: &str = "api_key";

/// The largest context, in bytes of JSON.
const LARGEST_CONTEXT: usize = 16 * 1024;

/// From where, when, how: of a bounded size, whatever the rest of the body has.
#[derive(Clone, Debug, Default)]
pub struct Context(pub Row);

impl<'de> Deserialize<'de> for Context {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if raw.get().len() > LARGEST_CONTEXT {
            return Err(D::Error::custom("is too large: at most 16 KiB"));
        }
        serde_json::from_str(raw.get()).map(Self).map_err(D::Error::custom)
    }
}

/// How members whose names are the caller's look in the OpenAPI document.
#[derive(Debug)]
pub struct Properties;

impl PartialSchema for Properties {
    fn schema() -> RefOr<Schema> {
        let members = AdditionalProperties::FreeForm(true);
        ObjectBuilder::new().additional_properties(Some(members)).examples([json!({"status": "draft"})]).into()
    }
}

impl ToSchema for Properties {}

/// A subject or a resource.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct Entity {
    /// Of a subject `user`, `jwt`, `api_key`, or `anonymous` for whoever is not logged in; of a resource its type.
    #[serde(rename = "type")]
    #[schema(example = "user")]
    pub kind: String,
    /// Of a user the id, the username or the address; of a `jwt` the token, of an issuer that the service trusts; of an `api_key`
    /// the key; of a resource its id.
    #[schema(example = "juan")]
    pub id: String,
    /// What is known of it.
    #[serde(default)]
    #[schema(value_type = Option<Properties>)]
    pub properties: Option<Row>,
}

/// An action.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct ActionEntity {
    /// Its name.
    #[schema(example = "read")]
    pub name: String,
    /// What is known of it: expressions have it as `context.…`.
    #[serde(default)]
    #[schema(value_type = Option<Properties>)]
    pub properties: Option<Row>,
}

/// Whom a search is to find, or what: only its type counts.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct Sought {
    /// Its type.
    #[serde(rename = "type")]
    #[schema(example = "user")]
    pub kind: String,
    /// What is known of it.
    #[serde(default)]
    #[schema(value_type = Option<Properties>)]
    pub properties: Option<Row>,
}

/// A question.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "subject": {"type": "user", "id": "juan"},
    "action": {"name": "read"},
    "resource": {"type": "invoice", "id": "12", "properties": {"user_id": 7, "status": "draft"}},
}))]
pub struct Evaluation {
    /// Who.
    #[serde(deserialize_with = "object::required")]
    pub subject: Entity,
    /// Does what.
    #[serde(deserialize_with = "object::required")]
    pub action: ActionEntity,
    /// To what.
    #[serde(deserialize_with = "object::required")]
    pub resource: Entity,
    /// From where, when, how: at most 16 KiB. Expressions have it as `context.…`.
    #[serde(default)]
    #[schema(value_type = Option<Properties>)]
    pub context: Option<Context>,
}

impl Entity {
    /// Whom a subject names.
    pub fn named(&self) -> Named {
        match self.kind.as_str() {
            USER => Named::of(&self.id),
            ANONYMOUS => Named::Anonymous,
            API_KEY => ApiKeyHash::of(&self.id).map_or(Named::Nobody, Named::ApiKey),
            JWT => ForeignToken::of(&self.id).map_or(Named::Nobody, Named::Foreign),
            _ => Named::Nobody,
        }
    }

    /// A resource's columns: what its service has said of it, and before that what the request says.
    pub fn row(&self, stored: Option<&Row>) -> Row {
        let row = match (stored, &self.properties) {
            (Some(stored), Some(sent)) => stored.with(sent),
            (Some(row), None) | (None, Some(row)) => row.clone(),
            (None, None) => Row::default(),
        };
        row.with_id(&self.id)
    }

    /// A resource's type and id.
    pub fn place(&self) -> (&str, &str) {
        (&self.kind, &self.id)
    }
}

/// The subject as expressions see it: somebody, or nobody in particular.
pub fn to_expressions<'a>(who: Option<&'a Who>, properties: Option<&Row>) -> Cow<'a, Subject> {
    match (who, properties) {
        (Some(who), None) => Cow::Borrowed(&who.subject),
        (Some(who), Some(properties)) => Cow::Owned(who.subject_with(properties)),
        (None, _) => Cow::Owned(anonymous()),
    }
}

/// The same, who reaches these resources.
pub fn reaching(subject: Cow<'_, Subject>, reached: Vec<Reached>) -> Cow<'_, Subject> {
    if reached.is_empty() {
        return subject;
    }
    Cow::Owned(Subject { resources: reached, ..subject.into_owned() })
}

/// What a request passes to expressions: its context, and before that what it says of the action.
pub fn passed(context: Option<&Context>, action: Option<&Row>) -> Row {
    let passed = context.map(|context| context.0.clone()).unwrap_or_default();
    action.map_or_else(|| passed.clone(), |action| passed.with(action))
}

/// Somebody or something that a search found.
#[derive(Debug, Serialize, ToSchema)]
pub struct FoundEntity {
    /// Its type.
    #[serde(rename = "type")]
    #[schema(example = "user")]
    pub kind: String,
    /// Of a user the username.
    #[schema(example = "juan")]
    pub id: String,
}
