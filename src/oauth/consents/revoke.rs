//! A person takes back what an application may do for them.

use serde_json::json;

use super::store;
use crate::base::error::{Error, Result};
use crate::gate::Caller;
use crate::gate::audit::{Action, Event};
use crate::oauth::OAuth;

/// Ends all that the application may do for the caller, and tells of it.
///
/// # Errors
/// 404 `application_not_found`.
pub async fn revoke(oauth: &OAuth, caller: &Caller, client_id: &str) -> Result<()> {
    let absent = || Error::not_found("application_not_found", "no application that may act for you is called so");
    if client_id.contains('\0') {
        return Err(absent());
    }
    let mut tx = caller.begin(oauth).await?;
    let ended = store::revoke(&mut tx, caller.person, client_id).await?.ok_or_else(absent)?;
    let revoked = json!({"client_id": client_id, "authorizations": ended});
    tx.commit([Event::new(Action::ConsentRevoked).about(caller.person).before(revoked)]).await
}
