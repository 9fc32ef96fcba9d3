//! All that decides in a service, ready to be asked: by type of resource and action, compiled when it is first needed.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::compile;
use super::language::{Declared, Expression, Fault};
use super::policy::{ALL, Effect, PolicySettings, normal};
use super::store::load::{StoredPolicy, StoredSet};

/// What every service knows.
const USUAL_ACTIONS: [&str; 5] = ["create", "delete", "read", "read_mine", "update"];

/// What decides in a service, under the version that says whether it is still true.
#[derive(Debug)]
pub struct PolicySet {
    pub version: i64,
    /// Policies decide, and nothing else does.
    pub policies_decide: bool,
    /// Where they don't: permissions do.
    pub permissions_decide: bool,
    /// As they are stored: what the two above come of.
    pub(super) settings: PolicySettings,
    /// By type of resource.
    policies: HashMap<String, Vec<Arc<StoredPolicy>>>,
    declared: HashMap<String, Arc<Declared>>,
    count: usize,
    /// What applies to types that have policies of their own, or are declared: made when it is first asked for.
    known: RwLock<HashMap<String, Arc<OfType>>>,
    /// And to all others.
    others: Arc<OfType>,
}

/// What applies to a type of resource.
#[derive(Debug)]
pub struct OfType {
    by_action: HashMap<String, Applying>,
    /// To actions that no policy names.
    rest: Applying,
}

/// What applies to an action on a type of resource.
#[derive(Clone, Debug, Default)]
pub struct Applying {
    /// Any one is enough. The more particular ones have taken the place of the others.
    pub permissive: Vec<Arc<Rule>>,
    /// Each must hold.
    pub restrictive: Vec<Arc<Rule>>,
}

/// A policy as it applies to a type of resource.
#[derive(Debug)]
pub struct Rule {
    pub policy: Arc<StoredPolicy>,
    declared: Arc<Declared>,
    expression: OnceLock<Result<Expression, Fault>>,
}

impl Applying {
    /// Whether there is no policy about it.
    pub fn is_empty(&self) -> bool {
        self.permissive.is_empty() && self.restrictive.is_empty()
    }

    /// What they ask, of those that mean something for this type.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.permissive.iter().chain(&self.restrictive).filter_map(|rule| rule.expression().ok())
    }
}

impl Rule {
    /// Whether it asks the same of the same columns.
    pub fn is_same(&self, other: &Self) -> bool {
        self.policy == other.policy && self.declared == other.declared
    }

    /// What it asks. A fault where it means nothing for this type, or was written by somebody who did not ask the compiler.
    pub fn expression(&self) -> Result<&Expression, &Fault> {
        self.expression.get_or_init(|| compile::compile(&self.policy.expression, &self.declared)).as_ref()
    }
}

impl PolicySet {
    /// Of all that is stored.
    pub fn of(stored: StoredSet) -> Self {
        let StoredSet { version, settings, policies: all, types } = stored;
        let declared = types.into_iter().map(|(name, columns)| (name, Arc::new(compile::declared(&columns)))).collect();
        Self::made_of((version, settings), all.into_iter().map(Arc::new).collect(), declared)
    }

    /// The same with other policies, and others to decide.
    #[must_use]
    pub fn with(&self, settings: PolicySettings, policies: Vec<Arc<StoredPolicy>>) -> Self {
        Self::made_of((self.version, settings), policies, self.declared.clone())
    }

    fn made_of(
        (version, settings): (i64, PolicySettings),
        all: Vec<Arc<StoredPolicy>>,
        declared: HashMap<String, Arc<Declared>>,
    ) -> Self {
        let count = all.len();
        let policies_decide = settings.policies_decide.unwrap_or(count > 0);
        let mut policies: HashMap<String, Vec<Arc<StoredPolicy>>> = HashMap::new();
        for policy in all {
            policies.entry(policy.table_name.clone()).or_default().push(policy);
        }
        let of_all = policies.get(ALL).map_or(&[][..], Vec::as_slice);
        let others = Arc::new(OfType::new(&[], of_all, &Arc::new(compile::undeclared())));
        Self {
            version,
            policies_decide,
            permissions_decide: settings.permissions_decide,
            settings,
            policies,
            declared,
            count,
            known: RwLock::default(),
            others,
        }
    }

