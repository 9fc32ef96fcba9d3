use time::OffsetDateTime;

use crate::gate::sessions::Family;
use crate::identity::attempts::Attempt;
use crate::platform::passwords::PasswordHash;

/// What lets somebody in.
#[derive(Clone, Copy, Debug)]
pub enum Proof<'a> {
    /// Their password.
    Password {
        /// The hash that it was verified against, which must be theirs still.
        verified: &'a PasswordHash,
        /// The attempt that has succeeded, unless others have begun a wait since.
        attempt: &'a Attempt,
    },
    /// That they were registered, as anybody may be, in the transaction in which the session begins.
    Registration,
    /// That they were registered by an invitation, which that transaction spends.
    Invitation,
    /// A refresh token of a login of before, which goes on: no other is told or counted.
    Refresh(Refreshed<'a>),
}

/// A refresh token that is good, in the transaction that spends it.
#[derive(Clone, Copy, Debug)]
pub struct Refreshed<'a> {
    /// Of which family, to be held locked.
    pub family: &'a Family,
    /// Which of the family's.
    pub generation: i32,
    /// When the bucket of the family's refreshes is empty after this one.
    pub refreshes_until: OffsetDateTime,
}

impl<'a> Proof<'a> {
    /// The hash that the session begins with or not at all.
    pub fn verified(self) -> Option<&'a PasswordHash> {
        match self {
            Self::Password { verified, .. } => Some(verified),
            Self::Registration | Self::Invitation | Self::Refresh(_) => None,
        }
    }

    /// What has been guessed at.
    pub fn attempt(self) -> Option<&'a Attempt> {
        match self {
            Self::Password { attempt, .. } => Some(attempt),
            Self::Registration | Self::Invitation | Self::Refresh(_) => None,
        }
    }
}
