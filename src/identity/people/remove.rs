//! People are taken out of every answer.

use super::disable::disabled_with_owner;
use super::store;
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::gate;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::gate::store::must_keep_an_administrator;
use crate::gate::{must_cover, must_one_be_left, sessions};
use crate::platform::http::IfMatch;

/// What became of people who were to go.
#[derive(Debug)]
pub enum Removed {
    /// They are gone.
    All {
        /// How many sessions ended with it.
        ended: u64,
    },
    /// Nothing: these are not there.
    Unknown(Vec<PersonId>),
}

/// Removes people, by id, or none of them: their sessions and grants end, their usernames and documents are free again.
///
/// # Errors
/// 403 for somebody who is not the actor's to remove; 409 `last_administrator`; 412 where they are not as `if_match` says.
pub async fn remove(tx: &mut AuditedTx, people: &[PersonId], if_match: Option<&IfMatch>) -> Result<Removed> {
    let must_one_be_left = must_one_be_left(tx, people).await?;
    gate::store::people::lock_all(tx, people).await?;
    let records = store::records(tx, people).await?;
    let is_unknown = |id: &&PersonId| records.binary_search_by_key(id, |(there, _)| there).is_err();
    let unknown: Vec<PersonId> = people.iter().filter(is_unknown).copied().collect();
    if !unknown.is_empty() {
        return Ok(Removed::Unknown(unknown));
    }
    must_cover(tx, people).await?;
    if let Some(if_match) = if_match {
        for person in people {
            if_match.allows(&store::tagged(tx, *person).await?.etag)?;
        }
    }
    let robots = store::robots_of(tx, people).await?;
    let ended = sessions::store::revoke_all_of(tx, people).await?;
    store::remove_all(tx, people).await?;
    if must_one_be_left {
        must_keep_an_administrator(tx).await?;
    }
    disabled_with_owner(tx, robots.into_iter().filter(|robot| !people.contains(robot)).collect());
    for (person, record) in records {
        tx.tell(Event::new(Action::UserDeleted).about(person).before(record));
    }
    Ok(Removed::All { ended })
}
