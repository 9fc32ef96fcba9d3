//! What would decide in services, once a plan is done.

use std::collections::BTreeSet;

use super::compare::Plan;
use super::state::State;
use super::thing::{Key, Thing, Things};
use crate::access::policies::store::load::{StoredPolicy, StoredSet};
use crate::access::policies::{Effect, PolicySet, PolicySettings};
use crate::base::id::{PolicyId, ServiceId};

/// A service that is there, and what would decide in it.
#[derive(Debug)]
pub struct SupposedService {
    pub name: String,
    pub id: ServiceId,
    pub set: PolicySet,
}

/// The services that stay, and whose policies a plan changes, or what these mean, or whether they decide.
pub fn supposed(plan: &Plan, state: &State) -> Vec<SupposedService> {
    let mut things = state.things.clone();
    for (key, _) in plan.changes.iter().filter_map(|change| change.before.as_ref()) {
        things.remove(key);
    }
    things.extend(plan.changes.iter().filter_map(|change| change.after.clone()));
    let touched: BTreeSet<&str> = plan
        .changes
        .iter()
        .filter_map(|change| match change.key()? {
            Key::Policy { service, .. } | Key::ResourceType { service, .. } | Key::Service(service) => {
                Some(service.as_str())
            }
            _ => None,
        })
        .collect();
    let there = touched.into_iter().filter_map(|name| {
        let id = *state.ids.services.get(name)?;
        let Thing::Service(own) = things.get(&Key::Service(name.to_owned()))? else { return None };
        let settings =
            PolicySettings { policies_decide: own.policies_decide, permissions_decide: own.permissions_decide };
        Some(SupposedService { name: name.to_owned(), id, set: set(plan, state, (name, settings), &things) })
    });
    there.collect()
}

fn set(plan: &Plan, state: &State, (name, settings): (&str, PolicySettings), things: &Things) -> PolicySet {
    let mut stored = StoredSet { version: 0, settings, policies: Vec::new(), types: Vec::new() };
    for (key, thing) in things {
        match (key, thing) {
            (Key::ResourceType { service, name: kind }, Thing::Columns(own)) if service == name => {
                stored.types.push((kind.clone(), own.columns.clone()));
            }
            (Key::Policy { service, table_name, action, restrictive, expression }, _) if service == name => {
                stored.policies.push(StoredPolicy {
                    id: PolicyId(id(plan, state, key).unwrap_or_default()),
                    table_name: table_name.clone(),
                    action: action.clone(),
                    expression: expression.clone(),
                    effect: if *restrictive { Effect::Restrictive } else { Effect::Permissive },
                });
            }
            _ => {}
        }
    }
    // New ones come last.
    stored.policies.sort_by_key(|policy| (policy.id.0 == 0, policy.id));
    PolicySet::of(stored)
}

/// The row that a policy is already, perhaps with another expression.
fn id(plan: &Plan, state: &State, key: &Key) -> Option<i32> {
    let changed = plan.changes.iter().find(|change| change.after.as_ref().is_some_and(|(after, _)| after == key));
    let stands = changed.and_then(|change| change.before.as_ref()).map_or(key, |(before, _)| before);
    state.rows.get(stands)?.ids.first().copied()
}
