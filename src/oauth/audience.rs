//! The services that a token is for (RFC 9068 section 3), and what its subject holds there.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::error::{Error, Result};
use super::issuer::Issuer;
use crate::base::id::ServiceId;
use crate::gate::access_tokens::scope;
use crate::gate::{Effective, Vocabulary};

/// How a request names a service by its name.
const URN: &str = "urn:portero:service:";

/// What an address can't hold as it is (RFC 3986 section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whether a request may call a service so (RFC 8707 section 2): `<issuer>/services/<id>`, or `urn:portero:service:<name>`, the
/// name percent-encoded or as it is.
pub fn is_called(resource: &str, issuer: &Issuer, (id, name): (ServiceId, &str)) -> bool {
    let by_name = |called: &str| called == name || called == utf8_percent_encode(name, RESERVED).to_string();
    resource.strip_prefix(URN).is_some_and(by_name) || resource == issuer.at(&format!("/services/{id}"))
}

/// What to say where a request names a service by `parameter` that is not one of these.
pub fn not_among<'a>(parameter: &str, named: &str, services: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<String> =
        services.take(20).map(|name| format!("{URN}{}", utf8_percent_encode(name, RESERVED))).collect();
    let all = if all.is_empty() { "no service".to_owned() } else { all.join(", ") };
    format!("{parameter} `{named}` is not a service of this client; its tokens are for {all}")
}

/// A service of an audience.
#[derive(Clone, Debug)]
pub struct Place {
    /// Which.
    pub service: ServiceId,
    /// What it is called.
    pub name: Arc<str>,
    /// What the subject holds there.
    pub held: Effective,
    /// Whether only what scopes name is allowed there, also when none of them names anything any more.
    pub is_narrowed: bool,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Audience(Vec<Place>);

impl Audience {
    /// These services, and what is held in each. One that is gone meanwhile is left out.
    pub fn new(vocabulary: &Vocabulary, held: impl IntoIterator<Item = (ServiceId, Effective)>) -> Self {
        let places = held.into_iter().filter_map(|(service, held)| {
            let name = vocabulary.service_name(service)?;
            Some(Place { service, name, held, is_narrowed: false })
        });
        Self::at(places)
    }

    /// These.
    pub fn at(places: impl IntoIterator<Item = Place>) -> Self {
        Self(places.into_iter().collect())
    }

    /// The same, where only what scopes name is allowed in these services.
    #[must_use]
    pub fn narrowed_in(mut self, services: &[ServiceId]) -> Self {
        for place in &mut self.0 {
            place.is_narrowed |= services.contains(&place.service);
        }
        self
    }

    /// The services where a token of these scopes allows only what they name.
    pub fn narrowed_by(&self, scopes: &[String]) -> Vec<ServiceId> {
        let is_narrowed = |place: &&Place| place.is_narrowed || scope::of_service(&place.name, scopes).next().is_some();
        self.0.iter().filter(is_narrowed).map(|place| place.service).collect()
    }

    /// The services.
    pub fn services(&self) -> Vec<ServiceId> {
        self.0.iter().map(|place| place.service).collect()
    }

    /// Each of them.
    pub fn places(&self) -> &[Place] {
        &self.0
    }

    /// The claim `aud`: the names; one as it is. Without any, a token is for the issuer's own userinfo endpoint.
    pub fn claim(&self, issuer: &Issuer) -> Value {
        match self.0.as_slice() {
            [] => issuer.as_str().into(),
            [only] => (*only.name).into(),
            several => several.iter().map(|place| Value::from(&*place.name)).collect(),
        }
    }

    /// Only those that a request names (RFC 8707 section 2.2), `urn:portero:service:<name>` or `<issuer>/services/<id>`; all of
    /// them, if it names none.
    ///
    /// # Errors
    /// 400 `invalid_target` for one that is not among them.
    pub fn narrowed<'a>(&self, issuer: &Issuer, resources: impl Iterator<Item = &'a str>) -> Result<Self> {
        let mut chosen: Vec<Place> = Vec::new();
        for resource in resources {
            let place = self.0.iter().find(|place| is_called(resource, issuer, (place.service, &place.name)));
            let place = place.ok_or_else(|| {
                Error::invalid_target(not_among("resource", resource, self.0.iter().map(|place| &*place.name)))
            })?;
            if !chosen.iter().any(|known| known.service == place.service) {
                chosen.push(place.clone());
            }
        }
        Ok(if chosen.is_empty() { self.clone() } else { Self(chosen) })
    }

