//! Are these tokens valid now? As [`check`](super::check) says of one, for a whole list at once.

use std::collections::HashSet;

use super::Checked;
use crate::base::error::Result;
use crate::base::opaque::token::TokenHash;
use crate::gate::Gate;
use crate::gate::sessions::{Due, State, store};

/// What is true of one of them.
#[derive(Debug)]
pub enum Verdict<T = Checked> {
    Valid(Box<T>),
    /// Its time is over.
    Expired,
    /// It is unknown or was revoked, or is not for whoever asks.
    Unknown,
}

/// Asks Postgres about all of `tokens`, and renews those that are due; one verdict each, in order.
///
/// A token that somebody else is renewing or revoking at this moment is answered as it was found: valid until then.
pub async fn check_many(gate: &Gate, tokens: &[TokenHash]) -> Result<Vec<Verdict>> {
    let now = gate.clock.now();
    let lifetime = gate.sessions.lifetime;
    let found = store::find_all(&mut *gate.db.read().await?, tokens).await?;
    let due: Vec<_> = tokens
        .iter()
        .zip(&found)
        .filter_map(|(token, session)| {
            let session = session.as_ref()?;
            let state = lifetime.state(session.created_at, session.modified_at, now);
            (state == State::Due).then_some(Due { token: *token, seen: session.modified_at, now })
        })
        .collect();
    let renewed = if due.is_empty() {
        HashSet::new()
    } else {
        let mut tx = gate.db.begin().await?;
        let won = store::renew_all(&mut tx, &due).await?;
        tx.commit().await?;
        due.iter().zip(won).filter(|(_, won)| *won).map(|(due, _)| due.token).collect()
    };
    let mut told = HashSet::new();
    let verdicts = tokens.iter().zip(found).map(|(token, session)| {
        let Some(session) = session else { return Verdict::Unknown };
        if lifetime.state(session.created_at, session.modified_at, now) == State::Expired {
            return Verdict::Expired;
        }
        let seen = if renewed.contains(token) { now } else { session.modified_at };
        let expires_at = lifetime.expires_at(session.created_at, seen);
        // Of a token that is listed twice, the first answer says so.
        let renewed = renewed.contains(token) && told.insert(*token);
        Verdict::Valid(Box::new(Checked { session, expires_at, renewed, rights: None }))
    });
    Ok(verdicts.collect())
}
