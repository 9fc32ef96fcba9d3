//! Are these access tokens valid now, at one service? As [`check_access`](super::check_access) says of one, for a whole list at
//! once.

use super::access::narrowed;
use super::{CheckedAccess, Verdict};
use crate::base::error::Result;
use crate::base::id::{Ref, ServiceId};
use crate::base::opaque::oauth::AccessTokenHash;
use crate::gate::access_tokens::AccessToken;
use crate::gate::{Answer, Ask, Checks, Gate};
use crate::platform::database::BatchQuery;

/// Asks Postgres about all of `tokens`, and what may be done with them in `service`; one verdict each, in order.
pub async fn check_access_list(
    gate: &Gate,
    tokens: &[AccessTokenHash],
    service: ServiceId,
) -> Result<Vec<Verdict<CheckedAccess>>> {
    if tokens.is_empty() {
        return Ok(Vec::new());
    }
    let now = gate.clock.now();
    let asked = tokens.iter().map(|token| Ask { hash: *token, service: Some(Ref::Id(service)), now });
    let checks = Checks::<AccessToken>::by(gate.rights.clone());
    let found = checks.ask(&mut *gate.db.read().await?, &asked.collect::<Vec<_>>()).await?;
    let verdicts = found.into_iter().map(|found| match found {
        Some(Answer { found: token, .. }) if token.expires_at <= now => Verdict::Expired,
        Some(Answer { found: token, rights: Some(rights) }) if token.services.contains(&service) => {
            if !rights.effective.roles.is_empty() {
                gate.uses.note(token.person, service, now);
            }
            let rights = Some(narrowed(rights, &token));
            Verdict::Valid(Box::new(CheckedAccess { token, rights }))
        }
        _ => Verdict::Unknown,
    });
    Ok(verdicts.collect())
}
