use time::OffsetDateTime;

use crate::base::amr::Amr;
use crate::base::id::PasskeyId;
use crate::base::opaque::second_step::{DeviceTokenHash, MfaTokenHash};
use crate::gate::sessions::Family;
use crate::identity::attempts::Attempt;
use crate::identity::factors::TotpCode;
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
        /// What this device presents, if it is one on which that is enough.
        device: Option<DeviceTokenHash>,
    },
    /// Their second factor, after a first step.
    SecondFactor {
        /// The hash that their password was verified against, which must be theirs still; `None` where the first step was another.
        verified: Option<&'a PasswordHash>,
        /// The attempt that has succeeded, unless others have begun a wait since.
        attempt: &'a Attempt,
        /// The means of both steps.
        amr: Amr,
        /// The login that waits for it, and what it is finished with.
        spends: Spends,
    },
    /// A passkey, with the user verified: that is both steps in one.
    Passkey {
        /// Which.
        passkey: PasskeyUse,
        /// Whether its key is in one device alone.
        is_hardware: bool,
        /// The attempt that has succeeded, unless others have begun a wait since.
        attempt: &'a Attempt,
    },
    /// That they were registered, as anybody may be, in the transaction in which the session begins.
    Registration,
    /// That they were registered by an invitation, which that transaction spends.
    Invitation,
    /// An account at another identity provider, which is linked with them.
    Provider {
        /// By what means they have proved it there, as the provider says.
        amr: Amr,
    },
    /// A refresh token of a login of before, which goes on: no other is told or counted.
    Refresh(Refreshed<'a>),
}

/// What is good once, for one session: it is spent in the statement that begins that.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spends {
    /// A login that waits for its second step.
    pub waited: Option<MfaTokenHash>,
    /// A code of an authenticator.
    pub code: Option<TotpCode>,
    /// A use of a passkey.
    pub passkey: Option<PasskeyUse>,
}

/// That a passkey has signed, as its authenticator says it (WebAuthn level 3, section 6.1).
#[derive(Clone, Copy, Debug)]
pub struct PasskeyUse {
    pub passkey: PasskeyId,
    /// How often it has signed by now; 0 where it does not count.
    pub sign_count: u32,
    pub is_backed_up: bool,
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
            Self::SecondFactor { verified, .. } => verified,
            Self::Passkey { .. } | Self::Registration | Self::Invitation | Self::Provider { .. } | Self::Refresh(_) => {
                None
            }
        }
    }

    /// What has been guessed at.
    pub fn attempt(self) -> Option<&'a Attempt> {
        match self {
            Self::Password { attempt, .. } | Self::SecondFactor { attempt, .. } | Self::Passkey { attempt, .. } => {
                Some(attempt)
            }
            Self::Registration | Self::Invitation | Self::Provider { .. } | Self::Refresh(_) => None,
        }
    }

    /// What the session begins with or not at all.
    pub fn spends(self) -> Spends {
        match self {
            Self::SecondFactor { spends, .. } => spends,
            Self::Passkey { passkey, .. } => Spends { passkey: Some(passkey), ..Spends::default() },
            Self::Password { .. }
            | Self::Registration
            | Self::Invitation
            | Self::Provider { .. }
            | Self::Refresh(_) => Spends::default(),
        }
    }

    /// By what means they have proved who they are. A refresh goes on with those of its login.
    pub fn amr(self) -> Amr {
        match self {
            Self::SecondFactor { amr, .. } | Self::Provider { amr } => amr,
            Self::Passkey { is_hardware, .. } => Amr::of_passkey(is_hardware),
            Self::Password { .. } | Self::Registration | Self::Invitation | Self::Refresh(_) => Amr::PWD,
        }
    }

    /// Whether it opens a session also to who has a second factor, or must have one.
    pub fn is_whole(self) -> bool {
        match self {
            Self::SecondFactor { .. } | Self::Passkey { .. } | Self::Refresh(_) => true,
            Self::Password { .. } | Self::Registration | Self::Invitation | Self::Provider { .. } => false,
        }
    }

    /// What a device presents on which the first step is enough.
    pub fn device(self) -> Option<DeviceTokenHash> {
        match self {
            Self::Password { device, .. } => device,
            Self::SecondFactor { .. }
            | Self::Passkey { .. }
            | Self::Registration
            | Self::Invitation
            | Self::Provider { .. }
            | Self::Refresh(_) => None,
        }
    }
}
