//! Invitations (`pin_`): whoever has one may register once.

use std::fmt;

use serde::Serialize;
use time::OffsetDateTime;

use crate::base::opaque;

const PREFIX: &str = "pin_";

/// An invitation to register: `pin_` and 72 hex digits, made like a token. Only the answer to its making reveals it.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct Invitation(String);

impl Invitation {
    /// A new one: the SHA-256 of the server's secret, 256 random bits and the time.
    pub fn generate(server_secret: &[u8], random: &[u8; 32], now: OffsetDateTime) -> Self {
        Self(opaque::generate(PREFIX, server_secret, random, now))
    }

    /// What is stored of it.
    pub fn hash(&self) -> InvitationHash {
        InvitationHash(opaque::digest(&self.0))
    }

    /// The text, for the one answer that hands it out.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invitation(***)")
    }
}

/// The SHA-256 of an invitation: what is stored, looked up and compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InvitationHash([u8; 32]);

impl InvitationHash {
    /// The hash of what somebody presents; `None` when it can't be an invitation of ours.
    pub fn of(presented: &str) -> Option<Self> {
        opaque::digest_presented(PREFIX, presented).map(Self)
    }

    /// The stored bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for InvitationHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InvitationHash({}…)", opaque::fingerprint(&self.0))
    }
}
