use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A person, as an event shows them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Named {
    /// Their id.
    #[schema(example = 7)]
    pub id: i32,
    /// Their current name; null if they were removed.
    #[schema(example = "juan")]
    pub name: Option<String>,
}

/// The actor.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ShownActor {
    /// `person`, `service-key`, `command-line`, `system` or `anonymous`.
    #[schema(example = "person")]
    pub r#type: String,
    /// The id of the person or the key.
    pub id: Option<i32>,
    /// The person's username.
    #[schema(example = "adm1")]
    pub username: Option<String>,
    /// The id of the API key that the person acted by. Only if they did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 12)]
    pub api_key_id: Option<i32>,
}

/// What an event shows of what was or is there: members that depend on the action.
#[derive(Debug)]
pub struct Facts;

impl PartialSchema for Facts {
    fn schema() -> RefOr<Schema> {
        let facts = ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(true)));
        facts.description(Some("members that depend on the action")).examples([json!({"role_id": 4})]).into()
    }
}

impl ToSchema for Facts {}

/// An event.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Shown {
    /// Its id. Ids are assigned in order, but an event is visible only once its transaction has committed.
    #[schema(example = 1042)]
    pub id: i64,
    /// When it happened.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T09:30:00.123456Z")]
    pub at: OffsetDateTime,
    /// What was done.
    #[schema(example = "grant.added")]
    pub action: String,
    /// Who did it.
    pub actor: ShownActor,
    /// The person it was done to: id and username.
    pub subject: Option<Named>,
    /// The service it was done in: id and name.
    pub service: Option<Named>,
    /// The id of the request in the log.
    pub request_id: Option<String>,
    /// The client's address.
    #[schema(example = "203.0.113.9")]
    pub address: Option<String>,
    /// The client's `x-client-id`.
    pub client_id: Option<String>,
    /// The state before; of a change, only what changed.
    #[schema(value_type = Option<Facts>)]
    pub before: Option<Value>,
    /// The state after.
    #[schema(value_type = Option<Facts>)]
    pub after: Option<Value>,
    /// Its position in the hash chain; null until it is sealed, about a second later.
    #[schema(example = 1040)]
    pub position: Option<i64>,
}
