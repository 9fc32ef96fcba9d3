//! Sessions end.

use serde_json::json;

use super::store::listed;
use crate::base::error::Result;
use crate::base::id::{PersonId, SessionId};
use crate::base::opaque::token::TokenHash;
use crate::gate;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::gate::must_cover;
use crate::gate::sessions::store;
use crate::identity::{factors, people};

/// Ends all sessions of a person but the `kept` one, and their logins that wait for a second step, and tells of it; answers how many sessions.
///
/// # Errors
/// 403 for somebody who is not the actor's to log out; 404 `user_not_found`.
pub async fn end_all(tx: &mut AuditedTx, person: PersonId, kept: Option<TokenHash>) -> Result<u64> {
    gate::store::people::lock(tx, person).await?;
    people::store::get(tx, person).await?;
    must_cover(tx, &[person]).await?;
    let sessions = store::revoke_all(tx, person, kept).await?;
    factors::store::pending::remove_all(tx, person).await?;
    if sessions > 0 {
        tx.tell(Event::new(Action::SessionRevoked).about(person).before(json!({"sessions": sessions})));
    }
    Ok(sessions)
}

/// Ends one session of a person, and tells of it; answers whether it was there.
///
/// # Errors
/// 403 for somebody who is not the actor's to log out.
pub async fn end_one(tx: &mut AuditedTx, person: PersonId, id: &SessionId) -> Result<bool> {
    gate::store::people::lock(tx, person).await?;
    must_cover(tx, &[person]).await?;
    let ended = listed::end(tx, person, id).await?;
    if ended {
        tx.tell(Event::new(Action::SessionRevoked).about(person).before(json!({"session_id": id})));
    }
    Ok(ended)
}

/// Ends the session of a person's token, and tells of it; answers whether it was there.
pub async fn log_out(tx: &mut AuditedTx, person: PersonId, token: TokenHash) -> Result<bool> {
    let ended = store::revoke(tx, token).await?;
    if ended {
        let session = json!({"session_id": token.session_id()});
        tx.tell(Event::new(Action::SessionRevoked).about(person).before(session));
    }
    Ok(ended)
}
