//! A client gets a logo, or loses it.

use serde_json::json;

use super::{Picture, store};
use crate::base::error::{Error, Result};
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::oauth::clients::{self, Client, change};

/// Gives a client a logo in the place of the one before it; answers what pages call it.
///
/// # Errors
/// 404 `client_not_found`; 409 `built_in`.
pub async fn set_logo(tx: &mut AuditedTx, client: &Client, picture: &Picture) -> Result<String> {
    change::must_not_be_built_in(client)?;
    clients::store::lock(tx, client.id).await?;
    let before = store::digest(tx, client.id).await?;
    let now = tx.by().now;
    let digest = store::set(tx, client.id, picture, now).await?;
    tell(tx, client, before.as_deref(), Some(&digest));
    Ok(digest)
}

/// Takes it.
///
/// # Errors
/// 404 `client_not_found`, `logo_not_found`; 409 `built_in`.
pub async fn remove_logo(tx: &mut AuditedTx, client: &Client) -> Result<()> {
    change::must_not_be_built_in(client)?;
    clients::store::lock(tx, client.id).await?;
    let absent = || Error::not_found("logo_not_found", "this client has no logo");
    let before = store::remove(tx, client.id).await?.ok_or_else(absent)?;
    tell(tx, client, Some(&before), None);
    Ok(())
}

fn tell(tx: &mut AuditedTx, client: &Client, before: Option<&str>, after: Option<&str>) {
    if before == after {
        return;
    }
    let of = |logo: Option<&str>| json!({"client_id": client.client_id, "logo": logo});
    tx.tell(Event::new(Action::ClientChanged).within(client.service).before(of(before)).after(of(after)));
}