    /// What a token may be for, of `asked`: what is not of a service, and permissions that the subject holds. A service is left
    /// out where `basis`, all that might be asked for, has permissions and the token has none of them: without any it would
    /// allow all that is held there.
    pub fn granted(&self, basis: &[String], asked: &[String]) -> (Self, Vec<String>) {
        let (mut places, mut of_services) = (Vec::new(), Vec::new());
        for place in &self.0 {
            let held: Vec<&String> = scope::held(&place.held, &place.name, asked).collect();
            let mut named = scope::of_service(&place.name, basis).chain(scope::of_service(&place.name, asked));
            let is_whole = !place.is_narrowed && named.next().is_none();
            if is_whole || !held.is_empty() {
                places.push(place.clone());
                of_services.extend(held);
            }
        }
        let may_have = |scope: &&String| !scope::is_of_a_service(scope) || of_services.contains(scope);
        let scopes = asked.iter().filter(may_have).cloned().collect();
        (Self(places), scopes)
    }

    /// Those of a token's scopes that are good for anything at this moment.
    pub fn good(&self, scopes: &[String]) -> Vec<String> {
        self.granted(&[], scopes).1
    }

    /// What may be done in each with a token of these scopes, where that is anything.
    pub fn usable(&self, scopes: &[String]) -> Vec<(Arc<str>, Effective)> {
        let usable = self.0.iter().map(|place| {
            let left = scope::narrowed(&place.held, &place.name, scopes, place.is_narrowed);
            let held = left.unwrap_or_else(|| place.held.clone());
            (Arc::clone(&place.name), held)
        });
        usable.filter(|(_, held)| !held.roles.is_empty() || !held.permissions.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audience() -> Audience {
        let place = |service, name: &str, held: &[&str]| Place {
            service: ServiceId(service),
            name: name.into(),
            held: Effective { permissions: held.iter().map(|name| (*name).into()).collect(), ..Effective::default() },
            is_narrowed: false,
        };
        Audience(vec![place(4, "UI Store", &["read", "write"]), place(5, "Till", &[])])
    }

    #[test]
    fn a_resource_is_a_service_of_the_audience_by_name_or_by_id() {
        let issuer = Issuer::read("https://id.example.com").expect("an issuer");
        let narrowed = |resources: &[&str]| {
            let narrowed = audience().narrowed(&issuer, resources.iter().copied());
            narrowed.map(|audience| audience.services()).map_err(|error| error.code)
        };
        assert_eq!(narrowed(&[]), Ok(vec![ServiceId(4), ServiceId(5)]));
        let (name, id) = ("urn:portero:service:UI Store", "https://id.example.com/services/4");
        assert_eq!(narrowed(&[name]), Ok(vec![ServiceId(4)]));
        assert_eq!(narrowed(&[id, name]), Ok(vec![ServiceId(4)]));
        assert_eq!(narrowed(&["urn:portero:service:UI%20Store"]), Ok(vec![ServiceId(4)]), "as an address has it");
        for other in
            ["UI Store", "urn:portero:service:Other", "https://id.example.com/services/6", "https://x/services/4"]
        {
            assert_eq!(narrowed(&[id, other]), Err("invalid_target"), "{other}");
        }
    }

    fn all(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn nobody_is_granted_a_permission_that_they_do_not_hold() {
        let asked = all(&["openid", "UI Store:read", "UI Store:pay", "Till:read", "Other:read"]);
        let (audience, scopes) = audience().granted(&asked, &asked);
        assert_eq!(scopes, ["openid", "UI Store:read"]);
        assert_eq!(audience.services(), [ServiceId(4)], "where nothing is granted, nothing is allowed");
    }

    #[test]
    fn where_it_was_narrowed_by_a_name_that_is_gone_nothing_is_granted() {
        let asked = all(&["openid", "Store of before:read"]);
        let audience = audience().narrowed_in(&[ServiceId(4)]);
        let (granted, scopes) = audience.granted(&asked, &asked);
        assert_eq!((granted.services(), scopes), (vec![ServiceId(5)], all(&["openid"])));
        assert!(audience.usable(&asked).is_empty());
        assert_eq!(audience.narrowed_by(&all(&["Till:read"])), [ServiceId(4), ServiceId(5)]);
    }

    #[test]
    fn whoever_asks_for_less_gets_no_more() {
        let basis = all(&["openid", "UI Store:read"]);
        let (without, scopes) = audience().granted(&basis, &all(&["openid"]));
        assert_eq!((without.services(), scopes), (vec![ServiceId(5)], all(&["openid"])));
        let (whole, _) = audience().granted(&all(&["openid"]), &all(&["openid"]));
        assert_eq!(whole.services(), [ServiceId(4), ServiceId(5)]);
    }
}