    /// All of its policies, in order of id.
    pub fn policies(&self) -> Vec<Arc<StoredPolicy>> {
        let mut all: Vec<Arc<StoredPolicy>> = self.policies.values().flatten().cloned().collect();
        all.sort_by_key(|policy| policy.id);
        all
    }

    /// What its policies read of people: attributes, `username`, `groups`.
    pub(super) fn reads_of_people(&self) -> BTreeSet<String> {
        let all = self.policies.iter().flat_map(|(name, policies)| policies.iter().map(move |policy| (name, policy)));
        let compiled = all.filter_map(|(name, policy)| compile::compile(&policy.expression, &self.declared(name)).ok());
        compiled.flat_map(|expression| expression.reads_of_people().map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    /// How much of memory it takes, in policies: those for all types are made for each type that is known.
    pub(super) fn weight(&self) -> usize {
        let of_all = self.policies.get(ALL).map_or(0, Vec::len);
        self.count + self.types().len() * (of_all + 1) + 1
    }

    /// What applies to a type of resource.
    pub fn of_type(&self, name: &str) -> Arc<OfType> {
        let name = &*normal(name);
        let own = self.policies.get(name).filter(|_| name != ALL);
        let declared = self.declared.get(name);
        if own.is_none() && declared.is_none() {
            return Arc::clone(&self.others);
        }
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Arc::clone(known);
        }
        let of_all = self.policies.get(ALL).map_or(&[][..], Vec::as_slice);
        let declared = declared.cloned().unwrap_or_else(|| Arc::new(compile::undeclared()));
        let made = Arc::new(OfType::new(own.map_or(&[][..], Vec::as_slice), of_all, &declared));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(name.to_owned()).or_insert(made))
    }

    /// What is declared of a type.
    pub fn declared(&self, name: &str) -> Arc<Declared> {
        self.declared.get(&*normal(name)).cloned().unwrap_or_else(|| Arc::new(compile::undeclared()))
    }

    /// The types that are declared or have policies of their own, in order.
    pub fn types(&self) -> BTreeSet<&str> {
        let named = self.policies.keys().chain(self.declared.keys()).map(String::as_str);
        named.filter(|name| *name != ALL).collect()
    }
}

impl OfType {
    fn new(own: &[Arc<StoredPolicy>], of_all: &[Arc<StoredPolicy>], declared: &Arc<Declared>) -> Self {
        let rule = |policy: &Arc<StoredPolicy>| {
            Arc::new(Rule { policy: Arc::clone(policy), declared: Arc::clone(declared), expression: OnceLock::new() })
        };
        let own = by_action(own.iter().map(rule));
        let of_all = by_action(of_all.iter().map(rule));
        let actions: BTreeSet<&String> = own.keys().chain(of_all.keys()).filter(|action| *action != ALL).collect();
        let by_action = actions.into_iter().map(|action| (action.clone(), applying(&own, &of_all, Some(action))));
        Self { by_action: by_action.collect(), rest: applying(&own, &of_all, None) }
    }

    /// What applies to an action.
    pub fn of_action(&self, action: &str) -> &Applying {
        self.by_action.get(&*normal(action)).unwrap_or(&self.rest)
    }

    /// The actions that policies name.
    pub fn named_actions(&self) -> impl Iterator<Item = &str> {
        self.by_action.keys().map(String::as_str).collect::<BTreeSet<_>>().into_iter()
    }

    /// The actions that something is known of, in order.
    pub fn actions(&self) -> BTreeSet<&str> {
        self.by_action.keys().map(String::as_str).chain(USUAL_ACTIONS).collect()
    }
}

/// Rules by action and effect.
type ByAction = HashMap<String, Applying>;

fn by_action(rules: impl Iterator<Item = Arc<Rule>>) -> ByAction {
    let mut by_action = ByAction::new();
    for rule in rules {
        let of_action = by_action.entry(rule.policy.action.clone()).or_default();
        match rule.policy.effect {
            Effect::Permissive => of_action.permissive.push(rule),
            Effect::Restrictive => of_action.restrictive.push(rule),
        }
    }
    by_action
}

