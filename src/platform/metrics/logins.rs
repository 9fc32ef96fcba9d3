//! Logins by how people come in, and by what came of them.

use std::sync::Arc;

use prometheus::{IntCounterVec, Opts, Registry};

use super::{Families, register};
use crate::base::error::Error;

/// By what somebody wants to come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Password,
    Passkey,
    /// What follows a password, or another identity provider.
    SecondFactor,
    /// Another identity provider.
    Provider,
}

impl Way {
    const ALL: [Self; 4] = [Self::Password, Self::Passkey, Self::SecondFactor, Self::Provider];

    fn label(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Passkey => "passkey",
            Self::SecondFactor => "second_factor",
            Self::Provider => "provider",
        }
    }

    /// What can come of it.
    fn outcomes(self) -> impl Iterator<Item = Outcome> {
        let of_providers = if self == Self::Provider { Outcome::OF_PROVIDERS.as_slice() } else { &[] };
        Outcome::ALL.iter().chain(of_providers).copied()
    }
}

/// What came of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A session began.
    Success,
    /// The password was right, and a second factor is asked for.
    SecondFactorDue,
    /// Nobody by that name has that password, or the code is wrong, or the passkey opens nothing.
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
    /// A provider has proved an account, whose address somebody here is to prove as well.
    LinkDue,
    /// They, or the provider, said no.
    Denied,
    /// What the provider answered is not good, or it did not answer.
    UnusableAnswer,
    /// What came is no login at all, or whom a provider has proved is nobody who may come in by it.
    Refused,
    /// What they came back with from a provider is over.
    Over,
}

impl Outcome {
    const ALL: [Self; 9] = [
        Self::Success,
        Self::SecondFactorDue,
        Self::InvalidCredentials,
        Self::TooManyAttempts,
        Self::Busy,
        Self::Unavailable,
        Self::Refused,
        Self::Error,
        Self::Abandoned,
    ];

    /// Of logins at providers alone.
    const OF_PROVIDERS: [Self; 4] = [Self::LinkDue, Self::Denied, Self::UnusableAnswer, Self::Over];

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
            Self::LinkDue => "link_due",
            Self::Denied => "denied",
            Self::UnusableAnswer => "unusable_answer",
            Self::Refused => "refused",
            Self::Over => "over",
        }
    }

    /// What `result` means for a login.
    pub fn of<T>(result: &Result<T, Error>) -> Self {
        match result {
            Ok(_) => Self::Success,
            Err(Error::Busy(_)) => Self::Busy,
            Err(Error::Unavailable(_)) => Self::Unavailable,
            Err(Error::Refused(refusal)) => match refusal.code {
                "invalid_credentials" | "invalid_code" | "invalid_mfa_token" | "passkey_refused" => {
                    Self::InvalidCredentials
                }
                "mfa_required" => Self::SecondFactorDue,
                "too_many_attempts" | "too_many_logins" => Self::TooManyAttempts,
                "too_many_at_once" => Self::Busy,
                // Not what a login is to be: whoever sends it can cause any number of them.
                _ if refusal.status.is_client_error() => Self::Refused,
                _ => Self::Error,
            },
            Err(Error::NoPrimary(_) | Error::Internal(_)) => Self::Error,
        }
    }
}

#[derive(Debug)]
pub(super) struct Logins {
    by_way: IntCounterVec,
    by_provider: IntCounterVec,
}

impl Logins {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let options = Opts::new("portero_logins_total", "Logins by how people come in, and by what came of them.");
        let by_way = register(registry, IntCounterVec::new(options, &["way", "outcome"]))?;
        // A series that is there from the start shows its first increase.
        for way in Way::ALL {
            for outcome in way.outcomes() {
                by_way.with_label_values(&[way.label(), outcome.label()]);
            }
        }
        let options = Opts::new("portero_provider_logins_total", "Logins at identity providers by what came of them.");
        let by_provider = register(registry, IntCounterVec::new(options, &["provider", "outcome"]))?;
        Ok(Self { by_way, by_provider })
    }

    fn count(&self, way: Way, provider: Option<&str>, outcome: Outcome) {
        self.by_way.with_label_values(&[way.label(), outcome.label()]).inc();
        if let Some(provider) = provider {
            self.by_provider.with_label_values(&[provider, outcome.label()]).inc();
        }
    }
}

/// A login under way. Dropped before its end, it counts as abandoned.
#[derive(Debug)]
pub struct LoginTimer {
    families: Option<Arc<Families>>,
    way: Way,
    provider: Option<String>,
    outcome: Outcome,
}

impl LoginTimer {
    pub(super) fn begin(families: Option<&Arc<Families>>, way: Way) -> Self {
        Self { families: families.cloned(), way, provider: None, outcome: Outcome::Abandoned }
    }

    /// It is at this provider, of which there is one.
    #[must_use]
    pub fn at(mut self, provider: &str) -> Self {
        self.provider = Some(provider.to_owned());
        self
    }

    /// It is no login after all.
    pub fn is_none(mut self) {
        self.families = None;
    }

    /// It came to this.
    pub fn ends(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for LoginTimer {
    fn drop(&mut self) {
        if let Some(families) = &self.families {
            families.logins.count(self.way, self.provider.as_deref(), self.outcome);
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
            Err(Error::bad_request("invalid_request_body", "")),
            Err(Error::Internal(anyhow::anyhow!("oh"))),
        ];
        for result in &results {
            metrics.login(Way::Password).ends(Outcome::of(result));
        }
        drop(metrics.login(Way::Password));
        let text = metrics.text();
        for outcome in Outcome::ALL {
            let line = format!("portero_logins_total{{outcome=\"{}\",way=\"password\"}} 1\n", outcome.label());
            assert!(text.contains(&line), "{line} in {text}");
        }
        assert!(!text.contains("portero_provider_logins_total{"), "{text}");
        let refused = Err::<(), _>(Error::unauthorized("passkey_refused", ""));
        assert_eq!(Outcome::of(&refused), Outcome::InvalidCredentials);
    }

    #[test]
    fn a_login_at_a_provider_is_told_by_its_name_and_what_is_no_login_is_not() {
        let metrics = Metrics::on().expect("metrics");
        metrics.login(Way::Provider).at("acme").ends(Outcome::UnusableAnswer);
        metrics.login(Way::Provider).is_none();
        let text = metrics.text();
        for line in [
            "portero_logins_total{outcome=\"unusable_answer\",way=\"provider\"} 1\n",
            "portero_logins_total{outcome=\"abandoned\",way=\"provider\"} 0\n",
            "portero_provider_logins_total{outcome=\"unusable_answer\",provider=\"acme\"} 1\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
