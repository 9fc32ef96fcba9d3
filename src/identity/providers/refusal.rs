use crate::platform::metrics::Outcome;

/// Why somebody does not get in by a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is none of that name, or it lets nobody in.
    Unknown,
    /// What they came back with is over, was used already, or is of another browser.
    Over,
    /// They, or the provider, said no.
    Denied,
    /// What the provider answered is not good, or it did not answer.
    Unusable,
    /// Nobody here is linked with the account.
    NotLinked,
    /// Whoever comes by it needs an invitation.
    NotInvited,
    /// The one whom they are linked with may not log in.
    Disabled,
    /// They log in too often.
    TooOften,
    /// The account is somebody else's here.
    OfAnother,
    /// They have linked as many as one may.
    TooMany,
    /// Their login is too long ago to link anything.
    Stale,
}

impl Refusal {
    /// What came of the login, for the metrics.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Over => Outcome::Over,
            Self::Denied => Outcome::Denied,
            Self::Unusable => Outcome::UnusableAnswer,
            Self::TooOften => Outcome::TooManyAttempts,
            Self::Unknown
            | Self::NotLinked
            | Self::NotInvited
            | Self::Disabled
            | Self::OfAnother
            | Self::TooMany
            | Self::Stale => Outcome::Refused,
        }
    }
}

/// An answer, or why there is none.
pub type Told<T> = std::result::Result<T, Refusal>;
