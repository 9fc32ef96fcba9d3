//! Keeping somebody out, and letting them in again.

use serde_json::json;

use super::store;
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::gate;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::gate::store::must_keep_an_administrator;
use crate::gate::{must_cover, must_one_be_left};
use crate::identity::attempts;

/// Bars a person from every path in, and their robots with them. The trigger `person_follow` ends their sessions; what they hold is
/// kept. Answers whether they were not already.
///
/// # Errors
/// 403 for somebody who is not the actor's to bar; 404 `user_not_found`; 409 `last_administrator`.
pub async fn disable(tx: &mut AuditedTx, person: PersonId) -> Result<bool> {
    let must_one_be_left = must_one_be_left(tx, &[person]).await?;
    gate::store::people::lock(tx, person).await?;
    must_cover(tx, &[person]).await?;
    let robots = store::robots_of(tx, &[person]).await?;
    let changed = store::set_disabled(tx, person, true).await?;
    if must_one_be_left {
        must_keep_an_administrator(tx).await?;
    }
    if changed {
        tx.tell(Event::new(Action::UserDisabled).about(person));
        disabled_with_owner(tx, robots);
    }
    Ok(changed)
}

/// Tells of robots that the trigger `person_follow_owner` has disabled with their owner.
pub(super) fn disabled_with_owner(tx: &mut AuditedTx, robots: Vec<PersonId>) {
    for robot in robots {
        tx.tell(Event::new(Action::UserDisabled).about(robot).after(json!({"by": "owner"})));
    }
}

/// Lets a person log in again, at once: no failures stand against them any more. Answers whether anything did.
///
/// # Errors
/// 403 for somebody who is not the actor's to let in; 404 `user_not_found`; 409 `owner_disabled` for a robot whose owner is.
pub async fn enable(tx: &mut AuditedTx, person: PersonId) -> Result<bool> {
    gate::store::people::lock(tx, person).await?;
    must_cover(tx, &[person]).await?;
    store::must_have_an_owner_who_is_here(tx, person).await?;
    let was_disabled = store::set_disabled(tx, person, false).await?;
    let had_failed = attempts::clear(tx, person).await?;
    let changed = was_disabled || had_failed;
    if changed {
        tx.tell(Event::new(Action::UserEnabled).about(person));
    }
    Ok(changed)
}
