//! One question is answered.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::entities::{ANONYMOUS, ActionEntity, Context, Entity, passed, to_expressions};
use crate::access::policies::{self, Because, Question, Reason, There, UNKNOWN, decide, request};

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
    let told = looked_at(there, asked, (now, false), |question, decision| Decision {
        decision: decision.allowed,
        context: Reason::of(decision, question.who, question.resource_type, question.action),
    });
    told.unwrap_or_else(|| Decision::no(UNKNOWN))
}

/// Decides at a moment, and lets `look` see the question and what came of it. Nothing comes of it where the subject is nobody, nor, unless
/// whoever asks `hears_of_all`, where it is to look as if.
pub fn looked_at<T>(
    there: &There,
    asked: Asked<'_>,
    (now, hears_of_all): (OffsetDateTime, bool),
    look: impl FnOnce(&Question<'_>, &policies::Decision) -> T,
) -> Option<T> {
    let Asked { subject, action, resource, context } = asked;
    let who = there.who.as_deref();
    if who.is_none() && subject.kind != ANONYMOUS {
        return None;
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
    let tells_nothing = holds_nothing && !decision.allowed && !matches!(decision.because, Because::Policies(_));
    (hears_of_all || !tells_nothing).then(|| look(&question, &decision))
}
