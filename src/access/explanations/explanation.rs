//! An explanation: all that a decision came of.

use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

use crate::access::grants::Reviewer;
use crate::access::policies::{Consulted, DecidingResource, Effect, PolicySet, Reason};
use crate::base::id::PolicyId;

/// A decision, and all that it came of.
#[derive(Debug, Serialize, ToSchema)]
pub struct Explanation {
    /// Whether it may be done.
    #[schema(example = true)]
    pub decision: bool,
    /// All of it in a sentence.
    #[schema(example = "policy 12 (read on invoice) permits it; by the role `Editor`")]
    pub reason: String,
    /// The moment that this is about.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-29T18:00:00Z")]
    pub at: OffsetDateTime,
    /// The policies that were looked at: the one that permits, or those that do not, and the restrictive ones.
    pub policies: Vec<ExplainedPolicy>,
    /// By which grants the subject holds what a yes came of.
    pub grants: Vec<ExplainedGrant>,
    /// For a no: what would have to be held, or to be true.
    #[schema(example = json!(["policy 7 (update on invoice) needs status = 'draft' [status is \"paid\"]"]))]
    pub missing: Vec<String>,
}

impl Explanation {
    /// A no that says nothing of the subject.
    pub(super) fn of_nobody(at: OffsetDateTime, set: &PolicySet, (kind, action): (&str, &str)) -> Self {
        let Reason { reason, missing, .. } = Reason::of_nobody(set, kind, action);
        Self { decision: false, reason, at, policies: Vec::new(), grants: Vec::new(), missing }
    }
}

/// A policy that was looked at, and its parts.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainedPolicy {
    /// Its id; negative for one that is only supposed.
    pub id: PolicyId,
    /// The type of resource that it is about, or `all`.
    #[schema(example = "invoice")]
    pub table_name: String,
    /// The action, or `all`.
    #[schema(example = "read")]
    pub action: String,
    /// How it counts.
    pub effect: Effect,
    /// What it asks.
    #[schema(example = "user_id = auth_user.id")]
    pub expression: String,
    /// `true`, `false`, `null` or `error`: only `true` holds.
    #[schema(example = "true")]
    pub outcome: &'static str,
    /// What was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<String>,
    /// Its parts and what each is, outermost first; the first hundred.
    pub parts: Vec<ExplainedPart>,
}

impl ExplainedPolicy {
    pub(super) fn of(consulted: &Consulted, parts: Vec<ExplainedPart>) -> Self {
        let policy = &consulted.rule.policy;
        let (outcome, error) = consulted.outcome.told();
        Self {
            id: policy.id,
            table_name: policy.table_name.clone(),
            action: policy.action.clone(),
            effect: policy.effect,
            expression: policy.expression.clone(),
            outcome,
            error,
            parts,
        }
    }
}

/// A part of an expression.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainedPart {
    /// As it was written.
    #[schema(example = "status = 'draft'")]
    pub text: String,
    /// Where it begins, from 1.
    #[schema(example = 1)]
    pub line: usize,
    /// Where it begins, in characters from 1.
    #[schema(example = 1)]
    pub column: usize,
    /// How many parts it is in.
    #[schema(example = 0)]
    pub depth: usize,
    /// What it is: of a condition true, false or null. Not there where it has an error, nor where it is an attribute of a person
    /// that whoever asks may not see.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = any_value)]
    pub value: Option<Value>,
    /// Why it has no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "division by zero")]
    pub error: Option<String>,
}

fn any_value() -> ObjectBuilder {
    let kinds = [Type::String, Type::Integer, Type::Number, Type::Boolean, Type::Array, Type::Object, Type::Null];
    let description = "What it is. Numbers that JSON can't hold exactly, uuids and times are texts.";
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter(kinds))
        .description(Some(description))
        .examples([json!(true)])
}

/// A grant by which the subject holds something that a yes came of.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainedGrant {
    /// The role that is held; not there where a group alone decided, and for a direct grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Editor")]
    pub role: Option<String>,
    /// The permission that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "invoice:read")]
    pub permission: Option<String>,
    /// The group that holds the role, or that the policy names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Sales")]
    pub group: Option<String>,
    /// The resource on which it is held, and so on all beneath it; not there where it is held in the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub resource: Option<DecidingResource>,
    /// When the subject holds it no longer; null for never.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2030-12-31T00:00:00Z")]
    pub expires_at: Option<OffsetDateTime>,
    /// When the role was granted to them, or to the group; null where a group alone decided, and where it is only supposed.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub created_at: Option<OffsetDateTime>,
    /// Who granted it; null for the command line, and for who asks with a service key.
    pub granted_by: Option<Reviewer>,
    /// Why; null for who asks with a service key.
    #[schema(example = "stands in for Eva until she is back")]
    pub reason: Option<String>,
    /// Whether it is only supposed.
    #[schema(example = false)]
    pub is_supposed: bool,
    /// The memberships that lead to the group, from the subject's own on: for who may see everywhere what people hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub memberships: Vec<Membership>,
}

/// A step on the way into a group.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Membership {
    /// The group that the subject, or the group of the step before, was added to.
    #[schema(example = "Sales North")]
    pub group: String,
    /// When that was.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub created_at: OffsetDateTime,
    /// When it ends; null for never.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2030-12-31T00:00:00Z")]
    pub expires_at: Option<OffsetDateTime>,
    /// Who added them; null for the command line.
    pub added_by: Option<Reviewer>,
    /// Why.
    #[schema(example = "stands in for Eva until she is back")]
    pub reason: Option<String>,
}
