use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::base::id::ClientId;

/// An application that may act for the person.
#[derive(Debug, Serialize, ToSchema)]
pub struct Application {
    /// Its place in the list.
    pub id: ClientId,
    /// What requests name it by.
    #[schema(example = "web-shop")]
    pub client_id: String,
    /// Its name; the host of its `client_id` where a document there describes it, whatever it calls itself.
    #[schema(example = "Web Shop")]
    pub name: String,
    /// What it may do: scopes, and `service:*` for all that the person may do in a service.
    #[schema(example = json!(["UI Store:read", "openid"]))]
    pub scopes: Vec<String>,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub since: OffsetDateTime,
    /// When it last got a token by a login that has not ended; `null` where there is none, as after the session has ended without
    /// `offline_access`.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T09:30:00Z")]
    pub last_used_at: Option<OffsetDateTime>,
}
