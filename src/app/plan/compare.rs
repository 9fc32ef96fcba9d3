//! What would change: a comparison of what is there with what is to be there, without I/O.

use std::collections::{BTreeMap, BTreeSet};

use super::thing::{Key, Thing, Things};
use super::turned::{Turned, turned};
use crate::base::names::Description;

/// One thing that would be made, changed or deleted. What is told by all that it says, a policy, may change its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub before: Option<(Key, Thing)>,
    pub after: Option<(Key, Thing)>,
}

/// What a file managed and says no longer, and what is left anyway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    pub key: Key,
    /// What was made by hand and could not be without it, where that is why.
    pub needed_by: Option<Key>,
}

/// What would change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// In order of what they are called.
    pub changes: Vec<Change>,
    pub left: Vec<Left>,
    pub turned: Vec<Turned>,
    /// How many things are as the file says, and become its own.
    pub adopted: usize,
}

impl Change {
    /// What it is called afterwards, or was.
    pub fn key(&self) -> Option<&Key> {
        self.after.as_ref().or(self.before.as_ref()).map(|(key, _)| key)
    }

    fn of(before: Option<(Key, Thing)>, after: Option<(Key, Thing)>) -> Self {
        Self { before, after }
    }

    pub fn is_creation(&self) -> bool {
        self.before.is_none()
    }

    pub fn is_deletion(&self) -> bool {
        self.after.is_none()
    }
}

/// Compares. With `prune` what is managed and not to be there is deleted, and nothing else is.
pub fn compare(current: &Things, managed: &BTreeSet<Key>, desired: &Things, prune: bool) -> Plan {
    let mut changes = Vec::new();
    let mut missing: Things = desired.clone();
    let mut surplus: Things = Things::new();
    for (key, thing) in current {
        match missing.remove(key) {
            Some(wanted) if wanted != *thing => {
                changes.push(Change::of(Some((key.clone(), thing.clone())), Some((key.clone(), wanted))));
            }
            Some(_) => {}
            None => {
                surplus.insert(key.clone(), thing.clone());
            }
        }
    }
    changes.extend(changed_policies(&mut surplus, &mut missing, managed));
    changes.extend(missing.into_iter().map(|(key, thing)| Change::of(None, Some((key, thing)))));
    let (deleted, left) = surplus_of(&surplus, managed, prune);
    changes.extend(deleted);
    changes.sort_by(|a, b| a.key().cmp(&b.key()));
    let adopted = desired.keys().filter(|key| current.contains_key(*key) && !managed.contains(*key)).count();
    let turned = turned(current, &changes);
    Plan { changes, left, turned, adopted }
}

/// Policies that say another thing, not other policies: of the same type, action and effect in one service, and by the same
/// description or both from a file.
fn changed_policies(surplus: &mut Things, missing: &mut Things, managed: &BTreeSet<Key>) -> Vec<Change> {
    let mut changes = Vec::new();
    for by_description in [true, false] {
        let wanted: Vec<Key> = missing.keys().filter(|key| matches!(key, Key::Policy { .. })).cloned().collect();
        for new in wanted {
            let is_like = |old: &&Key| {
                same_but_expression(old, &new)
                    && if by_description {
                        description(surplus, old).is_some_and(|text| Some(text) == description(missing, &new))
                    } else {
                        managed.contains(*old)
                    }
            };
            let Some(old) = surplus.keys().find(is_like).cloned() else { continue };
            changes.push(Change::of(surplus.remove_entry(&old), missing.remove_entry(&new)));
        }
    }
    changes
}

fn same_but_expression(a: &Key, b: &Key) -> bool {
    let of = |key: &Key| match key {
        Key::Policy { service, table_name, action, restrictive, .. } => {
            Some((service.clone(), table_name.clone(), action.clone(), *restrictive))
        }
        _ => None,
    };
    of(a).is_some() && of(a) == of(b)
}

fn description<'a>(things: &'a Things, key: &Key) -> Option<&'a str> {
    match things.get(key) {
        Some(Thing::Policy(policy)) => policy.description.as_ref().map(Description::as_str),
        _ => None,
    }
}

/// Of what is not to be there, what is deleted and what is left: nothing that somebody made by hand goes, nor what that needs.
fn surplus_of(surplus: &Things, managed: &BTreeSet<Key>, prune: bool) -> (Vec<Change>, Vec<Left>) {
    let mut needed: BTreeMap<Key, Key> = BTreeMap::new();
    let mut kept: Vec<&Key> = surplus.keys().filter(|key| !managed.contains(*key)).collect();
    while let Some(key) = kept.pop() {
        for parent in key.parents().into_iter().chain(surplus.get(key).into_iter().flat_map(carried)) {
            if let Some((parent, _)) = surplus.get_key_value(&parent)
                && managed.contains(parent)
                && !needed.contains_key(parent)
            {
                needed.insert(parent.clone(), key.clone());
                kept.push(parent);
            }
        }
    }
    let (mut deleted, mut left) = (Vec::new(), Vec::new());
    for (key, thing) in surplus.iter().filter(|(key, _)| managed.contains(*key)) {
        let needed_by = needed.get(key).cloned();
        if prune && needed_by.is_none() {
            deleted.push(Change::of(Some((key.clone(), thing.clone())), None));
        } else {
            left.push(Left { key: key.clone(), needed_by: needed_by.filter(|_| prune) });
        }
    }
    (deleted, left)
}

