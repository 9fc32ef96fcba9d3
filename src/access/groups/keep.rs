//! A group is made, changed or deleted.

use super::{GroupChange, NewGroup, store};
use crate::base::error::Result;
use crate::base::id::GroupId;
use crate::base::made::Made;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::gate::store::groups::{self, Group};
use crate::gate::store::{Through, must_cover_group};
use crate::platform::http::{IfMatch, Tagged};

/// Makes a group, unless it stands, and tells of it.
///
/// # Errors
/// 409 `group_exists`.
pub async fn create(tx: &mut AuditedTx, new: &NewGroup) -> Result<Made<Group>> {
    let made = store::ensure(tx, new).await?;
    if made.is_new() {
        tx.tell(Event::new(Action::GroupCreated).after(made.get()));
    }
    Ok(made)
}

/// Changes a group as somebody has seen it, and tells of it. Policies may ask for its name: so it is for whoever may change who
/// is in it.
///
/// # Errors
/// 403 beyond what the actor holds; 404 where there is none; 409 `group_exists`; 412.
pub async fn change(
    tx: &mut AuditedTx,
    id: GroupId,
    if_match: Option<&IfMatch>,
    change: &GroupChange,
) -> Result<Tagged<Group>> {
    let before = begin(tx, id, if_match, None).await?;
    store::update(tx, id, change).await?;
    let after = store::tagged(tx, id).await?;
    tx.tell(Event::new(Action::GroupChanged).changed(before, &after.shown));
    Ok(after)
}

/// Deletes a group as somebody has seen it, and tells of it: whoever is in it loses what they hold by it. Of what is Portero's
/// own a person takes nothing that they don't hold themselves for as long as the group does.
///
/// # Errors
/// 403 for what is not the actor's to take; 404 where there is none; 412.
pub async fn remove(tx: &mut AuditedTx, id: GroupId, if_match: Option<&IfMatch>) -> Result<Group> {
    let group = begin(tx, id, if_match, Some(Through::End(None))).await?;
    store::delete(tx, id).await?;
    tx.tell(Event::new(Action::GroupDeleted).before(&group));
    Ok(group)
}

async fn begin(tx: &mut AuditedTx, id: GroupId, if_match: Option<&IfMatch>, through: Option<Through>) -> Result<Group> {
    groups::lock(tx).await?;
    let found = store::tagged(tx, id).await?;
    if let Some(if_match) = if_match {
        if_match.allows(&found.etag)?;
    }
    let now = tx.by().now;
    if let Some(actor) = tx.by().person() {
        for through in [Some(Through::Now(now)), through].into_iter().flatten() {
            must_cover_group(tx, actor, id, through, now).await?;
        }
    }
    Ok(found.shown)
}
