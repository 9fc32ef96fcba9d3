//! What a client may be granted: never more than the person holds.

use sha2::{Digest, Sha256};

use crate::base::error::Result;
use crate::base::id::{PersonId, ServiceId};
use crate::gate::Effective;
use crate::oauth::OAuth;
use crate::oauth::audience::{Audience, Place};
use crate::oauth::authorizations::store::Service;
use crate::oauth::clients::{Client, GrantType};
use crate::oauth::scopes::{OFFLINE_ACCESS, permission_of};

/// What is granted, or would be if the person agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The scopes, in order.
    pub scopes: Vec<String>,
    /// Scopes of which single claims are asked for.
    pub claim_scopes: Vec<String>,
    /// The audience.
    pub services: Vec<Service>,
}

impl Grant {
    /// What `person` may grant a client at this moment that asks for these scopes in these services; `None` for whom the client
    /// does not let in.
    pub async fn of(
        oauth: &OAuth,
        client: &Client,
        (scopes, audience): (&[String], &[Service]),
        person: PersonId,
    ) -> Result<Option<Self>> {
        let mut asked: Vec<(PersonId, ServiceId)> = audience.iter().map(|service| (person, service.id)).collect();
        asked.push((person, client.service));
        let mut conn = oauth.db.read().await?;
        let mut held = oauth.rights.of_all(&mut conn, &asked, oauth.clock.now()).await?;
        let in_its_own = held.pop().unwrap_or_default();
        if !client.lets_in(&in_its_own) {
            return Ok(None);
        }
        let keeps = |scope: &str| scope != OFFLINE_ACCESS || client.may(GrantType::RefreshToken);
        let asked: Vec<String> = scopes.iter().filter(|scope| keeps(scope)).cloned().collect();
        Ok(Some(Self::new(&client.scopes, &asked, audience.iter().cloned().zip(held))))
    }

    /// Of what is asked for, what [`Audience::granted`] leaves of it for a client that may ask for `allowed`.
    fn new(allowed: &[String], asked: &[String], held: impl Iterator<Item = (Service, Effective)>) -> Self {
        let places = held.map(|(service, held)| {
            let (service, name) = (service.id, service.name.into());
            Place { service, name, held, is_narrowed: false }
        });
        let (audience, mut scopes) = Audience::at(places).granted(allowed, asked);
        let services = audience.places().iter();
        let services = services.map(|place| Service { id: place.service, name: place.name.as_ref().to_owned() });
        scopes.sort_unstable();
        scopes.dedup();
        Self { scopes, claim_scopes: Vec::new(), services: services.collect() }
    }

    /// Whether it outlives the session in which it is granted.
    pub fn outlives_the_session(&self) -> bool {
        self.scopes.iter().any(|scope| scope == OFFLINE_ACCESS)
    }

    /// The services in which the client may do all that the person may.
    pub fn whole_services(&self) -> impl Iterator<Item = &Service> {
        self.services.iter().filter(|service| !self.is_narrowed_in(service))
    }

    /// The others: where it may do only what the scopes name.
    pub fn narrowed_services(&self) -> impl Iterator<Item = &Service> {
        self.services.iter().filter(|service| self.is_narrowed_in(service))
    }

    fn is_narrowed_in(&self, service: &Service) -> bool {
        self.scopes.iter().any(|scope| permission_of(scope, &service.name).is_some())
    }

    /// What the person agrees to: the scopes, and `service:*` for all that they may do there.
    pub fn agreed(&self) -> Vec<String> {
        let mut agreed = [&self.scopes[..], &self.claim_scopes].concat();
        agreed.extend(self.whole_services().map(|service| format!("{}:*", service.name)));
        agreed.sort_unstable();
        agreed.dedup();
        agreed
    }

    /// What a page carries of that, however much it is: SHA-256, in hex.
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.agreed().join("\n")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(asked: &[&str], held: &[(i32, &str, &[&str])]) -> Grant {
        let asked: Vec<String> = asked.iter().map(|scope| (*scope).to_owned()).collect();
        let held = held.iter().map(|(id, name, permissions)| {
            let permissions = permissions.iter().map(|name| (*name).into()).collect();
            let service = Service { id: ServiceId(*id), name: (*name).to_owned() };
            (service, Effective { permissions, ..Effective::default() })
        });
        Grant::new(&[], &asked, held)
    }

    #[test]
    fn nothing_is_granted_that_is_not_held() {
        let granted = grant(&["Store:read", "Store:write", "openid"], &[(1, "Store", &["read", "pay"])]);
        assert_eq!(granted.scopes, ["Store:read", "openid"]);
        assert_eq!(granted.agreed(), ["Store:read", "openid"]);
    }

    #[test]
    fn whoever_holds_nothing_of_what_was_asked_for_in_a_service_grants_nothing_there() {
        let granted = grant(&["Store:write", "openid"], &[(1, "Store", &["read"]), (2, "Wiki", &["read"])]);
        assert_eq!(granted.scopes, ["openid"]);
        assert_eq!(granted.services.iter().map(|service| service.id.0).collect::<Vec<_>>(), [2]);
        assert_eq!(granted.agreed(), ["Wiki:*", "openid"]);
    }

    #[test]
    fn what_belongs_to_no_service_of_the_audience_is_not_granted() {
        let granted = grant(&["Store:read", "Other:read"], &[(1, "Store", &["read"])]);
        assert_eq!(granted.scopes, ["Store:read"]);
    }
}
