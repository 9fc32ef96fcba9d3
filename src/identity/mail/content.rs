use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::base::network::Network;
use crate::base::opaque::mail_token::Purpose;
use crate::gate::audit::Origin;

/// Of so few recovery codes that are left one is warned.
pub(super) const FEW: i64 = 3;

/// What a mail says. It is stored until the mail is sent, so no secret may ever be in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Content {
    /// Somebody asked for a new password. Until it is addressed, by the address or the username that they typed.
    PasswordReset {
        /// What was typed for an address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        email: Option<String>,
        /// What was typed for a username.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        username: Option<String>,
        /// Where it was typed.
        #[serde(default)]
        origin: RequestOrigin,
    },
    /// Somebody said that this address is theirs.
    VerifyEmail,
    /// Somebody may register.
    Invitation {
        /// Who invites, by name.
        from: Option<String>,
    },
    /// A login from where there was none before.
    NewDevice {
        address: String,
        /// What the client calls itself.
        user_agent: Option<String>,
    },
    PasswordChanged,
    PasswordTurnedOff,
    /// The account has one passkey more.
    PasskeyAdded {
        /// What its owner calls it.
        name: String,
    },
    PasskeyRemoved {
        name: String,
    },
    /// One has signed more often than it says.
    PasskeyCopied {
        name: String,
    },
    /// The address is another; this goes to the old one.
    EmailChanged,
    UsernameChanged {
        username: String,
    },
    /// They log in by an account elsewhere, too.
    AccountLinked {
        /// What people read of the provider.
        provider: String,
    },
    /// They log in by an account elsewhere no longer.
    AccountUnlinked {
        /// What people read of the provider.
        provider: String,
    },
    /// Somebody may log in by one more factor.
    FactorAdded {
        /// What its owner calls it.
        name: String,
    },
    /// A factor opens nothing any more.
    FactorRemoved {
        /// What its owner calls it; `None` for all that they had.
        name: Option<String>,
    },
    /// Somebody has logged in by a recovery code.
    RecoveryCodeUsed {
        /// How many there are still.
        left: i64,
    },
    /// Somebody, or a robot of theirs, got an API key.
    ApiKeyMade {
        name: String,
    },
    /// A key of theirs, or of a robot of theirs, ends at another time, or is good elsewhere.
    ApiKeyChanged {
        name: String,
    },
}

/// Where a request came from, for the audit trail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestOrigin {
    request_id: Option<String>,
    address: Option<IpAddr>,
    client_id: Option<String>,
}

impl RequestOrigin {
    /// The network where it was typed.
    pub fn network(&self) -> Option<String> {
        self.address.map(|address| Network::of(address).to_string())
    }
}

impl From<Origin> for RequestOrigin {
    fn from(Origin { request_id, address, client_id, .. }: Origin) -> Self {
        Self { request_id: request_id.map(|id| id.to_string()), address, client_id }
    }
}

impl From<RequestOrigin> for Origin {
    fn from(RequestOrigin { request_id, address, client_id }: RequestOrigin) -> Self {
        Self { request_id: request_id.map(Into::into), address, client_id, ..Origin::default() }
    }
}

impl Content {
    /// What the token in it is for, if it carries one.
    pub fn purpose(&self) -> Option<Purpose> {
        match self {
            Self::PasswordReset { .. } => Some(Purpose::PasswordReset),
            Self::VerifyEmail => Some(Purpose::VerifyEmail),
            Self::Invitation { .. } => Some(Purpose::Invitation),
            Self::NewDevice { .. }
            | Self::PasswordChanged
            | Self::PasswordTurnedOff
            | Self::PasskeyAdded { .. }
            | Self::PasskeyRemoved { .. }
            | Self::PasskeyCopied { .. }
            | Self::EmailChanged
            | Self::UsernameChanged { .. }
            | Self::AccountLinked { .. }
            | Self::AccountUnlinked { .. }
            | Self::FactorAdded { .. }
            | Self::FactorRemoved { .. }
            | Self::RecoveryCodeUsed { .. }
            | Self::ApiKeyMade { .. }
            | Self::ApiKeyChanged { .. } => None,
        }
    }
}
