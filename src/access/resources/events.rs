//! What the audit trail tells of resources, and of roles on them. What a resource is like is its service's matter, and not kept.

use serde_json::{Value, json};

use super::{Held, Holder, Put, Resource};
use crate::access::grants::{GrantTerms, Granted};
use crate::base::id::ServiceId;
use crate::gate::audit::{Action, Event};

pub(super) fn created(service: ServiceId, made: &Resource) -> Event {
    Event::new(Action::ResourceCreated).within(service).after(place(made))
}

pub(super) fn changed(service: ServiceId, before: &Resource, after: &Resource) -> Event {
    let mut told = place(after);
    told["properties_changed"] = json!(before.properties.text() != after.properties.text());
    Event::new(Action::ResourceChanged).within(service).before(place(before)).after(told)
}

pub(super) fn deleted(service: ServiceId, gone: &Resource, deleted: usize) -> Event {
    Event::new(Action::ResourceDeleted).within(service).before(place(gone)).after(json!({"deleted": deleted}))
}

pub(super) fn put(service: ServiceId, put: Put) -> Event {
    let Put { created, changed, unchanged } = put;
    let told = json!({"created": created, "changed": changed, "unchanged": unchanged});
    Event::new(Action::ResourcesPut).within(service).after(told)
}

pub(super) fn deleted_many(service: ServiceId, deleted: usize) -> Event {
    Event::new(Action::ResourcesDeleted).within(service).after(json!({"deleted": deleted}))
}

/// What became of a role on a resource when it was given.
pub(super) fn given(held: &Held, granted: &Granted) -> Option<Event> {
    match granted {
        Granted::Unchanged => None,
        Granted::Added { over, now } => {
            let event = of(held, Action::ResourceGrantAdded).after(terms(held, now));
            Some(over.iter().fold(event, |event, over| event.before(terms(held, over))))
        }
        Granted::Changed { before, after } => {
            let event = of(held, Action::ResourceGrantChanged).before(terms(held, before));
            Some(event.after(terms(held, after)))
        }
    }
}

/// That a role on a resource was taken away.
pub(super) fn taken(held: &Held, before: &GrantTerms) -> Event {
    of(held, Action::ResourceGrantRemoved).before(terms(held, before))
}

fn of(held: &Held, action: Action) -> Event {
    let event = Event::new(action).within(held.service);
    match held.holder {
        Holder::Person(person) => event.about(person),
        Holder::Group(_) => event,
    }
}

fn terms(held: &Held, current: &GrantTerms) -> Value {
    let mut told = json!(current);
    told["role_id"] = json!(held.role);
    told["type"] = json!(held.resource.kind);
    told["id"] = json!(held.resource.id);
    if let Holder::Group(group) = held.holder {
        told["group_id"] = json!(group);
    }
    told
}

fn place(resource: &Resource) -> Value {
    json!({"type": resource.name.kind, "id": resource.name.id, "parent": resource.parent})
}
