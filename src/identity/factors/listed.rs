use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::Method;
use crate::base::id::{FactorId, TrustedDeviceId};

/// A second factor.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListedFactor {
    /// Its id.
    pub id: FactorId,
    /// `totp`: an authenticator.
    #[serde(rename = "type")]
    pub kind: Method,
    /// What its owner calls it.
    #[schema(example = "My phone")]
    pub name: String,
    /// When it was begun.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub created_at: OffsetDateTime,
    /// When it was last used.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T09:30:00Z")]
    pub last_used_at: Option<OffsetDateTime>,
}

/// A second factor of somebody, whatever it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct FactorOfUser {
    /// Its id among those of its type.
    #[schema(example = 1)]
    pub id: i32,
    /// `totp`: an authenticator; or `passkey`.
    #[serde(rename = "type")]
    pub kind: Method,
    /// What its owner calls it.
    #[schema(example = "My phone")]
    pub name: String,
    /// When it was begun.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub created_at: OffsetDateTime,
    /// When it was last used.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T09:30:00Z")]
    pub last_used_at: Option<OffsetDateTime>,
    /// Where it stands in the list: each id is there once, a passkey's below zero.
    #[serde(skip)]
    pub place: i32,
}

/// A device on which a password is enough.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListedDevice {
    /// Its id.
    pub id: TrustedDeviceId,
    /// The `User-Agent` when it was trusted.
    #[schema(example = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")]
    pub device: Option<String>,
    /// Its address then.
    #[schema(example = "203.0.113.7")]
    pub address: Option<String>,
    /// When it was trusted.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub created_at: OffsetDateTime,
    /// When somebody last logged in there without a second factor.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T09:30:00Z")]
    pub last_used_at: OffsetDateTime,
    /// Until when.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-12-22T08:00:00Z")]
    pub expires_at: OffsetDateTime,
}

/// What is left of somebody's recovery codes.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveryCodesLeft {
    /// How many.
    #[schema(example = 10)]
    pub remaining: i64,
    /// When the set was made.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub created_at: Option<OffsetDateTime>,
}
