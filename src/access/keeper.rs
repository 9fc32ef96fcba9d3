//! Who keeps what a service has told of: a backend of its own service, or whoever holds `P` there.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::access::Access;
use crate::base::error::{Error, Result};
use crate::base::id::{Ref, ServiceId};
use crate::gate::audit::{Actor, AuditedTx, By, Origin};
use crate::gate::permission::BuiltIn;
use crate::gate::store::services;
use crate::gate::{Backend, Can, Holds, LockScope, keys};
use crate::platform::http::credential::Credential;

/// As they say.
pub struct Keeper<P> {
    by: Caller<P>,
    origin: Origin,
}

enum Caller<P> {
    Backend(Backend),
    Person(Holds<P>),
}

/// The same, proved for one service.
pub enum Proof<P> {
    Backend(Backend, Origin),
    Person(Can<P>),
}

/// How the change takes the service: it must not take it once more otherwise.
#[derive(Clone, Copy, Debug)]
pub enum ServiceLock {
    /// Shared.
    Hold,
    /// Exclusive.
    Lock,
}

impl<P: BuiltIn> FromRequestParts<Access> for Keeper<P> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, access: &Access) -> Result<Self> {
        let Ok(origin) = Origin::from_request_parts(parts, access).await;
        let by = match Credential::from_request_parts(parts, access).await? {
            Credential::Key(key) => Caller::Backend(Backend::with(access, key).await?),
            _ => Caller::Person(Holds::from_request_parts(parts, access).await?),
        };
        Ok(Self { by, origin })
    }
}

impl<P: BuiltIn> Keeper<P> {
    /// The service that a request names, or a key's own, and the proof for it.
    ///
    /// # Errors
    /// 400 `invalid_query` where a person names none; otherwise as of [`Self::of`].
    pub async fn of_own_or(self, access: &Access, service: Option<&Ref<ServiceId>>) -> Result<(ServiceId, Proof<P>)> {
        match (self.by, service) {
            (Caller::Backend(backend), None) => Ok((backend.service, Proof::Backend(backend, self.origin))),
            (Caller::Person(_), None) => Err(Error::bad_request(
                "invalid_query",
                "name the service that you mean: `?service=` with its id or name, or send a key of the service",
            )),
            (by, Some(named)) => Self { by, ..self }.of(access, named).await,
        }
    }

    /// The service that a request names, and the proof for it.
    ///
    /// # Errors
    /// 403 for another service than a key's own, known or not, and for one where `P` is not held; 404.
    pub async fn of(self, access: &Access, service: &Ref<ServiceId>) -> Result<(ServiceId, Proof<P>)> {
        let mut conn = access.db.read().await?;
        match self.by {
            Caller::Backend(backend) => {
                backend.must_be_of(services::find(&mut conn, service).await?)?;
                Ok((backend.service, Proof::Backend(backend, self.origin)))
            }
            Caller::Person(by) => {
                let (service, by) = by.resolve_within(&mut conn, service).await?;
                Ok((service, Proof::Person(by)))
            }
        }
    }
}

impl<P: BuiltIn> Proof<P> {
    /// Begins a change, and asks again whether the caller may make it. A backend's service is taken by `lock`.
    ///
    /// # Errors
    /// 401 for a key that was revoked meanwhile; 401, 403 as of [`Can::begin`].
    pub async fn begin(&self, access: &Access, lock: ServiceLock) -> Result<AuditedTx> {
        match self {
            Self::Person(by) => by.begin(access, LockScope::default()).await,
            Self::Backend(backend, origin) => {
                let now = access.clock.now();
                let mut tx = access.db.begin().await?;
                // Before its keys, as whoever removes it.
                match lock {
                    ServiceLock::Hold => services::hold(&mut tx, backend.service).await?,
                    ServiceLock::Lock => services::lock(&mut tx, backend.service).await?,
                }
                keys::store::hold(&mut tx, backend.key).await?;
                Ok(AuditedTx::new(tx, By { actor: Actor::ServiceKey(backend.key), origin: origin.clone(), now }))
            }
        }
    }
}
