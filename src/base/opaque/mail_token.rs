//! Tokens that mails carry: a new password, the proof of an address, an invitation.

use time::Duration;

use crate::base::opaque::{Digest, Kind, Opaque};

/// What the token of a mail is for. It opens nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To set a new password.
    PasswordReset,
    /// To prove that an address is one's own.
    VerifyEmail,
    /// To register.
    Invitation,
}

impl Purpose {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PasswordReset => "password-reset",
            Self::VerifyEmail => "verify-email",
            Self::Invitation => "invitation",
        }
    }

    /// How long it is good for once it is sent. An invitation's maker says that each time, from when it is made.
    pub const fn good_for(self) -> Option<Duration> {
        match self {
            Self::PasswordReset => Some(Duration::minutes(10)),
            Self::VerifyEmail => Some(Duration::hours(24)),
            Self::Invitation => None,
        }
    }
}

/// How long a mail may be under way to its server: as long as it is tried again, and a little more.
pub const PATIENCE: Duration = Duration::hours(25);

/// Opens what its [`Purpose`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mail {}

impl Kind for Mail {
    const PREFIX: &'static str = "pmt_";
    const NAME: &'static str = "MailToken";
}

/// The token of a mail: `pmt_` and 72 hex digits. Only the mail reveals it.
pub type MailToken = Opaque<Mail>;

/// The SHA-256 of a mail's token.
pub type MailTokenHash = Digest<Mail>;
