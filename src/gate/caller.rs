use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;

use super::{store, token_of_a_person};
use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::base::opaque::token::TokenHash;
use crate::gate::Gate;
use crate::gate::audit::{Actor, AuditedTx, By, Origin};
use crate::gate::check::Checked;
use crate::gate::sessions;
use crate::platform::http::credential::{self, Credential};

/// Somebody whose token is valid: enough for what anyone logged in may do.
#[derive(Debug)]
pub struct Caller {
    pub person: PersonId,
    pub token: TokenHash,
    /// What the check of it said.
    pub checked: Checked,
    pub origin: Origin,
}

impl Caller {
    /// Begins a change of what is the caller's own.
    ///
    /// # Errors
    /// 401 `invalid_token` when their session has ended since the request came.
    pub async fn begin(&self, gate: &Gate) -> Result<AuditedTx> {
        self.begin_about(gate, &[]).await
    }

    /// The same of a change that is also about `others`, people by id.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn begin_about(&self, gate: &Gate, others: &[PersonId]) -> Result<AuditedTx> {
        let mut tx = gate.db.begin().await?;
        let people: Vec<PersonId> = others.iter().copied().chain([self.person]).collect();
        store::people::lock_all(&mut tx, &people).await?;
        if !sessions::store::stands(&mut tx, self.token).await? {
            return Err(credential::invalid());
        }
        Ok(AuditedTx::new(tx, self.by(gate)))
    }

    /// The caller, as the audit trail tells of them.
    pub fn by(&self, gate: &Gate) -> By {
        By { actor: Actor::Person(self.person), origin: self.origin.clone(), now: gate.clock.now() }
    }
}

impl<S> FromRequestParts<S> for Caller
where
    Gate: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let gate = &Gate::from_ref(state);
        let credential = Credential::from_request_parts(parts, state).await?;
        let token = token_of_a_person(gate, credential).await?;
        let checked = crate::gate::check::check(gate, token, None).await?;
        let Ok(origin) = Origin::from_request_parts(parts, gate).await;
        Ok(Self { person: checked.session.person, token, checked, origin })
    }
}
