//! Invitations (`pin_`): whoever has one may register once.

use crate::base::opaque::{Digest, Kind, Opaque};

/// Opens one registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Invite {}

impl Kind for Invite {
    const PREFIX: &'static str = "pin_";
    const NAME: &'static str = "Invitation";
}

/// An invitation to register: `pin_` and 72 hex digits. Only the answer to its making reveals it.
pub type Invitation = Opaque<Invite>;

/// The SHA-256 of an invitation.
pub type InvitationHash = Digest<Invite>;
