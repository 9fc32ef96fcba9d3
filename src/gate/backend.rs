use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;

use crate::base::error::{Error, Result};
use crate::base::id::{KeyId, ServiceId};
use crate::base::opaque::service_key::KeyHash;
use crate::base::opaque::token::TokenHash;
use crate::gate::Gate;
use crate::gate::check::must_be_an_api_key;
use crate::gate::keys::CheckedKey;
use crate::platform::http::credential::{self, Credential};

/// A backend that came with a key of its service.
#[derive(Clone, Copy, Debug)]
pub struct Backend {
    /// Whose key it is.
    pub service: ServiceId,
    pub key: KeyId,
    hash: KeyHash,
    checked: CheckedKey,
}

impl Backend {
    /// The backend that a live key speaks for.
    pub async fn with(gate: &Gate, hash: KeyHash) -> Result<Self> {
        Ok(Self::of(crate::gate::keys::check(gate, hash).await?, hash))
    }

    /// The backend that the key with this hash, which was found to be live, speaks for.
    pub fn of(key: CheckedKey, hash: KeyHash) -> Self {
        Self { service: key.service, key: key.id, hash, checked: key }
    }

    /// Asks again whether the key is live.
    ///
    /// # Errors
    /// 401 `invalid_token` when it was revoked meanwhile.
    pub async fn check_again(&self, gate: &Gate) -> Result<()> {
        crate::gate::keys::check(gate, self.hash).await.map(|_| ())
    }

    /// Whether its key is over by now: what goes on for long asks again and again.
    pub fn is_over(&self, gate: &Gate) -> bool {
        self.checked.is_over(gate.clock.now())
    }

    /// Waits for the end of its key.
    pub async fn over(&self, gate: &Gate) {
        let Some(end) = self.checked.expires_at else { return std::future::pending().await };
        while !self.is_over(gate) {
            tokio::time::sleep((end - gate.clock.now()).unsigned_abs()).await;
        }
    }

    /// Refuses (403 `forbidden_service_lookup`) any service but the key's own, known or not.
    pub fn must_be_of(&self, service: Option<ServiceId>) -> Result<()> {
        if service == Some(self.service) {
            Ok(())
        } else {
            Err(Error::forbidden(
                "forbidden_service_lookup",
                "a service's key may ask about that service only; ask with a key of the other one",
            ))
        }
    }
}

impl<S> FromRequestParts<S> for Backend
where
    Gate: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let gate = &Gate::from_ref(state);
        match Credential::from_request_parts(parts, state).await? {
            Credential::Key(key) => Self::with(gate, key).await,
            Credential::Access(_) => Err(credential::access_token_not_taken()),
            Credential::ApiKey(key) => {
                must_be_an_api_key(gate, key).await?;
                Err(service_key_required())
            }
            Credential::Token(token) => {
                crate::gate::check::check(gate, token, None).await?;
                Err(service_key_required())
            }
        }
    }
}

fn service_key_required() -> Error {
    Error::forbidden(
        "service_key_required",
        "this is for backends: send a key of your service (`psk_…`), not a person's token",
    )
}

/// The token of the person who calls: what keys can't stand for.
///
/// # Errors
/// 401 for a dead key, and for an access token; 403 `service_key_not_allowed` or `api_key_not_allowed` for a live key.
pub async fn token_of_a_person(gate: &Gate, credential: Credential) -> Result<TokenHash> {
    match credential {
        Credential::Token(token) => Ok(token),
        Credential::Access(_) => Err(credential::access_token_not_taken()),
        Credential::ApiKey(key) => {
            must_be_an_api_key(gate, key).await?;
            Err(credential::api_key_not_allowed())
        }
        Credential::Key(key) => {
            crate::gate::keys::check(gate, key).await?;
            Err(Error::forbidden(
                "service_key_not_allowed",
                "this is for people: send a person's token. A service's key is for GET /changes, POST /check-tokens, \
                 /access/v1/…, /auth_policies, and of its own service for GET /people/{person}/services/{service} and \
                 /services/{service}/resources",
            ))
        }
    }
}
