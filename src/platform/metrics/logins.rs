//! Logins by what came of them.

use std::sync::Arc;

use prometheus::{IntCounterVec, Opts, Registry};

use super::{Families, register};
use crate::base::error::Error;

/// What came of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A session began.
    Success,
    /// The password was right, and a second factor is asked for.
    SecondFactorDue,
    /// Nobody by that name has that password, or the code is wrong.
    InvalidCredentials,
    /// Too many have failed before.
    TooManyAttempts,
    /// The hashing queue was full, or held more of this person's or network's passwords than their share.
    Busy,
    /// Postgres could not be asked.
    Unavailable,
    /// Our own fault.
    Error,
    /// The caller went away, or time was up.
    Abandoned,
}

impl Outcome {
    const ALL: [Self; 8] = [
        Self::Success,
        Self::SecondFactorDue,
        Self::InvalidCredentials,
        Self::TooManyAttempts,
        Self::Busy,
        Self::Unavailable,
        Self::Error,
        Self::Abandoned,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::SecondFactorDue => "second_factor_due",
            Self::InvalidCredentials => "invalid_credentials",
            Self::TooManyAttempts => "too_many_attempts",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::Error => "error",
            Self::Abandoned => "abandoned",
        }
    }

    /// What `result` means for a login.
    pub fn of<T>(result: &Result<T, Error>) -> Self {
        match result {
            Ok(_) => Self::Success,
            Err(Error::Busy(_)) => Self::Busy,
            Err(Error::Unavailable(_)) => Self::Unavailable,
            Err(Error::Refused(refusal)) => match refusal.code {
                "invalid_credentials" | "invalid_code" | "invalid_mfa_token" => Self::InvalidCredentials,
                "mfa_required" => Self::SecondFactorDue,
                "too_many_attempts" | "too_many_logins" => Self::TooManyAttempts,
                "too_many_at_once" => Self::Busy,
                _ => Self::Error,
            },
            Err(Error::NoPrimary(_) | Error::Internal(_)) => Self::Error,
        }
    }
}

#[derive(Debug)]
pub(super) struct Logins(IntCounterVec);

impl Logins {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let options = Opts::new("portero_logins_total", "Logins by what came of them.");
        let logins = register(registry, IntCounterVec::new(options, &["outcome"]))?;
        // A series that is there from the start shows its first increase.
        for outcome in Outcome::ALL {
            logins.with_label_values(&[outcome.label()]);
        }
        Ok(Self(logins))
    }
}

/// A login under way. Dropped before its end, it counts as abandoned.
#[derive(Debug)]
pub struct LoginTimer {
    families: Option<Arc<Families>>,
    outcome: Outcome,
}

impl LoginTimer {
    pub(super) fn begin(families: Option<&Arc<Families>>) -> Self {
        Self { families: families.cloned(), outcome: Outcome::Abandoned }
    }

    /// It came to this.
    pub fn ends(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for LoginTimer {
    fn drop(&mut self) {
        if let Some(families) = &self.families {
            families.logins.0.with_label_values(&[self.outcome.label()]).inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::metrics::Metrics;

    #[test]
    fn every_login_has_one_outcome() {
        let metrics = Metrics::on().expect("metrics");
        let results = [
            Ok(()),
            Err(Error::forbidden("mfa_required", "")),
            Err(Error::unauthorized("invalid_credentials", "")),
            Err(Error::too_many_requests("too_many_attempts", "", axum::http::HeaderMap::new())),
            Err(Error::Busy("")),
            Err(Error::Unavailable(String::new())),
            Err(Error::Internal(anyhow::anyhow!("oh"))),
        ];
        for result in &results {
            metrics.login().ends(Outcome::of(result));
        }
        drop(metrics.login());
        let text = metrics.text();
        for outcome in Outcome::ALL {
            let line = format!("portero_logins_total{{outcome=\"{}\"}} 1\n", outcome.label());
            assert!(text.contains(&line), "{line} in {text}");
        }
    }
}
