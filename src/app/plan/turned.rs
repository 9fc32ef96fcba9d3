//! In which services another thing decides once a plan is done: nobody need have said so in words.

use std::collections::BTreeSet;

use serde::Serialize;

use super::compare::Change;
use super::thing::{Key, Thing, Things};

/// A service in which policies begin to decide, or cease to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Turned {
    pub service: String,
    pub policies_decide: bool,
}

/// Those that stand before and after.
pub fn turned(before: &Things, changes: &[Change]) -> Vec<Turned> {
    let mut after = before.clone();
    for (key, _) in changes.iter().filter_map(|change| change.before.as_ref()) {
        after.remove(key);
    }
    after.extend(changes.iter().filter_map(|change| change.after.clone()));
    let touched: BTreeSet<&String> = changes
        .iter()
        .filter_map(|change| match change.key()? {
            Key::Policy { service, .. } | Key::Service(service) => Some(service),
            _ => None,
        })
        .collect();
    let turned = touched.into_iter().filter_map(|service| {
        let policies_decide = policies_decide(&after, service)?;
        (policies_decide != self::policies_decide(before, service)?)
            .then(|| Turned { service: service.clone(), policies_decide })
    });
    turned.collect()
}

/// Whether they do in a service; none where it is not there.
fn policies_decide(things: &Things, name: &str) -> Option<bool> {
    let Thing::Service(own) = things.get(&Key::Service(name.to_owned()))? else { return None };
    let has_policies = || things.keys().any(|key| matches!(key, Key::Policy { service, .. } if service == name));
    Some(own.policies_decide.unwrap_or_else(has_policies))
}
