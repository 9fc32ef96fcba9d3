//! Is this access token valid now, and what may its subject do? As [`check`](super::check) says of a session's token.

use std::sync::Arc;

use crate::base::error::Result;
use crate::base::id::{Ref, ServiceId};
use crate::base::opaque::oauth::AccessTokenHash;
use crate::gate::access_tokens::{AccessToken, scope};
use crate::gate::{Answer, Ask, Gate, Rights};
use crate::platform::http::credential;

/// A valid access token.
#[derive(Clone, Debug)]
pub struct CheckedAccess {
    /// The token.
    pub token: AccessToken,
    /// What may be done with it in the service that was asked about, if there is one.
    pub rights: Option<Rights>,
}

/// Asks Postgres whether an access token is valid now; also what may be done with it in `service`, at the same moment: what
/// its subject holds there, or as much of it as its scopes name. Nothing renews it.
///
/// # Errors
/// 401 `invalid_token` or `expired_token`, also where the service is not of its audience; 503 when Postgres can't be asked in
/// time.
pub async fn check_access(
    gate: &Gate,
    token: AccessTokenHash,
    service: Option<Ref<ServiceId>>,
) -> Result<CheckedAccess> {
    loop {
        let ask = Ask { hash: token, service: service.clone(), now: gate.clock.now() };
        let Answer { found: token, rights } = gate.access_checks.ask(ask).await?.ok_or_else(credential::invalid)?;
        let now = gate.clock.now();
        if token.expires_at <= now {
            return Err(credential::expired());
        }
        let Some(rights) = rights else { return Ok(CheckedAccess { token, rights: None }) };
        if !token.services.contains(&rights.service) {
            return Err(credential::of_another_audience());
        }
        if rights.effective.ends_at.is_some_and(|end| end <= now) {
            // A grant ended while the question was under way.
            continue;
        }
        if !rights.effective.roles.is_empty() {
            gate.uses.note(token.person, rights.service, now);
        }
        let rights = narrowed(rights, &token);
        return Ok(CheckedAccess { token, rights: Some(rights) });
    }
}

/// As much of what its subject may do as the token is for.
pub(super) fn narrowed(rights: Rights, token: &AccessToken) -> Rights {
    let service = rights.vocabulary.service_name(rights.service).unwrap_or_default();
    match scope::narrowed(&rights.effective, &service, &token.scopes, token.narrowed.contains(&rights.service)) {
        Some(effective) => Rights { effective: Arc::new(effective), ..rights },
        None => rights,
    }
}
