use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::amr::Amr;

/// How somebody takes the second step of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Method {
    /// A code of an authenticator (RFC 6238).
    Totp,
    /// One of the codes for who has lost their factors.
    RecoveryCode,
    /// A passkey.
    Passkey,
}

impl Method {
    /// As it is stored and told.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery_code",
            Self::Passkey => "passkey",
        }
    }

    /// What [`Self::as_str`] has written.
    pub fn read(text: &str) -> Option<Self> {
        [Self::Totp, Self::RecoveryCode, Self::Passkey].into_iter().find(|method| method.as_str() == text)
    }

    /// What the proof of it adds to that of the first step (RFC 8176).
    pub const fn amr(self) -> Amr {
        match self {
            Self::Totp | Self::RecoveryCode => Amr::OTP.with(Amr::MFA),
            // Which kind of key it was, only the passkey says.
            Self::Passkey => Amr::USER.with(Amr::MFA),
        }
    }
}
