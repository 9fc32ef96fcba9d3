//! Whatever proves somebody to a backend: a session's token, an access token, or an API key.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::base::error::Result;
use crate::base::id::{ApiKeyId, PersonId, Ref, ServiceId, SessionId};
use crate::base::opaque::api_key::ApiKeyHash;
use crate::base::opaque::oauth::AccessTokenHash;
use crate::base::opaque::token::TokenHash;
use crate::gate::check::{Checked, CheckedAccess, CheckedApiKey, check, check_access, check_api_key};
use crate::gate::sessions::Payload;
use crate::gate::{Gate, Rights, token_of_a_person};
use crate::platform::http::credential::{self, Credential};

/// What was presented for somebody.
#[derive(Clone, Copy, Debug)]
pub enum Presented {
    /// The token of their session.
    Session(TokenHash),
    /// An access token that a client has for them, or for itself.
    Access(AccessTokenHash),
    /// One of their API keys.
    ApiKey(ApiKeyHash),
}

/// What a check says of any.
#[derive(Clone, Debug)]
pub struct Passed {
    /// What the change feed calls it when it ends.
    pub id: SessionId,
    /// Whose it is.
    pub person: PersonId,
    /// Likewise, as checks say it.
    pub payload: Arc<Payload>,
    /// When it ends unless it is renewed.
    pub expires_at: OffsetDateTime,
    /// Whether this very check renewed it.
    pub renewed: bool,
    /// The key that it is bound to (RFC 9449): who shows it must prove to have that.
    pub cnf: Option<Confirmation>,
    /// The API key that it is, if it is one.
    pub api_key: Option<ApiKeyId>,
    /// What may be done with it in the service that was asked about, if there is one.
    pub rights: Option<Rights>,
}

/// The key that a token is bound to (RFC 7800 section 3.1).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Confirmation {
    /// Its thumbprint (RFC 9449 section 6.1).
    #[schema(value_type = String, example = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")]
    pub jkt: Arc<str>,
}

impl Presented {
    /// The text of one; `None` when it can be none.
    pub fn of(text: &str) -> Option<Self> {
        TokenHash::of(text)
            .map(Self::Session)
            .or_else(|| AccessTokenHash::of_any(text).map(Self::Access))
            .or_else(|| ApiKeyHash::of(text).map(Self::ApiKey))
    }

    /// What a request came with.
    ///
    /// # Errors
    /// 401 for a dead key; 403 `service_key_not_allowed` for a live one.
    pub async fn by(gate: &Gate, credential: Credential) -> Result<Self> {
        match credential {
            Credential::Access(token) => Ok(Self::Access(token)),
            Credential::ApiKey(key) => Ok(Self::ApiKey(key)),
            Credential::Token(token) => Ok(Self::Session(token)),
            key @ Credential::Key(_) => Ok(Self::Session(Box::pin(token_of_a_person(gate, key)).await?)),
        }
    }

    /// Asks whether it is valid now, shown from `from`, and what may be done with it in `service`, for a caller that hears of
    /// nothing else.
    ///
    /// # Errors
    /// 401 `invalid_token` or `expired_token`, also for a token that is bound to a key: nobody would look at the proof; 503.
    pub async fn check(self, gate: &Gate, service: Option<Ref<ServiceId>>, from: Option<IpAddr>) -> Result<Passed> {
        let passed = self.check_telling_key(gate, service, from).await?;
        if passed.cnf.is_some() { Err(credential::bound_to_a_key()) } else { Ok(passed) }
    }

    /// Asks whether it is valid now, shown from `from` if that is known, and what may be done with it in `service`, for a caller
    /// that hears of the key that it is bound to, and checks the proof.
    ///
    /// # Errors
    /// 401 `invalid_token` or `expired_token`; 503.
    pub async fn check_telling_key(
        self,
        gate: &Gate,
        service: Option<Ref<ServiceId>>,
        from: Option<IpAddr>,
    ) -> Result<Passed> {
        // Boxed: who waits for this is copied into boxes of its own at each layer, and that costs more.
        match self {
            Self::Session(token) => Ok(Passed::of_session(token, Box::pin(check(gate, token, service)).await?)),
            Self::Access(token) => Ok(Passed::of_access(token, Box::pin(check_access(gate, token, service)).await?)),
            Self::ApiKey(key) => Ok(Passed::of_api_key(key, Box::pin(check_api_key(gate, key, service, from)).await?)),
        }
    }
}

impl Passed {
    /// Of a session.
    pub fn of_session(token: TokenHash, Checked { session, expires_at, renewed, rights }: Checked) -> Self {
        let (person, payload) = (session.person, session.payload);
        Self { id: token.session_id(), person, payload, expires_at, renewed, cnf: None, api_key: None, rights }
    }

    /// Of an API key.
    pub fn of_api_key(hash: ApiKeyHash, CheckedApiKey { key, rights }: CheckedApiKey) -> Self {
        let (person, payload, expires_at) = (key.person, key.payload, key.expires_at);
        let (id, api_key) = (hash.session_id(), Some(key.id));
        Self { id, person, payload, expires_at, renewed: false, cnf: None, api_key, rights }
    }

    /// Of an access token.
    pub fn of_access(hash: AccessTokenHash, CheckedAccess { token, rights }: CheckedAccess) -> Self {
        let (person, payload, expires_at) = (token.person, token.payload, token.expires_at);
        let cnf = token.jkt.map(|jkt| Confirmation { jkt });
        Self { id: hash.session_id(), person, payload, expires_at, renewed: false, cnf, api_key: None, rights }
    }
}
