//! What opens an account: the password, the address that new ones are sent to, and the username, by which backends may know
//! people.

use super::change::is_moved;
use super::{PersonChange, store};
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::gate::audit::AuditedTx;
use crate::gate::store::{must_be_as_mighty, must_cover_person};

/// Refuses (403) a change of somebody who holds more of Portero's own than `actor`, and one by which they could become
/// somebody who holds what they could not give themselves.
pub(super) async fn must_be_theirs_to_change(
    tx: &mut AuditedTx,
    actor: PersonId,
    id: PersonId,
    change: &PersonChange,
    password: bool,
) -> Result<()> {
    let now = tx.by().now;
    must_cover_person(tx, actor, id, now).await?;
    let person = store::get(tx, id).await?;
    let is_renamed = change.username.as_ref().is_some_and(|new| new.as_str() != person.username);
    if password || is_renamed || is_moved(tx, id, change).await? {
        must_be_as_mighty(tx, actor, id, now).await?;
    }
    Ok(())
}
