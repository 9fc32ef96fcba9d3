//! Is this token valid now? The one place that says so.

use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{Ref, ServiceId};
use crate::base::opaque::token::TokenHash;
use crate::gate::Gate;
use crate::gate::sessions::{Due, Session, State};
use crate::gate::{Answer, Ask, Rights};
use crate::platform::http::credential;

/// A valid session.
#[derive(Clone, Debug)]
pub struct Checked {
    pub session: Session,
    /// When it ends unless it is renewed.
    pub expires_at: OffsetDateTime,
    /// Whether this very check renewed it.
    pub renewed: bool,
    /// What the session's owner may do in the service that was asked about, if there is one.
    pub rights: Option<Rights>,
}

/// Asks Postgres whether `token` is valid now, and renews it when that is due; also what its owner may do in `service`,
/// at the same moment.
///
/// # Errors
/// 401 `invalid_token` or `expired_token`; 503 when Postgres can't be asked in time.
pub async fn check(gate: &Gate, token: TokenHash, service: Option<Ref<ServiceId>>) -> Result<Checked> {
    let lifetime = gate.sessions.lifetime;
    let mut lost = false;
    loop {
        let ask = Ask { hash: token, service: service.clone(), now: gate.clock.now() };
        let Answer { found: session, rights } = gate.checks.ask(ask).await?.ok_or_else(credential::invalid)?;
        let now = gate.clock.now();
        if let Some(Rights { service, effective, .. }) = &rights {
            if effective.ends_at.is_some_and(|end| end <= now) {
                // A grant ended while the question was under way.
                continue;
            }
            if !effective.roles.is_empty() {
                gate.uses.note(session.person, *service, now);
            }
        }
        let expires_at = lifetime.expires_at(session.created_at, session.modified_at);
        match lifetime.state(session.created_at, session.modified_at, now) {
            State::Expired => return Err(credential::expired()),
            State::Due if !lost => {
                if gate.renewals.ask(Due { token, seen: session.modified_at, now }).await? {
                    let expires_at = lifetime.expires_at(session.created_at, now);
                    return Ok(Checked { session, expires_at, renewed: true, rights });
                }
                // Somebody else renews or ends it: look again, once. If that is still under way, it is valid as it is.
                lost = true;
            }
            State::Due | State::Live => return Ok(Checked { session, expires_at, renewed: false, rights }),
        }
    }
}
