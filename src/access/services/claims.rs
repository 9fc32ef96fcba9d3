//! What a service is told of people, somebody opens to whoever has its keys.

use crate::base::error::Result;
use crate::gate::audit::AuditedTx;
use crate::gate::permission::ReadUsers;
use crate::gate::store::must_hold_everywhere;

const WHAT: &str = "to let a service see attributes of people";

/// Refuses (403) to let a service see attributes that whoever does it can't read.
pub(super) async fn must_be_theirs_to_open(tx: &mut AuditedTx, before: &[String], after: &[String]) -> Result<()> {
    if after.iter().all(|name| before.contains(name)) {
        return Ok(());
    }
    let Some(actor) = tx.by().person() else { return Ok(()) };
    let now = tx.by().now;
    must_hold_everywhere::<ReadUsers>(tx, actor, WHAT, now).await
}
