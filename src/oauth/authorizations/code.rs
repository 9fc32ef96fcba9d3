//! An authorization begins: with a code.

use sqlx::PgConnection;
use time::Duration;

use super::store::{self, New};
use super::{Browser, Grant, Request};
use crate::base::error::Result;
use crate::base::opaque::oauth::AuthorizationCode;
use crate::gate::audit::Origin;
use crate::oauth::OAuth;

/// A code is good for so long (RFC 6749 section 4.1.2 has ten minutes at most).
pub const LIFETIME: Duration = Duration::seconds(60);

/// Begins an authorization, and tells of it; `None` when the person, their session or the client has ended meanwhile.
pub async fn insert(
    oauth: &OAuth,
    conn: &mut PgConnection,
    request: &Request,
    (browser, grant): (&Browser, &Grant),
    origin: &Origin,
) -> Result<Option<AuthorizationCode>> {
    let now = oauth.clock.now();
    let code: AuthorizationCode = oauth.generate(now)?;
    let new = New {
        request,
        browser,
        grant,
        code: code.hash(),
        code_expires_at: now + LIFETIME,
        expires_at: now + oauth.sessions.families.absolute,
        now,
        origin,
    };
    Ok(store::insert(conn, &new).await?.then_some(code))
}
