//! Why a decision is as it is, for whoever reads the answer.

use std::fmt::Write;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;

use super::decide::{Because, Consulted, Decision, Outcome, no_to_nobody};
use super::policy::Effect;
use super::who::Ground;
use super::{PolicySet, Who};
use crate::base::id::PolicyId;

/// So many grants are named.
const MOST_GRANTS: usize = 20;

/// What a decision came of.
#[derive(Debug, Serialize, ToSchema)]
// By its own name tools take its example for that of each field that is called `reason`.
#[schema(as = DecisionContext)]
pub struct Reason {
    /// All of it in a sentence.
    #[schema(
        example = "policy 12 (read on invoice) permits it; by the role `Editor` through the group `Sales`, until 2030-12-31T00:00:00Z"
    )]
    pub reason: String,
    /// The policies that were looked at: the one that permits, or those that do not, and the restrictive ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub policies: Vec<ConsultedPolicy>,
    /// The grants that it came of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub grants: Vec<DecidingGrant>,
    /// For a no: what would have to be true, or to be held.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub missing: Vec<String>,
}

/// A policy that was looked at.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsultedPolicy {
    /// Its id.
    id: PolicyId,
    /// The type of resource that it is about, or `all`.
    #[schema(example = "invoice")]
    table_name: String,
    /// The action, or `all`.
    #[schema(example = "read")]
    action: String,
    /// How it counts.
    effect: Effect,
    /// `true`, `false`, `null` or `error`: only `true` holds.
    #[schema(example = "true")]
    outcome: &'static str,
    /// What was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
}

/// A grant that a decision came of.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecidingGrant {
    /// The role that is held; not there where a group alone decided, and for a direct grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Editor")]
    role: Option<String>,
    /// The permission that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "invoice:read")]
    permission: Option<String>,
    /// The group through which it is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Sales")]
    group: Option<String>,
    /// The resource on which it is held, and so on all beneath it; not there where it is held in the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    resource: Option<DecidingResource>,
    /// When it ends; null for never.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2030-12-31T00:00:00Z")]
    expires_at: Option<OffsetDateTime>,
}

/// A resource on which a grant is held.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecidingResource {
    /// Its type.
    #[serde(rename = "type")]
    #[schema(example = "folder")]
    pub kind: String,
    /// What the service calls it.
    #[schema(example = "7")]
    pub id: String,
}

impl From<(String, String)> for DecidingResource {
    fn from((kind, id): (String, String)) -> Self {
        Self { kind, id }
    }
}

/// What is said of somebody who is nobody here, and of whoever holds nothing and is not permitted: who asks does not hear which.
const UNKNOWN: &str =
    "the subject is unknown, may not log in, or holds nothing in this service, and no policy permits it to them";