/// The rules of precedence. A type's own policies count before those of `all`; among a type's, those of the action before those
/// for `all` actions; and where a type has its own, but none for the action, those for everything. Restrictive ones take no
/// part in it: each that is about the type and the action applies, so that one more never permits more.
fn applying(own: &ByAction, of_all: &ByAction, action: Option<&String>) -> Applying {
    let permissive = |rules: &ByAction, action: &str| {
        rules.get(action).map(|rules| rules.permissive.clone()).filter(|rules| !rules.is_empty())
    };
    let of = |rules: &ByAction| {
        let particular = action.and_then(|action| permissive(rules, action));
        particular.or_else(|| permissive(rules, ALL))
    };
    let has_own = own.values().any(|rules| !rules.permissive.is_empty());
    let chosen = if has_own { of(own).or_else(|| permissive(of_all, ALL)) } else { of(of_all) };
    let concerned = [own, of_all].into_iter().flat_map(|rules| {
        let particular = action.and_then(|action| rules.get(action));
        particular.into_iter().chain(rules.get(ALL)).flat_map(|rules| rules.restrictive.iter().cloned())
    });
    Applying { permissive: chosen.unwrap_or_default(), restrictive: concerned.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::PolicyId;

    fn set(policies: &[(&str, &str, Effect)]) -> PolicySet {
        let policies = policies.iter().zip(1..).map(|((table, action, effect), id)| StoredPolicy {
            id: PolicyId(id),
            table_name: (*table).to_owned(),
            action: (*action).to_owned(),
            expression: String::new(),
            effect: *effect,
        });
        PolicySet::of(StoredSet {
            version: 1,
            settings: PolicySettings { policies_decide: None, permissions_decide: true },
            policies: policies.collect(),
            types: Vec::new(),
        })
    }

    fn chosen(set: &PolicySet, name: &str, action: &str) -> (Vec<i32>, Vec<i32>) {
        let of_type = set.of_type(name);
        let applying = of_type.of_action(action);
        let ids = |rules: &[Arc<Rule>]| rules.iter().map(|rule| rule.policy.id.0).collect();
        (ids(&applying.permissive), ids(&applying.restrictive))
    }

    #[test]
    fn the_more_particular_policy_counts() {
        use Effect::Permissive as P;
        let set = set(&[
            ("all", "all", P),
            ("all", "read", P),
            ("invoice", "read", P),
            ("invoice", "read", P),
            ("invoice", "all", P),
            ("order", "delete", P),
        ]);
        for (name, action, ids) in [
            ("invoice", "read", vec![3, 4]),
            ("invoice", "update", vec![5]),
            ("invoice", "read_mine", vec![5]),
            ("order", "delete", vec![6]),
            // It has policies, but none for this: not those of `all` for this action, as the predecessor had it.
            ("order", "read", vec![1]),
            ("order", "read_mine", vec![1]),
            ("letter", "read", vec![2]),
            ("letter", "read_mine", vec![1]),
            ("all", "read", vec![2]),
        ] {
            assert_eq!(chosen(&set, name, action).0, ids, "{name} {action}");
        }
    }

    #[test]
    fn without_a_policy_nothing_applies() {
        let set = set(&[("invoice", "read", Effect::Permissive)]);
        assert_eq!(chosen(&set, "invoice", "update"), (vec![], vec![]));
        assert_eq!(chosen(&set, "order", "read"), (vec![], vec![]));
    }

    #[test]
    fn restrictive_ones_apply_all_and_displace_none() {
        use Effect::{Permissive as P, Restrictive as R};
        let set = set(&[
            ("all", "all", P),
            ("all", "all", R),
            ("all", "read", R),
            ("invoice", "all", R),
            ("invoice", "read", R),
            ("invoice", "update", R),
        ]);
        assert_eq!(chosen(&set, "invoice", "read"), (vec![1], vec![5, 4, 3, 2]));
        assert_eq!(chosen(&set, "invoice", "delete"), (vec![1], vec![4, 2]));
        assert_eq!(chosen(&set, "order", "read"), (vec![1], vec![3, 2]));
    }

    #[test]
    fn a_name_is_found_however_it_is_written() {
        let set = set(&[("año", "leído", Effect::Permissive)]);
        assert_eq!(chosen(&set, "an\u{303}o", "lei\u{301}do").0, [1]);
    }
}
