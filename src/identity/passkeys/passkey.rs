use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::base::error::Error;
use crate::base::id::{PasskeyId, PersonId};
use crate::base::names::{self, text_type};

text_type!(
    /// What somebody calls their passkey.
    PasskeyName, |text| names::line(text, 100), max: 100,
    except: "", example: "Phone"
);

/// A passkey.
#[derive(Debug, Serialize, ToSchema)]
pub struct Passkey {
    /// Its id.
    pub id: PasskeyId,
    /// What you call it.
    #[schema(example = "Phone")]
    pub name: String,
    /// What browsers call it, as base64url.
    #[schema(example = "qPy9s1BFT0yJcZ0Gg2rZ5A")]
    pub credential_id: String,
    /// Whether your devices may share it, as a password manager does. If not, it is in one device alone.
    #[schema(example = true)]
    pub backup_eligible: bool,
    /// Whether it was backed up when it last signed. If not, add another one before that device gets lost.
    #[schema(example = true)]
    pub backed_up: bool,
    /// When you added it.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-30T08:00:00Z")]
    pub created_at: OffsetDateTime,
    /// When it was last used.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-30T09:30:00Z")]
    pub last_used_at: Option<OffsetDateTime>,
}

/// What a signature is held against.
#[derive(Debug)]
pub struct StoredPasskey {
    pub id: PasskeyId,
    pub person: PersonId,
    /// Whether its owner may log in at all.
    pub enabled: bool,
    pub user_handle: Vec<u8>,
    pub verifier: Vec<u8>,
    pub sign_count: u32,
    pub is_backup_eligible: bool,
    pub is_backed_up: bool,
}

/// A passkey that an authenticator has made.
#[derive(Debug)]
pub struct NewPasskey {
    pub credential_id: Vec<u8>,
    pub verifier: Vec<u8>,
    pub transports: u8,
    pub sign_count: u32,
    pub is_backup_eligible: bool,
    pub is_backed_up: bool,
}

/// 409 `passkey_exists`.
pub fn exists() -> Error {
    Error::conflict("passkey_exists", "this passkey is registered already")
}
