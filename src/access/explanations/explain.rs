//! A decision is explained.

use std::sync::Arc;

use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::chain::{self, Held};
use super::explanation::{ExplainedPart, ExplainedPolicy, Explanation};
use super::store;
use crate::access::Access;
use crate::access::authzen::{Asked, looked_at, needs};
use crate::access::policies::language::Part;
use crate::access::policies::{
    Because, Consulted, Decision, Outcome, Question, Reason, Sees, There, grounds_of, lacked_by, reach,
};
use crate::base::error::Result;
use crate::base::id::RoleId;

/// So many parts of one policy are shown.
const MOST_PARTS: usize = 100;

/// So many characters of a value are shown.
const LONGEST_VALUE: usize = 1_000;

/// So many roles are named that carry one permission.
const MOST_ROLES: usize = 5;

/// What the evaluator alone can say.
struct Draft {
    explanation: Explanation,
    held: Vec<Held>,
    /// Roles and permissions that would help.
    lacked: Vec<String>,
}

/// Decides at a moment, and says what that came of, as far as whoever asks may see it.
pub async fn explain(
    access: &Access,
    sees: Sees,
    there: &There,
    asked: Asked<'_>,
    moment: OffsetDateTime,
) -> Result<Explanation> {
    let reached = reach(&access.db, there, needs(there, asked, moment), moment).await?;
    let drafted = looked_at(there, asked, reached, (moment, sees.everybody), |question, decision| {
        draft(question, decision, sees)
    });
    let Some(Draft { mut explanation, held, lacked }) = drafted else {
        return Ok(Explanation::of_nobody(moment, &there.set, (&asked.resource.kind, &asked.action.name)));
    };
    if held.is_empty() && lacked.is_empty() {
        return Ok(explanation);
    }
    let mut conn = access.db.read().await?;
    if let Some(who) = there.who.as_ref().filter(|_| !held.is_empty()) {
        explanation.grants = chain::grants(&mut conn, (who.id, there.service), held, (sees, moment)).await?;
    }
    if !lacked.is_empty() {
        let helpful = remedies(&mut conn, there, &lacked, sees).await?;
        explanation.missing = helpful.into_iter().chain(std::mem::take(&mut explanation.missing)).collect();
    }
    Ok(explanation)
}

/// What somebody would have to hold.
async fn remedies(conn: &mut PgConnection, there: &There, lacked: &[String], sees: Sees) -> Result<Vec<String>> {
    let roles_for = |name: &String| there.who.as_ref().map(|who| who.roles_for(name)).unwrap_or_default();
    let roles: Vec<_> = lacked.iter().map(roles_for).collect();
    let ids: Vec<i32> = roles.iter().flatten().map(|(id, _)| id.0).collect();
    let offered = store::offered_of(conn, there.service, &ids).await?;
    let told = lacked.iter().zip(roles).map(|(name, roles)| {
        let is_called_so = |(_, role): &(RoleId, Arc<str>)| **role == **name;
        let is_there = roles.iter().any(is_called_so);
        let helpful: Vec<_> = roles.into_iter().filter(|(id, _)| offered.contains(id)).collect();
        if helpful.iter().any(is_called_so) {
            return format!("the role `{name}`");
        }
        // A backend does not hear which roles other services have.
        if helpful.is_empty() && is_there && sees.givers {
            return format!("the role `{name}`, which this service does not offer (`portero service add-role`)");
        }
        if helpful.is_empty() {
            return format!(
                "`{name}`: this service offers no role that is called so, and none that carries such a permission"
            );
        }
        let named: Vec<String> = helpful.iter().take(MOST_ROLES).map(|(_, role)| format!("`{role}`")).collect();
        format!("a role that carries `{name}`: {}", named.join(", "))
    });
    Ok(told.collect())
}

fn draft(question: &Question<'_>, decision: &Decision, sees: Sees) -> Draft {
    let who = question.who;
    let Reason { reason, missing, .. } = Reason::of(decision, who, question.resource_type, question.action);
    let (policies, missing) = match &decision.because {
        Because::Policies(consulted) => {
            let policies = consulted.iter().map(|one| explained(one, question, sees)).collect();
            (policies, if decision.allowed { Vec::new() } else { needed(consulted, question, sees) })
        }
        // Which permissions, and which roles carry them, is told apart.
        Because::NoPermission(_) => (Vec::new(), Vec::new()),
        _ => (Vec::new(), missing),
    };
    let held = who.map(|who| grounds_of(decision, who)).unwrap_or_default();
    Draft {
        explanation: Explanation {
            decision: decision.allowed,
            reason,
            at: question.request.now,
            policies,
            grants: Vec::new(),
            missing,
        },
        held: held.into_iter().map(Held::from).collect(),
        lacked: lacked_by(decision, who),
    }
}

fn explained(consulted: &Consulted, question: &Question<'_>, sees: Sees) -> ExplainedPolicy {
    let parts = match consulted.rule.expression() {
        Ok(expression) => expression.parts(question.row, question.subject, question.request),
        Err(_) => Vec::new(),
    };
    let parts = parts.into_iter().take(MOST_PARTS).map(|part| shown(part, sees)).collect();
    ExplainedPolicy::of(consulted, parts)
}

fn shown(part: Part, sees: Sees) -> ExplainedPart {
    let Part { text, line, column, depth, tells_attribute, value, .. } = part;
    let is_hidden = tells_attribute && !sees.everybody;
    let (value, error) = match value {
        Ok(value) => (Some(shortened(value)).filter(|_| !is_hidden), None),
        Err(error) => (None, Some(error.message)),
    };
    ExplainedPart { text, line, column, depth, value, error }
}

/// Of a long text its beginning.
fn shortened(value: Value) -> Value {
    match value {
        Value::String(text) => match text.char_indices().nth(LONGEST_VALUE) {
            Some((end, _)) => format!("{} …", &text[..end]).into(),
            None => text.into(),
        },
        other => other,
    }
}

/// What each policy that does not hold would need.
fn needed(consulted: &[Consulted], question: &Question<'_>, sees: Sees) -> Vec<String> {
    if consulted.is_empty() {
        return vec!["a permissive policy: there are only restrictive ones".to_owned()];
    }
    let not_holding = consulted.iter().filter(|one| one.outcome != Outcome::True);
    let needed = not_holding.map(|one| {
        let policy = &one.rule.policy;
        let lack = match one.rule.expression() {
            Ok(expression) => {
                expression.lack(question.row, question.subject, question.request, sees.everybody).unwrap_or_default()
            }
            Err(fault) => return format!("{policy} means nothing for this type: {fault}"),
        };
        format!("{policy} needs {lack}")
    });
    needed.collect()
}
