//! A robot gets another owner.

use serde_json::json;

use super::store;
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::gate;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::gate::must_cover;
use crate::gate::store::must_be_as_mighty;

/// Gives a robot to somebody else, who makes its keys from now on; those that it has stand. Answers whether they did not own it already.
///
/// # Errors
/// 403 `insufficient_permissions` for whoever neither owns it nor holds what it holds; 404 `robot_not_found`; 409 `not_an_owner`.
pub async fn pass_on(tx: &mut AuditedTx, robot: PersonId, owner: PersonId) -> Result<bool> {
    gate::store::people::lock_all(tx, &[robot, owner]).await?;
    let before = store::get(tx, robot).await?.owner_id;
    if before == owner {
        return Ok(false);
    }
    store::must_be_able_to_own(tx, owner).await?;
    let (actor, now) = (tx.by().person(), tx.by().now);
    if let Some(actor) = actor.filter(|actor| *actor != before) {
        // Whoever chooses its owner could become it.
        must_cover(tx, &[robot]).await?;
        must_be_as_mighty(tx, actor, robot, now).await?;
    }
    store::set_owner(tx, robot, owner).await?;
    let told = Event::new(Action::RobotPassedOn).about(robot);
    tx.tell(told.before(json!({"owner_id": before})).after(json!({"owner_id": owner})));
    Ok(true)
}
