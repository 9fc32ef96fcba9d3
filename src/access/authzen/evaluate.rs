//! One question is answered.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::entities::{ANONYMOUS, ActionEntity, Context, Entity, passed, reaching, to_expressions};
use crate::access::Access;
use crate::access::policies::language::Reached;
use crate::access::policies::{self, Because, Pairs, Question, Reason, There, decide, pairs, reach, request};
use crate::base::error::Result;

/// The answer to a question.
#[derive(Debug, Serialize, ToSchema)]
pub struct Decision {
    /// Whether it may be done.
    #[schema(example = true)]
    pub decision: bool,
    /// Why.
    pub context: Reason,
}

impl Decision {
    /// A no for a reason that no policy has a say in.
    pub fn no(reason: impl Into<String>) -> Self {
        Self { decision: false, context: Reason::plain(reason) }
    }
}

/// A question, wherever its parts come from.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub subject: &'a Entity,
    pub action: &'a ActionEntity,
    pub resource: &'a Entity,
    pub context: Option<&'a Context>,
}

/// Which resources a question must know whether the subject reaches: for most it is none.
pub fn needs(there: &There, asked: Asked<'_>, now: OffsetDateTime) -> Pairs {
    let Asked { subject, action, resource, context } = asked;
    if !there.has_resources || there.who.is_none() {
        return Pairs::new();
    }
    let row = resource.row(there.stored.as_deref());
    let seen = to_expressions(there.who.as_deref(), subject.properties.as_ref());
    let request = request(now, passed(context, action.properties.as_ref()));
    pairs(&there.set, (&resource.kind, &action.name), &[&row], (&seen, &request))
}

/// Decides at `now`, by what is known of the subject, and looks up which resources they reach if that counts.
pub async fn evaluate_one(access: &Access, there: &There, asked: Asked<'_>, now: OffsetDateTime) -> Result<Decision> {
    let reached = reach(&access.db, there, needs(there, asked, now), now).await?;
    Ok(evaluate(there, asked, reached, now))
}

/// Whether [`evaluate_one`] says yes.
pub async fn allows_one(access: &Access, there: &There, asked: Asked<'_>, now: OffsetDateTime) -> Result<bool> {
    let reached = reach(&access.db, there, needs(there, asked, now), now).await?;
    Ok(allows(there, asked, reached, now))
}

/// Decides at `now`, by what is known of the subject, and of the resources that they reach.
pub fn evaluate(there: &There, asked: Asked<'_>, reached: Vec<Reached>, now: OffsetDateTime) -> Decision {
    let told = looked_at(there, asked, reached, (now, false), |question, decision| Decision {
        decision: decision.allowed,
        context: Reason::of(decision, question.who, question.resource_type, question.action),
    });
    told.unwrap_or_else(|| Decision {
        decision: false,
        context: Reason::of_nobody(&there.set, &asked.resource.kind, &asked.action.name),
    })
}

/// Whether [`evaluate`] says yes.
pub fn allows(there: &There, asked: Asked<'_>, reached: Vec<Reached>, now: OffsetDateTime) -> bool {
    looked_at(there, asked, reached, (now, true), |_, decision| decision.allowed).unwrap_or_default()
}

/// Decides at a moment, and lets `look` see the question and what came of it. None where the subject is unknown. None, too, where they hold
/// nothing in the service and no policy was asked, unless `hears_of_all`: the caller must not tell these apart.
pub fn looked_at<T>(
    there: &There,
    asked: Asked<'_>,
    reached: Vec<Reached>,
    (now, hears_of_all): (OffsetDateTime, bool),
    look: impl FnOnce(&Question<'_>, &policies::Decision) -> T,
) -> Option<T> {
    let Asked { subject, action, resource, context } = asked;
    let who = there.who.as_deref();
    if who.is_none() && subject.kind != ANONYMOUS {
        return None;
    }
    let question = Question {
        set: &there.set,
        who,
        subject: &reaching(to_expressions(who, subject.properties.as_ref()), reached),
        resource_type: &resource.kind,
        action: &action.name,
        row: &resource.row(there.stored.as_deref()),
        request: &request(now, passed(context, action.properties.as_ref())),
    };
    let decision = decide(&question);
    let holds_nothing = who.is_some_and(|who| who.effective.roles.is_empty() && who.effective.permissions.is_empty());
    // Whether they are somebody is for the service to know where they hold something in it.
    let tells_nothing = holds_nothing && !decision.allowed && !matches!(decision.because, Because::Policies(_));
    (hears_of_all || !tells_nothing).then(|| look(&question, &decision))
}
