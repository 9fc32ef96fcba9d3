//! A key is renamed, ends at another time, or may be used from elsewhere.

use super::key::end;
use super::make::must_cover_scopes;
use super::{ApiKeyChange, For, ListedApiKey, store};
use crate::base::error::{Error, Result};
use crate::base::id::ApiKeyId;
use crate::gate;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::identity::Identity;
use crate::identity::mail::{self, Content};

/// Changes a key of somebody's, and tells of it: the audit trail, and, of more than a new name, by mail. What it may be used for stays: for that they make
/// another. Whether it is the actor's to change is for the caller to ask. Call [`Post::wake`](crate::platform::mail::Post::wake) after the commit.
///
/// # Errors
/// 400; 403 `insufficient_permissions` for another end or other networks of a key that opens something of Portero's own that whoever changes it does not
/// hold; 404 `api_key_not_found`; 409 `api_key_expired`.
pub async fn change(
    tx: &mut AuditedTx,
    identity: &Identity,
    For { owner, told }: For,
    id: ApiKeyId,
    wanted: &ApiKeyChange,
) -> Result<ListedApiKey> {
    wanted.must_be_possible()?;
    let now = tx.by().now;
    let expires_at = match wanted.expires_at {
        Some(moment) => Some(end(Some(moment), now, identity.settings.api_key_max_age)?),
        None => None,
    };
    gate::store::people::lock(tx, owner).await?;
    let before = store::get(tx, owner, id, now).await?;
    if !wanted.is_only_a_name() {
        let scopes = store::scopes(tx, id).await?;
        must_cover_scopes(tx, owner, &scopes).await?;
    }
    if !store::update(tx, id, wanted.name.as_ref(), expires_at, wanted.networks.as_deref(), now).await? {
        return Err(Error::conflict("api_key_expired", "this API key has expired, and stays so; make another"));
    }
    let after = store::get(tx, owner, id, now).await?;
    if !wanted.is_only_a_name() {
        let content = Content::ApiKeyChanged { name: before.name.clone() };
        mail::queue(tx, identity, told, &content, None).await?;
    }
    let facts = |key: &ListedApiKey| {
        serde_json::json!({
            "name": key.name, "networks": key.networks, "expires_at": key.expires_at.unix_timestamp(),
        })
    };
    let mut event = Event::new(Action::ApiKeyChanged).about(owner).changed(facts(&before), facts(&after));
    if let Some(after) = &mut event.after {
        after["id"] = serde_json::json!(id);
    }
    tx.tell(event);
    Ok(after)
}
