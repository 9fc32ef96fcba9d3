use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::base::error::{Error, Result};
use crate::base::id::{ResourceTypeId, ServiceId};

/// How many columns a type may have.
const MOST_COLUMNS: usize = 200;

/// The names of columns, and their types as SQL writes them.
pub type Columns = BTreeMap<String, String>;

/// What a service says of one type of its resources.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResourceType {
    /// Its id.
    pub id: ResourceTypeId,
    /// Whose it is.
    pub service_id: ServiceId,
    /// Its name, as policies have it.
    #[schema(example = "invoice")]
    pub name: String,
    /// Its columns and their types.
    #[schema(value_type = BTreeMap<String, String>, example = json!({"id": "integer", "user_id": "integer", "status": "text"}))]
    pub columns: Columns,
    /// When it was declared.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub created_at: OffsetDateTime,
    /// When that was changed last.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub updated_at: OffsetDateTime,
}

/// What to declare of a type.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewResourceType {
    /// All of its columns, at most 200, with their types: `text`, `integer`, `numeric`, `boolean`, `timestamptz`, `date`, `uuid`, or
    /// one of these with `[]`.
    #[schema(value_type = BTreeMap<String, String>, example = json!({"id": "integer", "user_id": "integer", "status": "text"}))]
    pub columns: Columns,
}

/// Refuses (400) more columns than anybody has.
pub(super) fn must_be_bounded(columns: &Columns) -> Result<()> {
    if columns.len() > MOST_COLUMNS {
        return Err(Error::invalid_field("columns", "has too many: at most 200"));
    }
    Ok(())
}
