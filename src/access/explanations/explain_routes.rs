use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::explain::explain;
use super::explanation::Explanation;
use super::simulate::{Change, Simulated, simulate};
use crate::access::Access;
use crate::access::authzen::{ActionEntity, Asked, Context, Entity, Evaluation, Properties, question};
use crate::access::policies::language::Row;
use crate::access::policies::{Asker, Edits, OfService, PolicyEdit};
use crate::base::error::{Error, Result};
use crate::base::id::{IdOrName, Ref, RoleId};
use crate::base::moment::Moment;
use crate::base::object;
use crate::platform::http::{DeclaredJson, Json, Routes};

/// So many roles may be supposed, and so many policies.
const MOST: usize = 100;

/// `/access/v1/explain`, `/access/v1/simulate`.
pub fn routes() -> Routes<Access> {
    Routes::new().routes(question(routes!(explain_access)).long()).routes(question(routes!(simulate_access)).long())
}

/// A question, and what is supposed to be otherwise.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "subject": {"type": "user", "id": "juan"}, "action": {"name": "update"},
    "resource": {"type": "invoice", "id": "12", "properties": {"status": "draft"}},
    "with": {"roles": ["Editor"]},
}))]
struct Simulation {
    /// Who.
    #[serde(deserialize_with = "object::required")]
    subject: Entity,
    /// Does what.
    #[serde(deserialize_with = "object::required")]
    action: ActionEntity,
    /// To what.
    #[serde(deserialize_with = "object::required")]
    resource: Entity,
    /// From where, when, how: at most 16 KiB.
    #[serde(default)]
    #[schema(value_type = Option<Properties>)]
    context: Option<Context>,
    /// When, from now on.
    #[serde(default)]
    at: Option<Moment>,
    /// What the subject has besides.
    #[serde(default, deserialize_with = "object::optional")]
    with: Option<With>,
    /// What the subject has no longer.
    #[serde(default, deserialize_with = "object::optional")]
    without: Option<Without>,
    /// Policies that are new or changed: at most 100.
    #[serde(default)]
    #[schema(max_items = 100)]
    policies: Vec<PolicyEdit>,
    /// Policies that there are no longer.
    #[serde(default)]
    #[schema(max_items = 100, example = json!([]))]
    without_policies: Vec<i32>,
    /// Whether policies decide.
    #[serde(default)]
    #[schema(example = true)]
    policies_decide: Option<bool>,
}

/// What a subject has besides.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct With {
    /// Roles that the service offers: ids or names.
    #[serde(default)]
    #[schema(value_type = Vec<IdOrName>, max_items = 100)]
    roles: Vec<Ref<RoleId>>,
    /// Attributes.
    #[serde(default)]
    #[schema(value_type = Option<Properties>)]
    attributes: Option<Row>,
}

/// What a subject has no longer.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Without {
    /// Roles that were granted to themselves: ids or names. What they hold by a group stays.
    #[serde(default)]
    #[schema(value_type = Vec<IdOrName>, max_items = 100)]
    roles: Vec<Ref<RoleId>>,
}

impl Simulation {
    fn must_be_bounded(self) -> Result<Self> {
        let (with, without) = (self.with.as_ref(), self.without.as_ref());
        for (field, count) in [
            ("with.roles", with.map_or(0, |with| with.roles.len())),
            ("without.roles", without.map_or(0, |without| without.roles.len())),
            ("policies", self.policies.len()),
            ("without_policies", self.without_policies.len()),
        ] {
            if count > MOST {
                return Err(Error::invalid_field(field, "has too many elements: at most 100"));
            }
        }
        Ok(self)
    }
}

/// Explain a decision
///
/// The same question as to `POST /access/v1/evaluation`, answered with all that it came of: each policy that was looked at with its parts and
/// what they are, each grant with who gave it, when, why and until when, the groups on the way; for a no, what is missing. A service key
/// does not see who granted something, why, who is in which group, and attributes of people.
#[utoipa::path(post, path = "/access/v1/explain", tag = "decisions", params(OfService), request_body = Evaluation,
    responses(
        (status = 200, body = Explanation),
        (status = 400, description = "`invalid_query`, `invalid_service_id`"),
        (status = 403, description = "`insufficient_permissions`, `forbidden_service_lookup`"),
        (status = 404, description = "`service_not_found`"),
    ),
    security(("token" = []), ("bearer" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn explain_access(
    State(access): State<Access>,
    by: Asker,
    body: Result<DeclaredJson<Evaluation>>,
) -> Result<Json<Explanation>> {
    let (asking, DeclaredJson(asked)) = by.begin_with(&access, body).await?;
    let now = access.clock.now();
    let Evaluation { subject, action, resource, context } = &asked;
    let there = asking.one_beyond(&access, subject.named(), Some(resource.place()), now).await?;
    let asked = Asked { subject, action, resource, context: context.as_ref() };
    Ok(Json(explain(&access, asking.sees(&access).await?, &there, asked, now).await?))
}

/// Simulate a decision
///
/// What would the answer be, at another moment, if the subject held other roles or had other attributes, or if policies were others? Asked of the
/// same evaluator; nothing is written. A policy with an `id` is changed by what is sent of it, one without is new.
#[utoipa::path(post, path = "/access/v1/simulate", tag = "decisions", params(OfService), request_body = Simulation,
    responses(
        (status = 200, body = Simulated),
        (status = 400, description = "`invalid_query`, `invalid_service_id`"),
        (status = 403, description = "`insufficient_permissions`, `forbidden_service_lookup`"),
        (status = 404, description = "`service_not_found`"),
    ),
    security(("token" = []), ("bearer" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn simulate_access(
    State(access): State<Access>,
    by: Asker,
    body: Result<DeclaredJson<Simulation>>,
) -> Result<Json<Simulated>> {
    let read = body.and_then(|DeclaredJson(asked)| asked.must_be_bounded());
    let (asking, asked) = by.begin_with(&access, read).await?;
    let Simulation { subject, action, resource, context, at, with, without, policies, .. } = &asked;
    let change = Change {
        at: at.map(|at| at.0),
        more_roles: with.as_ref().map_or(&[], |with| &with.roles),
        fewer_roles: without.as_ref().map_or(&[], |without| &without.roles),
        attributes: with.as_ref().and_then(|with| with.attributes.as_ref()),
        edits: Edits {
            policies,
            without: &asked.without_policies,
            replaces_all: false,
            policies_decide: asked.policies_decide,
        },
    };
    let asked = Asked { subject, action, resource, context: context.as_ref() };
    Ok(Json(simulate(&access, &asking, asked, &change).await?))
}
