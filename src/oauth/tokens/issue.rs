//! The one place where access tokens begin, many in one statement.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::store;
use crate::base::error::Result;
use crate::base::id::{AuthorizationId, ClientId, PersonId, ServiceId};
use crate::base::opaque::oauth::AccessTokenHash;
use crate::oauth::dpop::Thumbprint;
use crate::platform::database::BatchQuery;

/// An access token to be stored.
#[derive(Clone, Debug)]
pub struct NewAccessToken {
    /// Its digest.
    pub token: AccessTokenHash,
    /// What it hangs on; `None` where a client acts for itself.
    pub authorization: Option<AuthorizationId>,
    /// The client that it is for.
    pub client: ClientId,
    /// What that was like when this was prepared.
    pub client_version: i64,
    /// The subject.
    pub person: PersonId,
    /// What was granted.
    pub scopes: Vec<String>,
    /// The audience.
    pub services: Vec<ServiceId>,
    /// Those of them where only what the scopes name is allowed.
    pub narrowed: Vec<ServiceId>,
    /// The key that it is bound to (RFC 9449 section 6).
    pub jkt: Option<Thumbprint>,
    /// When it begins.
    pub issued_at: OffsetDateTime,
    /// When it is over.
    pub expires_at: OffsetDateTime,
}

/// Whether this token is good from now on: not when its client has changed or its client or its subject has ended meanwhile.
#[derive(Debug)]
pub struct Issues;

impl BatchQuery for Issues {
    const NAME: &'static str = "access tokens";
    type Ask = NewAccessToken;
    type Answer = bool;

    async fn ask(&self, conn: &mut PgConnection, asked: &[NewAccessToken]) -> Result<Vec<bool>> {
        store::insert_all(conn, asked).await
    }
}

/// Stores one, in the transaction of what it comes of; answers whether it is good.
pub async fn issue(conn: &mut PgConnection, new: NewAccessToken) -> Result<bool> {
    Ok(store::insert_all(conn, &[new]).await?.contains(&true))
}
