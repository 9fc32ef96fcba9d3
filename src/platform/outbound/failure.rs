use std::time::Duration;

/// Why a call came to nothing. For operators: a stranger would learn from it what is inside.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The address is none that may be called.
    #[error("{0}")]
    Refused(String),
    /// Nobody answers there as one should.
    #[error("{0}")]
    Unreachable(String),
    /// The answer is larger than it may be.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    /// It took too long.
    #[error("no answer within {} s", .0.as_secs())]
    TooSlow(Duration),
}

impl Failure {
    pub(super) fn unreachable(what: &str, why: impl std::fmt::Display) -> Self {
        Self::Unreachable(format!("{what}: {why}"))
    }
}
