//! Who asks for decisions, as they say: a backend in its own service, or an administrator who names one.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Asking;
use crate::access::Access;
use crate::base::error::{Error, Result};
use crate::base::id::{Ref, ServiceId};
use crate::base::opaque::service_key::KeyHash;
use crate::gate::permission::ReadGrants;
use crate::gate::{Holds, Principal};
use crate::platform::http::credential::{self, Credential};
use crate::platform::http::query;

/// Which service to ask about.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OfService {
    /// The service: id or name. A service key asks about its own service, whatever is left out here; everybody else names one.
    #[param(max_length = 100)]
    pub service: Option<String>,
}

impl OfService {
    /// What a query says.
    ///
    /// # Errors
    /// 400 `invalid_query`.
    pub fn read(parts: &Parts) -> Result<Option<Ref<ServiceId>>> {
        Ok(query::<Self>(parts)?.service.filter(|service| !service.is_empty()).map(|service| Ref::parse(&service)))
    }
}

/// Who asks, as they say.
#[derive(Debug)]
pub struct Asker {
    by: By,
    service: Result<Option<Ref<ServiceId>>>,
}

#[derive(Debug)]
enum By {
    /// A backend. Its key is looked up together with what it asks.
    Key(KeyHash),
    /// Somebody who may see what people hold, somewhere.
    Person(Holds<ReadGrants>),
}

impl FromRequestParts<Access> for Asker {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, access: &Access) -> Result<Self> {
        let service = OfService::read(parts);
        let by = match Credential::from_request_parts(parts, access).await? {
            Credential::Key(key) => By::Key(key),
            Credential::Access(_) => return Err(credential::access_token_not_taken()),
            Credential::Token(_) | Credential::ApiKey(_) => {
                let caller = Principal::from_request_parts(parts, access).await?;
                By::Person(Holds::of(access, &caller).await?.somewhere()?)
            }
        };
        Ok(Self { by, service })
    }
}

impl Asker {
    /// Where they ask.
    ///
    /// # Errors
    /// 400 `invalid_query` where a person names no service; 403, 404 as everywhere.
    pub async fn begin(self, access: &Access) -> Result<Asking> {
        match (self.by, self.service) {
            (By::Key(key), service) => match service {
                Ok(named) => Ok(Asking::of_key(key, named)),
                Err(fault) => Asking::of_key(key, None).or_rather(access, fault).await,
            },
            (By::Person(by), service) => {
                let service = service?.ok_or_else(|| {
                    Error::bad_request(
                        "invalid_query",
                        "name the service that you ask about: `?service=` with its id or name",
                    )
                })?;
                let actor = by.acting();
                let (service, _) = by.resolve_within(&mut *access.db.read().await?, &service).await?;
                Ok(Asking::of_person(service, actor))
            }
        }
    }

    /// Where they ask, and what was read of the rest of the request. Where that is wrong it is refused, unless who asks is to be refused first.
    ///
    /// # Errors
    /// As of [`Asker::begin`].
    pub async fn begin_with<T>(self, access: &Access, read: Result<T>) -> Result<(Asking, T)> {
        match read {
            Ok(read) => Ok((self.begin(access).await?, read)),
            Err(fault) => self.refuse(access, fault).await,
        }
    }

    async fn refuse<T>(self, access: &Access, fault: Error) -> Result<T> {
        if let (By::Person(_), Ok(None)) = (&self.by, &self.service) {
            return Err(fault);
        }
        let asking = self.begin(access).await?;
        asking.or_rather(access, fault).await
    }
}
