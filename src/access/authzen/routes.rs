use axum::extract::State;
use axum::response::{IntoResponse, Response};
use utoipa_axum::routes;

use super::entities::Evaluation;
use super::evaluate::{Asked, Decision, evaluate_one};
use super::evaluations::{self, Answers, Evaluations};
use crate::access::Access;
use crate::access::policies::{Asker, OfService};
use crate::base::error::Result;
use crate::platform::http::{Deadline, DeclaredJson, Json, Route, Routes};

/// The largest body of many questions: a thousand of them.
const MAX_OF_MANY: usize = 2 * 1024 * 1024;

/// `/access/v1/evaluation`, `/access/v1/evaluations`.
pub fn routes() -> Routes<Access> {
    Routes::new().routes(question(routes!(evaluate_access))).routes(question(routes!(evaluate_accesses)).long())
}

/// Routes that answer a question by POST, under the id that its caller gives it.
pub fn question(route: impl Into<Route<Access>>) -> Route<Access> {
    route.into().within(Deadline::Question).under_ids_of_callers()
}

/// Ask for a decision
///
/// AuthZEN 1.0: may this subject do this to this resource? A service key asks about its own service; a person with `grants:read` names
/// one. The resource's `properties`, and its `id`, are what policies know of it, beside what the service has told of it before: what the
/// request says counts first. Roles on the resource, and on those above it, count as held. What the request says of a subject counts before the
/// attributes that are stored; who they are and what they hold is not for it to say. A no is 200, too. `context.reason` says why.
/// An `X-Request-ID` of up to 128 visible characters is that of the answer.
#[utoipa::path(post, path = "/access/v1/evaluation", tag = "decisions", params(OfService), request_body = Evaluation,
    responses(
        (status = 200, body = Decision),
        (status = 400, description = "`invalid_query`, `invalid_service_id`"),
        (status = 403, description = "`insufficient_permissions`, `forbidden_service_lookup`"),
        (status = 404, description = "`service_not_found`"),
    ),
    security(("token" = []), ("bearer" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn evaluate_access(
    State(access): State<Access>,
    by: Asker,
    body: Result<DeclaredJson<Evaluation>>,
) -> Result<Json<Decision>> {
    let (asking, DeclaredJson(asked)) = by.begin_with(&access, body).await?;
    let Evaluation { subject, action, resource, context } = &asked;
    let there = asking.about_it(&access, subject.named(), Some(resource.place())).await?;
    let asked = Asked { subject, action, resource, context: context.as_ref() };
    Ok(Json(evaluate_one(&access, &there, asked, access.clock.now()).await?))
}

/// Ask for many decisions
///
/// Up to 1000 questions, answered in their order. What one leaves out is taken from beside the list. A question that can't be read is
/// answered `false`, and its `context.reason` says why. `options.evaluations_semantic` may end the list at the first no
/// (`deny_on_first_deny`) or the first yes (`permit_on_first_permit`). Without questions in the list, what stands beside it is one.
#[utoipa::path(post, path = "/access/v1/evaluations", tag = "decisions", params(OfService), request_body = Evaluations,
    responses(
        (status = 200, body = Answers),
        (status = 400, description = "`invalid_query`, `invalid_service_id`"),
        (status = 403, description = "`insufficient_permissions`, `forbidden_service_lookup`"),
        (status = 404, description = "`service_not_found`"),
    ),
    security(("token" = []), ("bearer" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn evaluate_accesses(
    State(access): State<Access>,
    by: Asker,
    body: Result<DeclaredJson<Evaluations, MAX_OF_MANY>>,
) -> Result<Response> {
    let (asking, DeclaredJson(asked)) = by.begin_with(&access, body).await?;
    let answers = evaluations::answer(&access, &asking, asked).await?;
    Ok(Json(answers).into_response())
}
