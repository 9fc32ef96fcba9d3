use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use time::OffsetDateTime;

use super::Caller;
use crate::base::error::{Error, Result};
use crate::base::id::{ApiKeyId, PersonId, Ref, SessionId};
use crate::base::opaque::token::TokenHash;
use crate::base::person::Person;
use crate::gate::Gate;
use crate::gate::audit::Origin;
use crate::gate::check::check_api_key;
use crate::gate::effective::Acting;
use crate::gate::sessions::Payload;
use crate::platform::http::credential::Credential;

/// What somebody acts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// The token of their session.
    Session(TokenHash),
    /// One of their API keys, which may be used for no more than its scopes.
    ApiKey(ApiKeyId),
}

/// Somebody who came with the token of a session or with an API key: enough for what does not depend on being logged in. Where it
/// does, a handler asks for a [`Caller`].
#[derive(Debug)]
pub struct Principal {
    pub person: PersonId,
    pub means: Means,
    pub payload: Arc<Payload>,
    /// When what they came with ends, unless it is renewed.
    pub expires_at: OffsetDateTime,
    /// Whether this very request renewed it.
    pub renewed: bool,
    /// What the change feed calls it when it ends.
    pub id: SessionId,
    pub origin: Origin,
}

impl Principal {
    /// Who they are, to be asked what they hold.
    pub fn acting(&self) -> Acting {
        self.means.of(self.person)
    }

    /// Whether it is they themselves whom a request names, logged in: a key opens nothing of its owner's own.
    pub fn is_oneself(&self, named: &Ref<PersonId>) -> bool {
        let Payload { username, name, .. } = &*self.payload;
        let oneself = Person { id: self.person, username: username.clone(), name: name.clone() };
        self.means.session().is_some() && oneself.is(named)
    }
}

impl Means {
    /// Who acts by it.
    pub fn of(self, person: PersonId) -> Acting {
        Acting { person, key: self.api_key() }
    }

    /// The session, if it is one.
    pub fn session(self) -> Option<TokenHash> {
        match self {
            Self::Session(token) => Some(token),
            Self::ApiKey(_) => None,
        }
    }

    /// The key, if it is one.
    pub fn api_key(self) -> Option<ApiKeyId> {
        match self {
            Self::Session(_) => None,
            Self::ApiKey(key) => Some(key),
        }
    }
}

impl From<Caller> for Principal {
    fn from(Caller { person, token, checked, origin }: Caller) -> Self {
        Self {
            person,
            means: Means::Session(token),
            payload: checked.session.payload,
            expires_at: checked.expires_at,
            renewed: checked.renewed,
            id: token.session_id(),
            origin,
        }
    }
}

impl<S> FromRequestParts<S> for Principal
where
    Gate: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let gate = &Gate::from_ref(state);
        let Credential::ApiKey(hash) = Credential::from_request_parts(parts, state).await? else {
            return Caller::from_request_parts(parts, state).await.map(Self::from);
        };
        let Ok(origin) = Origin::from_request_parts(parts, gate).await;
        let key = check_api_key(gate, hash, None, origin.address).await?.key;
        Ok(Self {
            person: key.person,
            means: Means::ApiKey(key.id),
            payload: key.payload,
            expires_at: key.expires_at,
            renewed: false,
            id: hash.session_id(),
            origin: Origin { api_key: Some(key.id), ..origin },
        })
    }
}
