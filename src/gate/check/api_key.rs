//! Is this API key good now, and what may be done with it? As [`check`](super::check) says of a session's token.

use std::net::IpAddr;

use super::Verdict;
use crate::base::error::Result;
use crate::base::id::{Ref, ServiceId};
use crate::base::opaque::api_key::ApiKeyHash;
use crate::gate::api_keys::ApiKey;
use crate::gate::{Answer, Ask, Checks, Gate, Rights};
use crate::platform::database::BatchQuery;
use crate::platform::http::credential;

/// A key that is good.
#[derive(Clone, Debug)]
pub struct CheckedApiKey {
    pub key: ApiKey,
    /// What may be done with it in the service that was asked about, if there is one.
    pub rights: Option<Rights>,
}

/// Asks Postgres whether a key is good now, shown from `from` if that is known; also what may be done with it in `service`, at the
/// same moment: what its owner holds there, as far as its scopes go.
///
/// # Errors
/// 401 `invalid_token` or `expired_token`, also for a key that may not be used from there; 503 when Postgres can't be asked in time.
pub async fn check_api_key(
    gate: &Gate,
    hash: ApiKeyHash,
    service: Option<Ref<ServiceId>>,
    from: Option<IpAddr>,
) -> Result<CheckedApiKey> {
    loop {
        let ask = Ask { hash, service: service.clone(), now: gate.clock.now() };
        let Answer { found: key, rights } =
            gate.api_key_checks.ask(ask).await?.ok_or_else(credential::invalid_api_key)?;
        let now = gate.clock.now();
        // First: whoever found the key elsewhere hears nothing of it.
        if !key.may_be_used_from(from) {
            return Err(credential::api_key_of_other_networks());
        }
        if key.expires_at <= now {
            return Err(credential::expired_api_key(key.expires_at));
        }
        if let Some(Rights { service, effective, .. }) = &rights {
            if effective.ends_at.is_some_and(|end| end <= now) {
                // A grant ended while the question was under way.
                continue;
            }
            if !effective.permissions.is_empty() {
                gate.uses.note(key.person, *service, now);
            }
        }
        gate.api_key_uses.note(gate, &key, from, now);
        return Ok(CheckedApiKey { key, rights });
    }
}

/// Refuses what is no key that is good now: one that is, is to be refused for another reason, wherever it is used.
///
/// # Errors
/// 401 `invalid_token` or `expired_token`.
pub async fn must_be_an_api_key(gate: &Gate, key: ApiKeyHash) -> Result<()> {
    let ask = Ask { hash: key, service: None, now: gate.clock.now() };
    let Answer { found, .. } = gate.api_key_checks.ask(ask).await?.ok_or_else(credential::invalid_api_key)?;
    if found.expires_at <= gate.clock.now() {
        return Err(credential::expired_api_key(found.expires_at));
    }
    Ok(())
}

/// As [`check_api_key`] of many, at one service: one verdict each, in order.
pub async fn check_api_key_list(
    gate: &Gate,
    keys: &[(ApiKeyHash, Option<IpAddr>)],
    service: ServiceId,
) -> Result<Vec<Verdict<CheckedApiKey>>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let now = gate.clock.now();
    let asked = keys.iter().map(|(key, _)| Ask { hash: *key, service: Some(Ref::Id(service)), now });
    let checks = Checks::<ApiKey>::by(gate.rights.clone());
    let found = checks.ask(&mut *gate.db.read().await?, &asked.collect::<Vec<_>>()).await?;
    let verdicts = found.into_iter().zip(keys).map(|(found, (_, from))| match found {
        Some(Answer { found: key, .. }) if key.expires_at <= now => Verdict::Expired,
        Some(Answer { found: key, rights: Some(rights) }) if key.may_be_used_from(*from) => {
            if !rights.effective.permissions.is_empty() {
                gate.uses.note(key.person, service, now);
            }
            gate.api_key_uses.note(gate, &key, *from, now);
            Verdict::Valid(Box::new(CheckedApiKey { key, rights: Some(rights) }))
        }
        _ => Verdict::Unknown,
    });
    Ok(verdicts.collect())
}
