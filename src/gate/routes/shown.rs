//! Whatever was shown for somebody, tokens of other issuers included.

use std::net::IpAddr;

use axum::http::HeaderMap;

use crate::base::error::{Error, Result};
use crate::base::id::{Ref, ServiceId};
use crate::gate::foreign::{self, ForeignToken};
use crate::gate::{Gate, Passed, Presented};
use crate::platform::http::credential::{self, Credential};

/// What was shown for somebody.
#[derive(Debug)]
pub(super) struct Shown {
    presented: Presented,
    /// The same, if it may be of another issuer.
    foreign: Option<ForeignToken>,
}

impl Shown {
    /// What a text may be; `None` when it can be nothing.
    pub fn of(gate: &Gate, text: &str) -> Option<Self> {
        let presented = Presented::of(text)?;
        Some(Self { presented, foreign: foreign_one(gate, presented, || Some(text)) })
    }

    /// What a request came with.
    ///
    /// # Errors
    /// 401 for a dead key; 403 `service_key_not_allowed` for a live one.
    pub async fn by(gate: &Gate, credential: Credential, headers: &HeaderMap) -> Result<Self> {
        let presented = Presented::by(gate, credential).await?;
        Ok(Self { presented, foreign: foreign_one(gate, presented, || credential::shown(headers)) })
    }

    /// Asks whether it is valid now, and what may be done with it in `service`, for a caller that hears of nothing else.
    ///
    /// # Errors
    /// As [`Presented::check`].
    pub async fn check(self, gate: &Gate, service: Option<Ref<ServiceId>>, from: Option<IpAddr>) -> Result<Passed> {
        let passed = self.check_telling_key(gate, service, from).await?;
        if passed.cnf.is_some() { Err(credential::bound_to_a_key()) } else { Ok(passed) }
    }

    /// Asks whether it is valid now, and what may be done with it in `service`, for a caller that hears of the key that it is
    /// bound to, and checks the proof. A foreign token is valid in a service that trusts its issuer, and in no other.
    ///
    /// # Errors
    /// As [`Presented::check_telling_key`].
    pub async fn check_telling_key(
        self,
        gate: &Gate,
        service: Option<Ref<ServiceId>>,
        from: Option<IpAddr>,
    ) -> Result<Passed> {
        let Self { presented, foreign } = self;
        let Some(token) = foreign else { return presented.check_telling_key(gate, service, from).await };
        Box::pin(check_foreign(gate, &token, presented, service)).await.map_err(|error| match error {
            // The same to all, so that nobody learns whom a service trusts.
            Error::Refused(refusal) if refusal.code == "invalid_token" => credential::invalid_foreign(),
            other => other,
        })
    }
}

async fn check_foreign(
    gate: &Gate,
    token: &ForeignToken,
    presented: Presented,
    service: Option<Ref<ServiceId>>,
) -> Result<Passed> {
    if let Some(service) = &service
        && let Some(passed) = foreign::check(gate, token, service).await?
    {
        return Ok(passed);
    }
    presented.check_telling_key(gate, service, None).await
}

fn foreign_one<'a>(gate: &Gate, presented: Presented, text: impl FnOnce() -> Option<&'a str>) -> Option<ForeignToken> {
    match presented {
        Presented::Session(_) | Presented::ApiKey(_) => None,
        Presented::Access(_) => gate.foreign.token(text()?),
    }
}
