//! An authorization begins: with a code.

use serde_json::json;
use time::Duration;

use super::store::{self, New};
use super::{Browser, Grant, Request};
use crate::base::error::Result;
use crate::base::opaque::oauth::AuthorizationCode;
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::oauth::OAuth;

/// A code is good for so long (RFC 6749 section 4.1.2 has ten minutes at most).
pub const LIFETIME: Duration = Duration::seconds(60);

/// Begins an authorization, and tells of it; `None` when the client has changed, the person, their session or the client has ended, or
/// they have taken back meanwhile what they must have `agreed` to.
pub async fn insert(
    oauth: &OAuth,
    tx: &mut AuditedTx,
    request: &Request,
    (browser, grant, agreed): (&Browser, &Grant, Option<&[String]>),
) -> Result<Option<AuthorizationCode>> {
    let now = tx.by().now;
    let code: AuthorizationCode = oauth.generate(now)?;
    let new = New {
        request,
        browser,
        grant,
        agreed,
        code: code.hash(),
        code_expires_at: now + LIFETIME,
        ends_at: now + oauth.sessions.families.absolute,
        now,
    };
    if !store::insert(tx, &new).await? {
        return Ok(None);
    }
    let client = &request.client;
    let services: Vec<_> = grant.services.iter().map(|service| service.id).collect();
    let granted = json!({"client_id": client.client_id, "scopes": grant.scopes, "services": services});
    tx.tell(Event::new(Action::AuthorizationCreated).about(browser.person).within(client.service).after(granted));
    Ok(Some(code))
}