/// What a thing names beside what its key does.
fn carried(thing: &Thing) -> Vec<Key> {
    match thing {
        Thing::Role(role) => {
            role.permissions.iter().map(|permission| Key::Permission(permission.get_ref().clone())).collect()
        }
        Thing::Client(client) => {
            let audience = client.audience.iter().flatten().map(|service| service.get_ref().clone());
            audience.chain([client.service.get_ref().clone()]).map(Key::Service).collect()
        }
        Thing::Provider(provider) => {
            provider.groups.iter().map(|mapping| Key::Group(mapping.group.get_ref().clone())).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::thing::{Empty, OfPolicy, Terms};
    use super::*;

    /// What becomes of things that are changed so.
    fn applied(mut things: Things, plan: &Plan) -> Things {
        for change in &plan.changes {
            if let Some((key, thing)) = &change.before {
                assert_eq!(things.remove(key).as_ref(), Some(thing), "{key} is there as it was seen");
            }
        }
        for (key, thing) in plan.changes.iter().filter_map(|change| change.after.clone()) {
            assert!(things.insert(key.clone(), thing).is_none(), "{key} was not there");
        }
        things
    }

    fn policy(expression: &str, description: Option<&str>) -> (Key, Thing) {
        let key = Key::Policy {
            service: "Shop".into(),
            table_name: "invoice".into(),
            action: "read".into(),
            restrictive: false,
            expression: expression.into(),
        };
        let description = description.map(|text| text.parse().expect("a description"));
        (key, Thing::Policy(OfPolicy { expression: expression.into(), description }))
    }

    fn some_things() -> impl Strategy<Value = Things> {
        let name = prop::sample::select(vec!["a", "b", "c"]);
        let offer = (name.clone(), name.clone()).prop_map(|(service, role)| {
            (Key::Offer { service: service.into(), role: role.into() }, Thing::Nothing(Empty {}))
        });
        let nesting = (name.clone(), name.clone(), prop::option::of("[xy]")).prop_map(|(group, member, reason)| {
            let reason = reason.map(|text| text.parse().expect("a reason"));
            let key = Key::Nesting { group: group.into(), member: member.into() };
            (key, Thing::Terms(Terms { expires_at: None, reason }))
        });
        let policies = (name.clone(), prop::option::of(name))
            .prop_map(|(expression, description)| policy(expression, description));
        prop::collection::btree_map(0..40_u8, prop_oneof![offer, nesting, policies], 0..12)
            .prop_map(|all| all.into_values().collect())
    }

    proptest! {
        #[test]
        fn what_is_planned_and_done_is_what_was_wanted((a, b) in (some_things(), some_things())) {
            let managed: BTreeSet<Key> = a.keys().cloned().collect();
            let plan = compare(&a, &managed, &b, true);
            prop_assert_eq!(applied(a.clone(), &plan), b.clone());
            prop_assert_eq!(compare(&b, &managed, &b, true).changes, Vec::new());
            // By hand: nothing of it goes, and all that is wanted comes.
            let careful = compare(&a, &BTreeSet::new(), &b, true);
            prop_assert!(careful.changes.iter().all(|change| !change.is_deletion()));
            let there = applied(a, &careful);
            prop_assert!(b.iter().all(|(key, thing)| there.get(key) == Some(thing)));
        }
    }

    #[test]
    fn a_policy_that_says_another_thing_is_changed_and_not_made_anew() {
        let things = |all: &[(Key, Thing)]| all.iter().cloned().collect::<Things>();
        let (old, new) = (policy("a", Some("their own")), policy("b", Some("their own")));
        let plan =
            compare(&things(std::slice::from_ref(&old)), &BTreeSet::new(), &things(std::slice::from_ref(&new)), false);
        assert_eq!(plan.changes, [Change::of(Some(old), Some(new))]);
        let (old, new) = (policy("a", None), policy("b", None));
        let by_hand =
            compare(&things(std::slice::from_ref(&old)), &BTreeSet::new(), &things(std::slice::from_ref(&new)), true);
        assert_eq!(by_hand.changes, [Change::of(None, Some(new.clone()))], "that of somebody else stays");
        let managed = [old.0.clone()].into();
        let of_a_file =
            compare(&things(std::slice::from_ref(&old)), &managed, &things(std::slice::from_ref(&new)), false);
        assert_eq!(of_a_file.changes, [Change::of(Some(old), Some(new))]);
    }

    #[test]
    fn what_was_made_by_hand_keeps_what_it_needs() {
        let service = (Key::Service("Shop".into()), Thing::Nothing(Empty {}));
        let by_hand = policy("a", None);
        let there: Things = [service.clone(), by_hand.clone()].into();
        let managed = [service.0.clone()].into();
        let plan = compare(&there, &managed, &Things::new(), true);
        assert_eq!((plan.changes.len(), &plan.left[0].needed_by), (0, &Some(by_hand.0)));
        let all = there.keys().cloned().collect();
        assert_eq!(compare(&there, &all, &Things::new(), true).changes.len(), 2);
        assert_eq!(compare(&there, &all, &Things::new(), false).left.len(), 2);
    }
}
