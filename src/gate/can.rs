use std::marker::PhantomData;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::permission::BuiltIn;
use super::{Acting, Means, Principal, api_keys, effective, store};
use crate::base::error::{Error, Result};
use crate::base::id::{PersonId, Ref, ServiceId};
use crate::gate::Gate;
use crate::gate::audit::Origin;
use crate::platform::http::credential;

/// Proof that the caller holds `P`: as a handler's parameter in Portero itself, which means everywhere, so that the
/// handler can't run for anyone else; from [`Holds::within`] in one service.
#[derive(Debug)]
pub struct Can<P> {
    pub actor: PersonId,
    pub means: Means,
    pub origin: Origin,
    /// Whether they hold it in Portero itself. Who does not, hears of nobody who holds nothing in their service.
    pub everywhere: bool,
    /// Where they hold it.
    pub(super) service: ServiceId,
    permission: PhantomData<P>,
}

/// Proof that the caller holds `P` somewhere. Whether it holds in the service at hand is for [`Holds::within`] to say.
#[derive(Debug)]
pub struct Holds<P> {
    pub actor: PersonId,
    means: Means,
    origin: Origin,
    services: Vec<ServiceId>,
    permission: PhantomData<P>,
}

impl<P: BuiltIn> Holds<P> {
    /// Where `caller` holds `P`, also when that is nowhere.
    pub async fn of(gate: &Gate, caller: &Principal) -> Result<Self> {
        let mut conn = gate.db.read().await?;
        let now = gate.clock.now();
        let services = effective::store::services_where(&mut conn, caller.acting(), P::ID, Some(now)).await?;
        // A key that was revoked since it was checked holds nothing: it is dead, and not merely too weak.
        if services.is_empty() && !api_keys::store::stands(&mut conn, caller.acting(), now).await? {
            return Err(credential::invalid_api_key());
        }
        let origin = caller.origin.clone();
        Ok(Self { actor: caller.person, means: caller.means, origin, services, permission: PhantomData })
    }

    /// Proof for `service`: held there, or everywhere.
    pub fn within(self, service: ServiceId) -> Result<Can<P>> {
        let everywhere = self.services.contains(&ServiceId::PORTERO);
        if everywhere || self.services.contains(&service) {
            let Self { actor, means, origin, .. } = self;
            Ok(Can { actor, means, origin, everywhere, service, permission: PhantomData })
        } else {
            Err(lacks::<P>())
        }
    }

    /// The same, unless it is nowhere.
    pub fn somewhere(self) -> Result<Self> {
        if self.services.is_empty() { Err(lacks::<P>()) } else { Ok(self) }
    }

    /// The service that a caller named, and proof for it. Here only who holds `P` everywhere hears which services there are. It
    /// is no secret, though: whoever is logged in hears it from `POST /check-token`, which backends ask with a person's token.
    pub async fn resolve_within(
        self,
        conn: &mut PgConnection,
        service: &Ref<ServiceId>,
    ) -> Result<(ServiceId, Can<P>)> {
        let everywhere = self.services.contains(&ServiceId::PORTERO);
        match store::services::find(conn, service).await? {
            Some(service) => Ok((service, self.within(service)?)),
            None if everywhere => Err(service.absent()),
            None => Err(lacks::<P>()),
        }
    }

    /// Who acts, to be asked what else they hold.
    pub fn acting(&self) -> Acting {
        self.means.of(self.actor)
    }

    /// Where `P` is held; `None` is everywhere.
    pub fn places(&self) -> Option<&[ServiceId]> {
        (!self.services.contains(&ServiceId::PORTERO)).then_some(&self.services)
    }

    /// Proof for everywhere.
    pub fn everywhere(self) -> Result<Can<P>> {
        self.within(ServiceId::PORTERO)
    }
}

impl<P: BuiltIn> Can<P> {
    /// Whether they hold `Q` everywhere, too.
    pub async fn also_holds<Q: BuiltIn>(&self, conn: &mut PgConnection, now: OffsetDateTime) -> Result<bool> {
        let services = effective::store::services_where(conn, self.means.of(self.actor), Q::ID, Some(now)).await?;
        Ok(services.contains(&ServiceId::PORTERO))
    }

    /// Refuses (403 `api_key_not_allowed`) who acts by an API key.
    pub fn must_be_logged_in(&self) -> Result<()> {
        self.means.session().map(|_| ()).ok_or_else(credential::api_key_not_allowed)
    }
}

impl<P: BuiltIn, S> FromRequestParts<S> for Can<P>
where
    Gate: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let gate = &Gate::from_ref(state);
        let caller = Principal::from_request_parts(parts, state).await?;
        Holds::of(gate, &caller).await?.everywhere()
    }
}

impl<P: BuiltIn, S> FromRequestParts<S> for Holds<P>
where
    Gate: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let gate = &Gate::from_ref(state);
        let caller = Principal::from_request_parts(parts, state).await?;
        Self::of(gate, &caller).await?.somewhere()
    }
}

pub(super) fn lacks<P: BuiltIn>() -> Error {
    Error::forbidden(
        "insufficient_permissions",
        format!("this needs the permission `{}`; ask an administrator of Portero or of the service", P::NAME),
    )
    .with("permission", P::NAME)
}
