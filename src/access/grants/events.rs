//! What the audit trail tells of grants.

use serde_json::{Value, json};

use super::store::of_groups::RoleOfGroup;
use super::{GrantTerms, Grantable, Granted};
use crate::access::keys;
use crate::base::id::{PersonId, RoleId, ServiceId};
use crate::gate::audit::{Action, Event};

/// That a service offers a role from now on.
pub fn offered(service: ServiceId, role: RoleId) -> Event {
    Event::new(Action::ServiceRoleAdded).within(service).after(json!({"role_id": role}))
}

/// That a service offers a role no longer.
pub fn withdrawn(service: ServiceId, role: RoleId) -> Event {
    Event::new(Action::ServiceRoleRemoved).within(service).before(json!({"role_id": role}))
}

/// That a grant came to its end.
pub fn expired(person: PersonId, service: ServiceId, what: Grantable, before: &GrantTerms) -> Event {
    let event = event(person, service, what, Action::GrantExpired, Action::DirectGrantExpired);
    event.before(terms(what, before))
}

/// That a service's key came to its end.
pub fn key_expired(key: &keys::store::ExpiredKey) -> Event {
    Event::new(Action::ServiceKeyExpired).within(key.service).before(key)
}

/// That a grant was reviewed and left.
pub fn confirmed(person: PersonId, service: ServiceId, what: Grantable, current: &GrantTerms) -> Event {
    let event = event(person, service, what, Action::GrantConfirmed, Action::DirectGrantConfirmed);
    event.after(terms(what, current))
}

/// That a grant was taken back.
pub fn removed(person: PersonId, service: ServiceId, what: Grantable, before: &GrantTerms) -> Event {
    let event = event(person, service, what, Action::GrantRemoved, Action::DirectGrantRemoved);
    event.before(terms(what, before))
}

/// What became of a grant when it was given.
pub fn given(person: PersonId, service: ServiceId, what: Grantable, granted: &Granted) -> Option<Event> {
    match granted {
        Granted::Unchanged => None,
        Granted::Added { over, now } => {
            let event = event(person, service, what, Action::GrantAdded, Action::DirectGrantAdded);
            let event = event.after(terms(what, now));
            Some(over.iter().fold(event, |event, over| event.before(terms(what, over))))
        }
        Granted::Changed { before, after } => {
            let event = event(person, service, what, Action::GrantChanged, Action::DirectGrantChanged);
            Some(event.before(terms(what, before)).after(terms(what, after)))
        }
    }
}

/// What became of a group's role when it was given.
pub fn given_to_group(given: RoleOfGroup, granted: &Granted) -> Option<Event> {
    match granted {
        Granted::Unchanged => None,
        Granted::Added { over, now } => {
            let event = of_group(given, Action::GroupGrantAdded).after(terms_of_group(given, now));
            Some(over.iter().fold(event, |event, over| event.before(terms_of_group(given, over))))
        }
        Granted::Changed { before, after } => {
            let event = of_group(given, Action::GroupGrantChanged).before(terms_of_group(given, before));
            Some(event.after(terms_of_group(given, after)))
        }
    }
}

/// That a role was taken from a group.
pub fn taken_from_group(taken: RoleOfGroup, before: &GrantTerms) -> Event {
    of_group(taken, Action::GroupGrantRemoved).before(terms_of_group(taken, before))
}

/// That a group's role was reviewed and left.
pub fn confirmed_of_group(confirmed: RoleOfGroup, current: &GrantTerms) -> Event {
    of_group(confirmed, Action::GroupGrantConfirmed).after(terms_of_group(confirmed, current))
}

/// That a group's role came to its end.
pub fn expired_of_group(expired: RoleOfGroup, before: &GrantTerms) -> Event {
    of_group(expired, Action::GroupGrantExpired).before(terms_of_group(expired, before))
}

fn of_group((_, service, _): RoleOfGroup, action: Action) -> Event {
    Event::new(action).within(service)
}

fn terms_of_group((group, _, role): RoleOfGroup, current: &GrantTerms) -> Value {
    let mut told = terms(Grantable::Role(role), current);
    told["group_id"] = json!(group);
    told
}

fn event(person: PersonId, service: ServiceId, what: Grantable, of_a_role: Action, of_a_permission: Action) -> Event {
    let action = match what {
        Grantable::Role(_) => of_a_role,
        Grantable::Permission(_) => of_a_permission,
    };
    Event::new(action).about(person).within(service)
}

fn terms(what: Grantable, current: &GrantTerms) -> Value {
    let mut told = json!(current);
    match what {
        Grantable::Role(role) => told["role_id"] = json!(role),
        Grantable::Permission(permission) => told["permission_id"] = json!(permission),
    }
    told
}
