use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::access::grants::RequestedEnd;
use crate::base::id::{KeyId, PersonId};
use crate::base::moment::Moment;
use crate::base::names::{self, text_type};

text_type!(
    /// What a key is called: where it is used, say.
    KeyName, |text| names::line(text, 100), max: 100,
    except: "", example: "warehouse in Lima"
);

/// A key, as lists show it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Key {
    /// Its id.
    pub id: KeyId,
    /// Its name.
    #[schema(example = "warehouse in Lima")]
    pub name: String,
    /// The first 8 hex digits of its SHA-256, as the log shows it.
    #[schema(example = "5f2b9d0c")]
    pub fingerprint: String,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub created_at: OffsetDateTime,
    /// Who created it; null for the command line.
    pub created_by: Option<PersonId>,
    /// When it was last used, to the minute.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T09:30:00Z")]
    pub last_used_at: Option<OffsetDateTime>,
    /// When it expires; null for never.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2030-12-31T00:00:00Z")]
    pub expires_at: Option<OffsetDateTime>,
}

/// A key to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// A name for it.
    pub name: KeyName,
    /// When it expires, to the second: in the future, at most ten years ahead; null for never. Without this field it is
    /// valid as long as its creator's permission to create keys.
    #[serde(default)]
    #[schema(value_type = Option<Moment>)]
    pub expires_at: RequestedEnd,
}
