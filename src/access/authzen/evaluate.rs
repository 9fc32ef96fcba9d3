//! One question is answered.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::entities::{ANONYMOUS, ActionEntity, Context, Entity, passed, to_expressions};
use crate::access::policies::{Because, Question, Reason, There, UNKNOWN, decide, request};

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

/// Decides at `now`, by what is known of the subject.
pub fn evaluate(there: &There, asked: Asked<'_>, now: OffsetDateTime) -> Decision {
    let Asked { subject, action, resource, context } = asked;
    let who = there.who.as_deref();
    if who.is_none() && subject.kind != ANONYMOUS {
        return Decision::no(UNKNOWN);
    }
    let row = resource.row();
    let question = Question {
        set: &there.set,
        who,
        subject: &to_expressions(who, subject.properties.as_ref()),
        resource_type: &resource.kind,
        action: &action.name,
        row: &row,
        request: &request(now, passed(context, action.properties.as_ref())),
    };
    let decision = decide(&question);
    let holds_nothing = who.is_some_and(|who| who.effective.roles.is_empty());
    // Whether they are somebody is for the service to know where they hold something in it.
    if holds_nothing && !decision.allowed && !matches!(decision.because, Because::Policies(_)) {
        return Decision::no(UNKNOWN);
    }
    Decision { decision: decision.allowed, context: Reason::of(&decision, who, &resource.kind, &action.name) }
}