impl Reason {
    /// One sentence.
    pub fn plain(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), policies: Vec::new(), grants: Vec::new(), missing: Vec::new() }
    }

    /// What is said of nobody, and of whoever holds nothing: the same, whether they are somebody or not.
    pub fn of_nobody(set: &PolicySet, resource_type: &str, action: &str) -> Self {
        let because = no_to_nobody(set, resource_type, action);
        let missing = because.map(|because| missing_to_nobody(&because, resource_type, action)).unwrap_or_default();
        Self { missing, ..Self::plain(UNKNOWN) }
    }

    /// What `decision` came of, for `action` on `resource_type`.
    pub fn of(decision: &Decision, who: Option<&Who>, resource_type: &str, action: &str) -> Self {
        match &decision.because {
            Because::Policies(consulted) => Self::of_policies(decision.allowed, consulted, who),
            Because::NoPolicy => Self {
                missing: missing_to_nobody(&decision.because, resource_type, action),
                ..Self::plain(format!("no policy is about `{action}` on `{resource_type}`, nor about `all`"))
            },
            Because::Permission(name) => {
                let grants = who.map(|who| who.grounds_of_permission(name)).unwrap_or_default();
                let sentence = format!("the permission `{name}` permits it{}", told(&grants));
                Self { grants: shown(grants), ..Self::plain(sentence) }
            }
            Because::NoPermission(names) => Self {
                missing: missing_to_nobody(&decision.because, resource_type, action),
                ..Self::plain(format!("neither the permission `{}` nor `{}` is held", names[0], names[1]))
            },
            Because::Nothing => Self::plain(
                "neither policies nor permissions decide in this service, so everything is refused; see policy-settings",
            ),
        }
    }

    fn of_policies(allowed: bool, consulted: &[Consulted], who: Option<&Who>) -> Self {
        let holding = consulted.iter().filter(|one| one.outcome == Outcome::True);
        let grants = match who {
            Some(who) if allowed => grounds(who, holding),
            _ => Vec::new(),
        };
        let not_holding = || consulted.iter().filter(|one| one.outcome != Outcome::True);
        let sentence = if allowed {
            let permitting = consulted.first().map(name).unwrap_or_default();
            let also = match consulted.len() - 1 {
                0 => String::new(),
                1 => format!(", and {} holds", name(&consulted[1])),
                more => format!(", and {more} restrictive policies hold"),
            };
            format!("{permitting} permits it{also}{}", told(&grants))
        } else {
            let is_restricted = consulted.iter().any(|one| one.outcome == Outcome::True);
            let each = not_holding().take(5).map(failure).collect::<Vec<_>>().join("; ");
            match is_restricted {
                true => format!("a restrictive policy does not hold: {each}"),
                false if each.is_empty() => "no policy permits it: there are only restrictive ones".to_owned(),
                false => format!("no policy permits it: {each}"),
            }
        };
        let missing = if allowed { Vec::new() } else { missing(not_holding(), who) };
        Self {
            reason: sentence,
            policies: consulted.iter().map(ConsultedPolicy::of).collect(),
            grants: shown(grants),
            missing,
        }
    }
}

/// What would have to be there, whoever asks.
fn missing_to_nobody(because: &Because, resource_type: &str, action: &str) -> Vec<String> {
    match because {
        Because::NoPolicy => vec![format!("a policy for `{action}` or `all` on `{resource_type}` or `all`")],
        Because::NoPermission(names) => names.iter().map(|name| format!("the permission `{name}`")).collect(),
        Because::Policies(_) | Because::Permission(_) | Because::Nothing => Vec::new(),
    }
}

impl ConsultedPolicy {
    fn of(consulted: &Consulted) -> Self {
        let policy = &consulted.rule.policy;
        let (outcome, error) = consulted.outcome.told();
        Self {
            id: policy.id,
            table_name: policy.table_name.clone(),
            action: policy.action.clone(),
            effect: policy.effect,
            outcome,
            error,
        }
    }
}

fn name(consulted: &Consulted) -> String {
    consulted.rule.policy.to_string()
}

/// Why one does not hold.
fn failure(consulted: &Consulted) -> String {
    let (name, text) = (name(consulted), short(&consulted.rule.policy.expression));
    match &consulted.outcome {
        Outcome::True => format!("{name} holds"),
        Outcome::False => format!("{name} is false: {text}"),
        Outcome::Null => format!("{name} is null, which is not true: {text}"),
        Outcome::Error(error) => format!("{name} failed, which is a no: {error}"),
    }
}

/// An expression in one line, as far as a sentence has room.
fn short(expression: &str) -> String {
    let line = expression.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(200) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    }
}

/// The texts that an expression has between quotes.
fn literals(expression: &str) -> impl Iterator<Item = String> {
    expression.split('\'').skip(1).step_by(2).map(str::to_owned)
}

/// The roles and permissions that a no came of: policies name them, and the subject does not hold them.
pub fn lacked_by(decision: &Decision, who: Option<&Who>) -> Vec<String> {
    let mut names = match &decision.because {
        Because::NoPermission(names) => names.to_vec(),
        Because::Policies(consulted) if !decision.allowed => {
            let not_holding = consulted.iter().filter(|one| one.outcome != Outcome::True);
            not_holding.flat_map(|one| lacked(&one.rule.policy.expression, who)).collect()
        }
        _ => Vec::new(),
    };
    names.dedup();
    names.truncate(MOST_GRANTS);
    names
}

