use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::Action;
use crate::base::id::{ApiKeyId, KeyId, PersonId, ServiceId};
use crate::base::network::Network;
use crate::base::request_id;
use crate::platform::Platform;
use crate::platform::http::access_log::{ClientAddress, client_id, user_agent};
use crate::platform::http::client_ip::is_of_this_machine;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Somebody who is logged in, or was just let in.
    Person(PersonId),
    /// A backend.
    ServiceKey(KeyId),
    /// Whoever may run `portero` on the server's machine.
    CommandLine,
    /// Portero itself: a job, a start.
    System,
    /// A stranger.
    Anonymous,
}

impl Actor {
    /// What it is, and which, as they are stored.
    pub fn stored(self) -> (&'static str, Option<i32>) {
        match self {
            Self::Person(person) => ("person", Some(person.0)),
            Self::ServiceKey(key) => ("service-key", Some(key.0)),
            Self::CommandLine => ("command-line", None),
            Self::System => ("system", None),
            Self::Anonymous => ("anonymous", None),
        }
    }
}

/// Where a request came from; nothing of it where there was none.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The id under which the request is logged.
    pub request_id: Option<Arc<str>>,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// From `x-client-id`.
    pub client_id: Option<String>,
    /// From `User-Agent`.
    pub user_agent: Option<String>,
    /// Whether it came straight from a program on this machine.
    pub is_of_this_machine: bool,
    /// The API key by which the person acts who acts, if they act by one.
    pub api_key: Option<ApiKeyId>,
}

impl Origin {
    /// The network that it is in; our own where there was no request.
    pub fn network(&self) -> Network {
        Network::of(self.address.unwrap_or(IpAddr::from([127, 0, 0, 1])))
    }
}

impl<S> FromRequestParts<S> for Origin
where
    Platform: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, state).await?;
        let client_id = client_id(&parts.headers).map(str::to_owned);
        let user_agent = user_agent(&parts.headers).map(str::to_owned);
        let is_of_this_machine = is_of_this_machine(&parts.extensions, &parts.headers);
        Ok(Self {
            request_id: request_id::current(),
            address: Some(address),
            client_id,
            user_agent,
            is_of_this_machine,
            api_key: None,
        })
    }
}

/// Who acts, from where, when.
#[derive(Clone, Debug)]
pub struct By {
    pub actor: Actor,
    pub origin: Origin,
    pub now: OffsetDateTime,
}

impl By {
    /// The person who acts, if one does.
    pub fn person(&self) -> Option<PersonId> {
        match self.actor {
            Actor::Person(person) => Some(person),
            _ => None,
        }
    }
}

/// Something that was done. What it holds is kept for years: no secrets.
#[derive(Clone, Debug)]
pub struct Event {
    pub action: Action,
    pub subject: Option<PersonId>,
    pub service: Option<ServiceId>,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

impl Event {
    pub fn new(action: Action) -> Self {
        Self { action, subject: None, service: None, before: None, after: None }
    }

    /// To this person.
    #[must_use]
    pub fn about(self, subject: PersonId) -> Self {
        Self { subject: Some(subject), ..self }
    }

    /// In this service.
    #[must_use]
    pub fn within(self, service: ServiceId) -> Self {
        Self { service: Some(service), ..self }
    }

    #[must_use]
    pub fn before(self, what: impl Serialize) -> Self {
        Self { before: serde_json::to_value(what).ok(), ..self }
    }

    #[must_use]
    pub fn after(self, what: impl Serialize) -> Self {
        Self { after: serde_json::to_value(what).ok(), ..self }
    }

    /// What was there and what is there now, each without the members that are the same in both.
    #[must_use]
    pub fn changed(self, before: impl Serialize, after: impl Serialize) -> Self {
        let mut event = self.before(before).after(after);
        if let (Some(Value::Object(before)), Some(Value::Object(after))) = (&mut event.before, &mut event.after) {
            let unchanged: Vec<String> = before
                .iter()
                .filter(|(name, value)| after.get(*name) == Some(value))
                .map(|(name, _)| name.clone())
                .collect();
            for name in unchanged {
                before.remove(&name);
                after.remove(&name);
            }
        }
        event
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_shows_what_has_changed_and_nothing_else() {
        let event = Event::new(Action::ServiceChanged)
            .changed(json!({"name": "A", "description": null}), json!({"name": "B", "description": null}));
        assert_eq!(event.before, Some(json!({"name": "A"})));
        assert_eq!(event.after, Some(json!({"name": "B"})));
    }

    #[test]
    fn every_action_is_found_by_its_name() {
        for action in Action::ALL {
            assert_eq!(action.as_str().parse(), Ok(*action));
        }
        assert!("user.exploded".parse::<Action>().is_err());
    }
}
