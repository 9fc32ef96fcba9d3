use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Somebody, as an event shows them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Named {
    /// Their id.
    #[schema(example = 7)]
    pub id: i32,
    /// What they are called now; null when they are gone.
    #[schema(example = "juan")]
    pub name: Option<String>,
}

/// Who acted.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ShownActor {
    /// `person`, `service-key`, `command-line`, `system` or `anonymous`.
    #[schema(example = "person")]
    pub r#type: String,
    /// Of the person or the key.
    pub id: Option<i32>,
    /// The person's username.
    #[schema(example = "adm1")]
    pub username: Option<String>,
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

/// Something that was done.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Shown {
    /// Its id. Ids are given in order, but an event is seen only when its transaction has ended.
    #[schema(example = 1042)]
    pub id: i64,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T09:30:00.123456Z")]
    pub at: OffsetDateTime,
    /// What.
    #[schema(example = "grant.added")]
    pub action: String,
    /// By whom.
    pub actor: ShownActor,
    /// To whom: id and username.
    pub subject: Option<Named>,
    /// Where: the service's id and name.
    pub service: Option<Named>,
    /// The id of the request in the log.
    pub request_id: Option<String>,
    /// Where the request came from.
    #[schema(example = "203.0.113.9")]
    pub address: Option<String>,
    /// The client's own name for itself, from `x-client-id`.
    pub client_id: Option<String>,
    /// What was there: of a change only what changed.
    #[schema(value_type = Option<Facts>)]
    pub before: Option<Value>,
    /// What is there now.
    #[schema(value_type = Option<Facts>)]
    pub after: Option<Value>,
    /// Its place in the chain of hashes; null for a second.
    #[schema(example = 1040)]
    pub position: Option<i64>,
}
