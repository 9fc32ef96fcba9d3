//! Keys are revoked: the very next check refuses them, on every instance.

use serde_json::json;

use super::store;
use crate::base::error::Result;
use crate::base::id::{ApiKeyId, Id, PersonId};
use crate::gate;
use crate::gate::audit::{Action, AuditedTx, Event};

/// Revokes a key of somebody's, and tells of it. Whether it is the actor's to revoke is for the caller to ask.
///
/// # Errors
/// 404 `api_key_not_found`.
pub async fn revoke(tx: &mut AuditedTx, owner: PersonId, id: ApiKeyId) -> Result<()> {
    gate::store::people::lock(tx, owner).await?;
    if !store::delete(tx, owner, id).await? {
        return Err(ApiKeyId::not_found());
    }
    tx.tell(Event::new(Action::ApiKeyRevoked).about(owner).before(json!({"id": id})));
    Ok(())
}

/// Revokes all keys of somebody; answers how many.
pub async fn revoke_all(tx: &mut AuditedTx, owner: PersonId) -> Result<u64> {
    gate::store::people::lock(tx, owner).await?;
    let ids = store::delete_all(tx, owner).await?;
    for id in &ids {
        tx.tell(Event::new(Action::ApiKeyRevoked).about(owner).before(json!({"id": id})));
    }
    Ok(ids.len() as u64)
}
