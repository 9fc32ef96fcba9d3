//! A client is deleted, and all that it was given with it.

use super::change::find;
use super::{Client, Shown, store};
use crate::base::error::Result;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::gate::must_cover;
use crate::platform::http::{IfMatch, Tagged};

/// Deletes a client: its tokens, secrets and consents end, and what it held. Its identifier is never given again.
///
/// # Errors
/// 403 for a person who holds less of Portero's own than it does; 404 `client_not_found`; 412 where it is not as `if_match` says.
pub async fn remove(tx: &mut AuditedTx, client: &Client, if_match: Option<&IfMatch>) -> Result<Shown> {
    store::lock(tx, client.id).await?;
    let client = find(tx, &client.client_id).await?;
    if let Some(subject) = client.subject {
        must_cover(tx, &[subject]).await?;
    }
    let (id, service) = (client.id, client.service);
    let was = Tagged::whole(Shown::from(client))?;
    if let Some(if_match) = if_match {
        if_match.allows(&was.etag)?;
    }
    let now = tx.by().now;
    store::remove(tx, id, now).await?;
    tx.tell(Event::new(Action::ClientDeleted).within(service).before(&was.shown));
    Ok(was.shown)
}
