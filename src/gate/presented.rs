//! Whatever proves somebody to a backend: a session's token, or an access token.

use std::sync::Arc;

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::base::error::Result;
use crate::base::id::{PersonId, Ref, ServiceId, SessionId};
use crate::base::opaque::oauth::AccessTokenHash;
use crate::base::opaque::token::TokenHash;
use crate::gate::check::{Checked, CheckedAccess, check, check_access};
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
}

/// What a check says of either.
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
    /// The text of either; `None` when it can be neither.
    pub fn of(text: &str) -> Option<Self> {
        TokenHash::of(text).map(Self::Session).or_else(|| AccessTokenHash::of_any(text).map(Self::Access))
    }

    /// What a request came with.
    ///
    /// # Errors
    /// 401 for a dead key; 403 `service_key_not_allowed` for a live one.
    pub async fn by(gate: &Gate, credential: Credential) -> Result<Self> {
        match credential {
            Credential::Access(token) => Ok(Self::Access(token)),
            other => Ok(Self::Session(token_of_a_person(gate, other).await?)),
        }
    }

    /// Asks whether it is valid now, and what may be done with it in `service`, for a caller that hears of nothing else.
    ///
    /// # Errors
    /// 401 `invalid_token` or `expired_token`, also for a token that is bound to a key: nobody would look at the proof; 503.
    pub async fn check(self, gate: &Gate, service: Option<Ref<ServiceId>>) -> Result<Passed> {
        let passed = self.check_telling_key(gate, service).await?;
        if passed.cnf.is_some() { Err(credential::bound_to_a_key()) } else { Ok(passed) }
    }

    /// Asks whether it is valid now, and what may be done with it in `service`, for a caller that hears of the key that it is
    /// bound to, and checks the proof.
    ///
    /// # Errors
    /// 401 `invalid_token` or `expired_token`; 503.
    pub async fn check_telling_key(self, gate: &Gate, service: Option<Ref<ServiceId>>) -> Result<Passed> {
        match self {
            Self::Session(token) => Ok(Passed::of_session(token, check(gate, token, service).await?)),
            Self::Access(token) => Ok(Passed::of_access(token, check_access(gate, token, service).await?)),
        }
    }
}

impl Passed {
    /// Of a session.
    pub fn of_session(token: TokenHash, Checked { session, expires_at, renewed, rights }: Checked) -> Self {
        let (person, payload) = (session.person, session.payload);
        Self { id: token.session_id(), person, payload, expires_at, renewed, cnf: None, rights }
    }

    /// Of an access token.
    pub fn of_access(hash: AccessTokenHash, CheckedAccess { token, rights }: CheckedAccess) -> Self {
        let (person, payload, expires_at) = (token.person, token.payload, token.expires_at);
        let cnf = token.jkt.map(|jkt| Confirmation { jkt });
        Self { id: hash.session_id(), person, payload, expires_at, renewed: false, cnf, rights }
    }
}
