use time::Duration;

use crate::base::error::{Error, Result};
use crate::base::opaque::token::TokenHash;
use crate::gate::audit::AuditedTx;
use crate::gate::sessions::store::logged_in_since;

/// A login so long ago does for a new key: who has stolen a session must not make themselves one that outlives it (ASVS 5.0, 7.5.1).
const RECENT: Duration = Duration::minutes(15);

/// Refuses (403 `reauthentication_required`) whoever did not log in of late.
pub async fn must_be_fresh(tx: &mut AuditedTx, session: TokenHash) -> Result<()> {
    let now = tx.by().now;
    if logged_in_since(tx, session, now - RECENT).await? {
        return Ok(());
    }
    Err(Error::forbidden(
        "reauthentication_required",
        "for an API key log in again: your login was more than 15 minutes ago",
    ))
}
