//! Tokens that mails carry: a new password, the proof of an address, an invitation.

use std::fmt;

use time::{Duration, OffsetDateTime};

use crate::base::opaque;

const PREFIX: &str = "pmt_";

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

/// The token of a mail: `pmt_` and 72 hex digits. Only the mail reveals it.
pub struct MailToken(String);

impl MailToken {
    /// A new one: the SHA-256 of the server's secret, 256 random bits and the time.
    pub fn generate(server_secret: &[u8], random: &[u8; 32], now: OffsetDateTime) -> Self {
        Self(opaque::generate(PREFIX, server_secret, random, now))
    }

    /// What is stored of it.
    pub fn hash(&self) -> MailTokenHash {
        MailTokenHash(opaque::digest(&self.0))
    }

    /// The text, for the one mail that carries it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MailToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailToken(***)")
    }
}

/// The SHA-256 of a mail's token: what is stored, looked up and compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MailTokenHash([u8; 32]);

impl MailTokenHash {
    /// The hash of what somebody presents; `None` when it can't be a token of ours.
    pub fn of(presented: &str) -> Option<Self> {
        opaque::digest_presented(PREFIX, presented).map(Self)
    }

    /// The stored bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for MailTokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailTokenHash({}…)", opaque::fingerprint(&self.0))
    }
}
