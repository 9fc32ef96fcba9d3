//! Roles on resources, as reviews and the sweep of what is over have them. How they are given is said above: in `access/resources`.

use serde_json::{Value, json};

use super::GrantTerms;
use crate::base::id::{GroupId, PersonId, RoleId, ServiceId};
use crate::gate::audit::{Action, Event};

/// A role that a person or a group holds on a resource.
#[derive(Clone, Debug)]
pub struct ResourceGrant {
    /// The row's.
    pub id: i32,
    pub service: ServiceId,
    /// The resource's type.
    pub kind: String,
    /// What the service calls the resource.
    pub key: String,
    pub role: RoleId,
    pub person: Option<PersonId>,
    /// Where no person holds it.
    pub group: Option<GroupId>,
    pub terms: GrantTerms,
}

impl ResourceGrant {
    /// That it was confirmed.
    pub fn confirmed(&self) -> Event {
        self.of(Action::ResourceGrantConfirmed).after(self.told())
    }

    /// That it was taken away.
    pub fn removed(&self) -> Event {
        self.of(Action::ResourceGrantRemoved).before(self.told())
    }

    /// That it came to its end.
    pub fn expired(&self) -> Event {
        self.of(Action::ResourceGrantExpired).before(self.told())
    }

    fn of(&self, action: Action) -> Event {
        let event = Event::new(action).within(self.service);
        self.person.into_iter().fold(event, Event::about)
    }

    fn told(&self) -> Value {
        let mut told = json!(self.terms);
        told["role_id"] = json!(self.role);
        told["type"] = json!(self.kind);
        told["id"] = json!(self.key);
        if let Some(group) = self.group {
            told["group_id"] = json!(group);
        }
        told
    }
}
