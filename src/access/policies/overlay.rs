//! What would decide if policies were others: nothing is stored, and all else is as it is.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;
use utoipa::ToSchema;

use super::PolicySet;
use super::compile::compile;
use super::policy::{ALL, ActionName, Effect, ExpressionText, PolicySettings, TypeName};
use super::settle::DEFAULTS;
use super::store::load::StoredPolicy;
use crate::base::error::{Error, Result};
use crate::base::id::PolicyId;

/// A policy that is supposed: with an `id` that one is supposed to be changed, otherwise it is supposed to be new.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"table_name": "invoice", "action": "delete", "expression": "user_id = auth_user.id"}))]
pub struct PolicyEdit {
    /// Which one is changed. What is left out of it stays.
    #[serde(default)]
    #[schema(example = 7)]
    pub id: Option<i32>,
    /// The type of resource that it is about, or `all`.
    #[serde(default)]
    pub table_name: Option<TypeName>,
    /// The action, or `all`.
    #[serde(default)]
    pub action: Option<ActionName>,
    /// What must be true, in SQL; empty holds for everybody.
    #[serde(default)]
    pub expression: Option<ExpressionText>,
    /// How it counts; a new one is permissive unless this says otherwise.
    #[serde(default)]
    pub effect: Option<Effect>,
}

/// How what decides is supposed to be different.
#[derive(Clone, Copy, Debug, Default)]
pub struct Edits<'a> {
    pub policies: &'a [PolicyEdit],
    /// Ids of policies that there are no longer.
    pub without: &'a [i32],
    /// `policies` are all that there are.
    pub replaces_all: bool,
    pub policies_decide: Option<bool>,
}

/// The same set with these changes. New policies have the ids -1, -2 and so on.
///
/// # Errors
/// 400 that names the field: for an id that is of no policy of this set, for what is missing of a new one, and for an expression that
/// means nothing.
pub fn overlay(set: &PolicySet, edits: &Edits<'_>) -> Result<PolicySet> {
    let standing = set.policies();
    let known: HashMap<String, &Arc<StoredPolicy>> = standing.iter().map(|policy| (key(policy), policy)).collect();
    let mut all = if edits.replaces_all { Vec::new() } else { standing.clone() };
    for (place, id) in edits.without.iter().map(|id| PolicyId(*id)).enumerate() {
        let before = all.len();
        all.retain(|policy| policy.id != id);
        if before == all.len() {
            return Err(no_policy(&format!("without_policies[{place}]"), id));
        }
    }
    let mut there: HashSet<String> = all.iter().map(|policy| key(policy)).collect();
    let mut new_id = 0;
    for (place, edit) in edits.policies.iter().enumerate() {
        let field = format!("policies[{place}]");
        let before = match edit.id.map(PolicyId) {
            Some(id) => {
                let found = standing.binary_search_by_key(&id, |policy| policy.id);
                let found = found.map_err(|_| no_policy(&format!("{field}.id"), id))?;
                Some(&standing[found])
            }
            None => None,
        };
        let after = edit.applied(&field, before.map(AsRef::as_ref))?;
        let declared = set.declared(&after.table_name);
        compile(&after.expression, &declared)
            .map_err(|fault| Error::invalid_field(&format!("{field}.expression"), &fault.to_string()))?;
        if after.id == PolicyId(0) && !there.insert(key(&after)) {
            continue;
        }
        let same = known.get(&key(&after)).filter(|same| after.id == PolicyId(0) || after.id == same.id);
        place_among(&mut all, same.copied(), after, &mut new_id);
    }
    let settings =
        PolicySettings { policies_decide: edits.policies_decide.or(set.settings.policies_decide), ..set.settings };
    let begins = settings.policies_decide == Some(true) && set.settings.policies_decide != Some(true);
    if begins && all.is_empty() && !edits.replaces_all {
        all = usual(&mut new_id);
    }
    Ok(set.with(settings, all))
}

fn no_policy(field: &str, id: PolicyId) -> Error {
    Error::invalid_field(field, &format!("there is no policy {id} in this service, or it is left out already"))
}

impl PolicyEdit {
    fn applied(&self, field: &str, before: Option<&StoredPolicy>) -> Result<StoredPolicy> {
        let missing = |name: &str| Error::invalid_field(&format!("{field}.{name}"), "is missing: a new policy has one");
        let text = |said: Option<&str>, before: Option<&String>, name: &str| {
            said.map(str::to_owned).or_else(|| before.cloned()).ok_or_else(|| missing(name))
        };
        let said = self.table_name.as_ref().map(TypeName::as_str);
        let table_name = text(said, before.map(|before| &before.table_name), "table_name")?;
        let said = self.action.as_ref().map(ActionName::as_str);
        let action = text(said, before.map(|before| &before.action), "action")?;
        let said = self.expression.as_ref().map(ExpressionText::as_str);
        let expression = text(said, before.map(|before| &before.expression), "expression")?;
        let effect = self.effect.or_else(|| before.map(|before| before.effect)).unwrap_or_default();
        let id = before.map_or(PolicyId(0), |before| before.id);
        Ok(StoredPolicy { id, table_name, action, expression, effect })
    }
}

/// What a policy says.
fn key(policy: &StoredPolicy) -> String {
    let StoredPolicy { table_name, action, expression, effect, .. } = policy;
    format!("{table_name}\0{action}\0{effect}\0{expression}")
}

/// Puts a policy where it would stand: a changed one in its place, a new one at the end. `same` says the same and is stored.
fn place_among(
    all: &mut Vec<Arc<StoredPolicy>>,
    same: Option<&Arc<StoredPolicy>>,
    mut after: StoredPolicy,
    new_id: &mut i32,
) {
    let place = all.iter().position(|policy| policy.id == after.id && after.id != PolicyId(0));
    let made = same.map_or_else(
        || {
            if after.id == PolicyId(0) {
                *new_id -= 1;
                after.id = PolicyId(*new_id);
            }
            Arc::new(after)
        },
        Arc::clone,
    );
    match place {
        Some(place) => all[place] = made,
        None => all.push(made),
    }
}

/// What a service without policies gets when these begin to decide.
fn usual(new_id: &mut i32) -> Vec<Arc<StoredPolicy>> {
    let made = DEFAULTS.iter().map(|(table_name, expression, _)| {
        *new_id -= 1;
        Arc::new(StoredPolicy {
            id: PolicyId(*new_id),
            table_name: (*table_name).to_owned(),
            action: ALL.to_owned(),
            expression: (*expression).to_owned(),
            effect: Effect::Permissive,
        })
    });
    made.collect()
}
