//! Is this token valid now? The one place that says so.

use time::OffsetDateTime;

use super::{Session, State, TokenHash, store};
use crate::app::App;
use crate::error::Result;
use crate::http::credential;

/// A valid session.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The session.
    pub session: Session,
    /// When it ends unless it is renewed.
    pub expires_at: OffsetDateTime,
    /// Whether this very check renewed it.
    pub renewed: bool,
}

/// Asks Postgres whether `token` is valid now, and renews it when that is due.
///
/// # Errors
/// 401 `invalid_token` or `expired_token`.
pub async fn check(app: &App, token: TokenHash) -> Result<Checked> {
    let mut conn = app.db.acquire().await?;
    loop {
        let now = app.clock.now();
        let session = store::find(&mut conn, token).await?.ok_or_else(credential::invalid)?;
        let lifetime = app.config.lifetime;
        let expires_at = lifetime.expires_at(session.created_at, session.modified_at);
        match lifetime.state(session.created_at, session.modified_at, now) {
            State::Expired => return Err(credential::expired()),
            State::Live => return Ok(Checked { session, expires_at, renewed: false }),
            State::Due => {
                if store::renew(&mut conn, token, session.modified_at, now).await? {
                    let expires_at = lifetime.expires_at(session.created_at, now);
                    return Ok(Checked { session, expires_at, renewed: true });
                }
                // Somebody else renewed or ended it between our read and our write: look again. Each turn of this
                // loop is another caller's success, so it ends.
                tokio::task::yield_now().await;
            }
        }
    }
}
