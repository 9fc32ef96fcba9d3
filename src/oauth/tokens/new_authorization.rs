use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Authorization, Login, store};
use crate::base::error::Result;
use crate::base::id::{AuthorizationId, ClientId, PersonId, ServiceId};
use crate::base::opaque::oauth::AccessTokenHash;
use crate::base::opaque::token::TokenHash;
use crate::oauth::dpop::Thumbprint;

/// What an authorization comes of, and ends with.
#[derive(Clone, Copy, Debug)]
pub enum Tie {
    /// A session, unless the authorization is to outlive that (`offline_access`).
    Session(TokenHash),
    /// An access token.
    Token(AccessTokenHash),
}

impl Tie {
    /// What ID tokens call the session.
    pub fn sid(&self) -> Option<String> {
        match self {
            Self::Session(session) => Some(session.session_id().as_str().to_owned()),
            Self::Token(_) => None,
        }
    }
}

/// An authorization that begins without a code.
#[derive(Clone, Copy, Debug)]
pub struct NewAuthorization<'a> {
    /// Which client.
    pub client: ClientId,
    /// What that was like when this was prepared.
    pub client_version: i64,
    /// Who lets it, or whom it is exchanged for.
    pub person: PersonId,
    /// What it comes of.
    pub tie: Tie,
    /// What is granted.
    pub scopes: &'a [String],
    /// The audience.
    pub services: &'a [ServiceId],
    /// Those of these services where only what the scopes name is allowed.
    pub narrowed: &'a [ServiceId],
    /// When they logged in.
    pub auth_time: OffsetDateTime,
    /// How strong that was.
    pub acr: &'a str,
    /// And by what.
    pub amr: &'a [String],
    /// Who acts for the subject.
    pub act: Option<&'a Value>,
    /// The key that its refresh tokens are bound to.
    pub jkt: Option<&'a Thumbprint>,
    /// Now.
    pub now: OffsetDateTime,
    /// When it is over unless it is refreshed.
    pub expires_at: OffsetDateTime,
    /// When all of it is over, however often it is refreshed.
    pub ends_at: OffsetDateTime,
}

impl NewAuthorization<'_> {
    /// Begins it, unless the client has changed, or the person, the client or what it comes of has ended: whoever ends one of them waits for this, and ends
    /// it, too.
    ///
    /// # Errors
    /// When Postgres can't be asked.
    pub async fn begin(&self, conn: &mut PgConnection) -> Result<Option<AuthorizationId>> {
        store::authorizations::begin(conn, self).await
    }

    /// As it will be, for what is signed before it begins.
    pub fn expected(&self) -> Authorization {
        // Who begins it has its row.
        let id = AuthorizationId(0);
        let login = Login {
            authorization: id,
            auth_time: self.auth_time,
            acr: self.acr.to_owned(),
            amr: self.amr.to_vec(),
            act: self.act.cloned(),
            expires_at: self.ends_at,
        };
        Authorization {
            id,
            client: self.client,
            person: self.person,
            sid: self.tie.sid(),
            scopes: self.scopes.to_vec(),
            services: self.services.to_vec(),
            narrowed: self.narrowed.to_vec(),
            nonce: None,
            claims: None,
            login,
            redirect_uri: None,
            code_challenge: None,
            jkt: None,
            code_expires_at: None,
            refreshed_at: self.now,
        }
    }
}
