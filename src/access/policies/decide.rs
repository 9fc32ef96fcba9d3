//! May somebody do this? The one place that says so, for one resource.

use std::sync::Arc;

use super::language::{Request, Row, Subject};
use super::policy::normal;
use super::set::Rule;
use super::{PolicySet, Who};

/// Who wants to do what, to which resource, from where.
#[derive(Debug)]
pub struct Question<'a> {
    /// What decides.
    pub set: &'a PolicySet,
    /// The subject; none for the anonymous.
    pub who: Option<&'a Who>,
    /// As expressions see the subject.
    pub subject: &'a Subject,
    pub resource_type: &'a str,
    pub action: &'a str,
    /// The resource's columns.
    pub row: &'a Row,
    pub request: &'a Request,
}

/// Yes or no, and what it came of.
#[derive(Debug)]
pub struct Decision {
    pub allowed: bool,
    pub because: Because,
}

/// What a decision came of.
#[derive(Debug)]
pub enum Because {
    /// Policies: those that were looked at, the one that permits or all that do not, and the restrictive ones.
    Policies(Vec<Consulted>),
    /// No policy is about this.
    NoPolicy,
    /// A permission of this name.
    Permission(String),
    /// Neither permission is held.
    NoPermission([String; 2]),
    /// Nothing decides in this service: neither policies nor permissions.
    Nothing,
}

/// A policy that was looked at.
#[derive(Debug)]
pub struct Consulted {
    pub rule: Arc<Rule>,
    pub outcome: Outcome,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    True,
    False,
    /// Neither: something in it is null.
    Null,
    /// It has no value for this row, or means nothing for this type: it does not hold.
    Error(String),
}

impl Outcome {
    /// In a word, and what was wrong.
    pub fn told(&self) -> (&'static str, Option<String>) {
        match self {
            Self::True => ("true", None),
            Self::False => ("false", None),
            Self::Null => ("null", None),
            Self::Error(error) => ("error", Some(error.clone())),
        }
    }
}

/// So many policies that do not hold are remembered.
const MOST_REMEMBERED: usize = 20;

/// Decides. An error is a no.
pub fn decide(question: &Question<'_>) -> Decision {
    if question.set.policies_decide {
        by_policies(question)
    } else if question.set.permissions_decide {
        by_permissions(question)
    } else {
        Decision { allowed: false, because: Because::Nothing }
    }
}

fn by_policies(question: &Question<'_>) -> Decision {
    let of_type = question.set.of_type(question.resource_type);
    let applying = of_type.of_action(question.action);
    if applying.is_empty() {
        return Decision { allowed: false, because: Because::NoPolicy };
    }
    let mut failing = Vec::new();
    let mut permitting = None;
    for rule in &applying.permissive {
        match outcome(rule, question) {
            Outcome::True => {
                permitting = Some(Consulted { rule: Arc::clone(rule), outcome: Outcome::True });
                break;
            }
            outcome if failing.len() < MOST_REMEMBERED => failing.push(Consulted { rule: Arc::clone(rule), outcome }),
            _ => {}
        }
    }
    let Some(permitting) = permitting else {
        return Decision { allowed: false, because: Because::Policies(failing) };
    };
    let (mut holding, mut not_holding) = (Vec::new(), Vec::new());
    let mut allowed = true;
    for rule in &applying.restrictive {
        let outcome = outcome(rule, question);
        allowed &= outcome == Outcome::True;
        let remembered = if outcome == Outcome::True { &mut holding } else { &mut not_holding };
        if remembered.len() < MOST_REMEMBERED {
            remembered.push(Consulted { rule: Arc::clone(rule), outcome });
        }
    }
    let consulted = std::iter::once(permitting).chain(not_holding).chain(holding).collect();
    Decision { allowed, because: Because::Policies(consulted) }
}

/// What a no comes of for everybody who holds nothing, whoever they are; none where policies are asked.
pub fn no_to_nobody(set: &PolicySet, resource_type: &str, action: &str) -> Option<Because> {
    match (set.policies_decide, set.permissions_decide) {
        (true, _) => set.of_type(resource_type).of_action(action).is_empty().then_some(Because::NoPolicy),
        (false, true) => Some(Because::NoPermission(permissions_for(resource_type, action))),
        (false, false) => Some(Because::Nothing),
    }
}

fn outcome(rule: &Rule, question: &Question<'_>) -> Outcome {
    let expression = match rule.expression() {
        Ok(expression) => expression,
        Err(fault) => return Outcome::Error(format!("it means nothing for this type: {fault}")),
    };
    match expression.evaluate(question.row, question.subject, question.request) {
        Ok(Some(true)) => Outcome::True,
        Ok(Some(false)) => Outcome::False,
        Ok(None) => Outcome::Null,
        Err(error) => Outcome::Error(error.to_string()),
    }
}

fn by_permissions(question: &Question<'_>) -> Decision {
    let names = permissions_for(question.resource_type, question.action);
    let held = question.who.map_or(&[][..], |who| &who.effective.permissions);
    match names.iter().find(|name| held.iter().any(|held| **held == ***name)) {
        Some(name) => Decision { allowed: true, because: Because::Permission(name.clone()) },
        None => Decision { allowed: false, because: Because::NoPermission(names) },
    }
}

/// The permissions that permit an action where no policies decide.
pub fn permissions_for(resource_type: &str, action: &str) -> [String; 2] {
    let action = normal(action);
    [action.to_string(), format!("{}:{action}", normal(resource_type))]
}
