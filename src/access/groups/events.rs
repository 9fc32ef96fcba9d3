//! What the audit trail tells of groups.

use serde_json::{Value, json};

use crate::access::grants::{GrantTerms, Granted};
use crate::base::id::{GroupId, PersonId};
use crate::gate::audit::{Action, Event};

/// What is in a group.
#[derive(Clone, Copy, Debug)]
pub enum Inner {
    Person(PersonId),
    Group(GroupId),
}

/// What became of a membership when it was made.
pub fn added(group: GroupId, inner: Inner, granted: &Granted) -> Option<Event> {
    match granted {
        Granted::Unchanged => None,
        Granted::Added { over, now } => {
            let event = event(inner, Action::GroupMemberAdded, Action::GroupNested).after(terms(group, inner, now));
            Some(over.iter().fold(event, |event, over| event.before(terms(group, inner, over))))
        }
        Granted::Changed { before, after } => {
            let event = event(inner, Action::GroupMemberChanged, Action::GroupNestingChanged);
            Some(event.before(terms(group, inner, before)).after(terms(group, inner, after)))
        }
    }
}

/// That somebody, or a group, is in a group no longer.
pub fn removed(group: GroupId, inner: Inner, before: &GrantTerms) -> Event {
    event(inner, Action::GroupMemberRemoved, Action::GroupUnnested).before(terms(group, inner, before))
}

/// That a membership came to its end.
pub fn expired(group: GroupId, inner: Inner, before: &GrantTerms) -> Event {
    event(inner, Action::GroupMemberExpired, Action::GroupNestingExpired).before(terms(group, inner, before))
}

fn event(inner: Inner, of_a_person: Action, of_a_group: Action) -> Event {
    match inner {
        Inner::Person(person) => Event::new(of_a_person).about(person),
        Inner::Group(_) => Event::new(of_a_group),
    }
}

fn terms(group: GroupId, inner: Inner, current: &GrantTerms) -> Value {
    let mut told = json!(current);
    told["group_id"] = json!(group);
    if let Inner::Group(member) = inner {
        told["member_id"] = json!(member);
    }
    told
}
