//! A robot is registered.

use serde_json::json;

use super::{Robot, store};
use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::base::person::{PersonName, Username};
use crate::gate;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::identity::people::store::NewRow;
use crate::identity::people::{RegisteredBy, register};

/// Registers a robot of `owner`, and tells of it. It holds nothing yet.
///
/// # Errors
/// 409 `user_exists`, `not_an_owner`.
pub async fn create(
    tx: &mut AuditedTx,
    username: &Username,
    name: Option<&PersonName>,
    owner: PersonId,
) -> Result<Robot> {
    gate::store::people::lock(tx, owner).await?;
    store::must_be_able_to_own(tx, owner).await?;
    let own = match name {
        Some(name) => name.clone(),
        None => username.as_str().parse().map_err(|fault: String| Error::invalid_field("username", &fault))?,
    };
    let robot = register(tx, &NewRow::of(username, &own), RegisteredBy::Another).await??;
    store::set_owner(tx, robot.id, owner).await?;
    tx.tell(Event::new(Action::RobotPassedOn).about(robot.id).after(json!({"owner_id": owner})));
    store::get(tx, robot.id).await
}