/// Of what an expression names, the roles and permissions that the subject does not hold.
fn lacked(expression: &str, who: Option<&Who>) -> Vec<String> {
    if !expression.contains("auth_user.roles") && !expression.contains("auth_user.permissions") {
        return Vec::new();
    }
    let lacks = |name: &String| {
        who.is_some_and(|who| {
            let is_held = who.effective.roles.iter().chain(&who.effective.permissions).any(|held| **held == **name);
            who.could_hold(name) && !is_held
        })
    };
    super::who::distinct(literals(expression)).into_iter().filter(lacks).collect()
}

/// The ways by which the subject holds what a yes came of.
pub fn grounds_of<'a>(decision: &'a Decision, who: &'a Who) -> Vec<Ground<'a>> {
    match &decision.because {
        Because::Permission(name) => who.grounds_of_permission(name),
        Because::Policies(consulted) if decision.allowed => {
            grounds(who, consulted.iter().filter(|one| one.outcome == Outcome::True))
        }
        _ => Vec::new(),
    }
}

/// What the subject holds of what these policies name.
fn grounds<'a>(who: &'a Who, holding: impl Iterator<Item = &'a Consulted>) -> Vec<Ground<'a>> {
    let mut grounds: Vec<Ground<'a>> = Vec::new();
    for consulted in holding {
        let expression = &consulted.rule.policy.expression;
        for literal in super::who::distinct(literals(expression)) {
            let of_role = expression.contains("auth_user.roles").then(|| who.grounds_of_role(&literal));
            let permission = who.effective.permissions.iter().find(|held| ***held == *literal);
            let permission = permission.filter(|_| expression.contains("auth_user.permissions"));
            let of_permission = permission.map(|name| who.grounds_of_permission(name));
            let of_group = who.ground_of_group(&literal).filter(|_| expression.contains("auth_user.groups"));
            let all = of_role.into_iter().flatten().chain(of_permission.into_iter().flatten()).chain(of_group);
            for ground in all {
                if grounds.len() < MOST_GRANTS && !grounds.contains(&ground) {
                    grounds.push(ground);
                }
            }
        }
    }
    grounds
}

/// What would have to be true; and of what these policies name, the roles and permissions that the subject does not hold.
fn missing<'a>(not_holding: impl Iterator<Item = &'a Consulted>, who: Option<&Who>) -> Vec<String> {
    let mut missing = Vec::new();
    for consulted in not_holding {
        let expression = &consulted.rule.policy.expression;
        for name in lacked(expression, who) {
            let text = format!("the role or permission `{name}`");
            if !missing.contains(&text) {
                missing.push(text);
            }
        }
        missing.push(short(expression));
    }
    missing.truncate(MOST_GRANTS);
    missing
}

fn shown(grounds: Vec<Ground<'_>>) -> Vec<DecidingGrant> {
    let shown = grounds.into_iter().map(|ground| DecidingGrant {
        role: ground.role.map(|role| role.to_string()),
        permission: ground.permission.map(str::to_owned),
        group: ground.group.map(str::to_owned),
        resource: ground.on.map(|(kind, id)| (kind.to_owned(), id.to_owned()).into()),
        expires_at: ground.expires_at,
    });
    shown.collect()
}

/// `; by the role …`, or nothing.
fn told(grounds: &[Ground<'_>]) -> String {
    let each = grounds.iter().map(|ground| {
        let mut text = match (&ground.role, ground.permission, ground.group) {
            (Some(role), Some(permission), _) => format!("`{permission}` by the role `{role}`"),
            (Some(role), None, _) => format!("by the role `{role}`"),
            (None, Some(permission), _) => format!("`{permission}` by a direct grant"),
            (None, None, Some(group)) => format!("in the group `{group}`"),
            (None, None, None) => "by a direct grant".to_owned(),
        };
        if let Some((kind, id)) = ground.on {
            let _ = write!(text, " on {kind} `{id}`");
        }
        if let (true, Some(group)) = (ground.role.is_some(), ground.group) {
            let _ = write!(text, " through the group `{group}`");
        }
        if let Some(end) = ground.expires_at.and_then(|end| end.format(&Rfc3339).ok()) {
            let _ = write!(text, ", until {end}");
        }
        text
    });
    let each: Vec<String> = each.collect();
    if each.is_empty() { String::new() } else { format!("; {}", each.join("; ")) }
}
