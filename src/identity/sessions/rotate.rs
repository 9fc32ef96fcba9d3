//! A refresh token is exchanged for a new pair, or ends its family (RFC 9700 section 4.14.2).

use serde_json::json;
use time::Duration;

use super::store::families;
use super::{Entrant, LoggedIn, Proof, Refreshed, begin};
use crate::base::error::{Error, Result};
use crate::base::opaque::refresh_token::RefreshHash;
use crate::gate;
use crate::gate::audit::{Action, Actor, AuditedTx, By, Event, Origin};
use crate::gate::sessions::store::families::end;
use crate::gate::sessions::{Family, RefreshDecision};
use crate::identity::Identity;
use crate::platform::http::rate_limit;

/// Exchanges a refresh token for a new pair. The session of its own pair ends; shortly after, the same token is good for
/// siblings of the new one.
///
/// Under locks of its person and its family, so that any number of exchanges, on any number of instances, come one after the
/// other, and none once the person is disabled, removed, or has another password.
///
/// # Errors
/// 401 `invalid_refresh_token` for one that is unknown, expired or has been used by two: that ends the whole family; 429
/// `too_many_refreshes` for a family that comes too often: the token stays good.
pub async fn rotate(identity: &Identity, origin: &Origin, presented: RefreshHash) -> Result<LoggedIn> {
    let known = families::find(&mut *identity.db.read().await?, presented).await?.ok_or_else(invalid)?;
    let now = identity.clock.now();
    let by = By { actor: Actor::Anonymous, origin: origin.clone(), now };
    let mut tx = AuditedTx::new(identity.db.begin().await?, by);
    gate::store::people::hold(&mut tx, known.person).await?;
    let family = families::lock(&mut tx, known.family).await?;
    let family = family.filter(|family| identity.sessions.families.is_live(family, now)).ok_or_else(invalid)?;
    let state = families::refresh_token_state(&mut tx, presented).await?.ok_or_else(invalid)?;
    let decision = state.decide(identity.sessions.families.grace, now);
    let is_allowed = match decision {
        RefreshDecision::First | RefreshDecision::Sibling => true,
        RefreshDecision::IfUnused => families::end_children(&mut tx, family.id, known.generation).await?,
        RefreshDecision::Refused => false,
    };
    if !is_allowed {
        end(&mut tx, family.id).await?;
        let replayed =
            json!({"session_id": family.public_id, "generation": known.generation, "newest": family.generation});
        tx.commit([Event::new(Action::RefreshReplayed).about(family.person).before(replayed)]).await?;
        return Err(invalid());
    }
    // Only now: a replay ends the session also when it comes too often.
    let refreshes_until = family.refreshed(identity.sessions.lifetime.sliding, now).map_err(too_often)?;
    if decision == RefreshDecision::Sibling {
        families::prune(&mut tx, family.id).await?;
    } else {
        families::spend(&mut tx, family.id, presented, now).await?;
    }
    let refreshed = Refreshed { family: &family, generation: known.generation, refreshes_until };
    let (person, proof) = (family.person, Proof::Refresh(refreshed));
    let entrant = Entrant { person, proof, origin, user_agent: None, refresh: true, now };
    let began = begin(identity, &mut tx, &entrant).await?.ok_or_else(invalid)?;
    tx.commit([]).await?;
    Ok(began)
}

fn too_often(wait: Duration) -> Error {
    let what = "this session is refreshed too often: once in the lifetime of its access token is enough";
    rate_limit::share_is_taken("too_many_refreshes", what, ("refreshes", Family::REFRESHES), wait.unsigned_abs())
}

/// 401 `invalid_refresh_token`.
pub fn invalid() -> Error {
    Error::unauthorized("invalid_refresh_token", "this refresh token is no longer valid; log in again")
}
