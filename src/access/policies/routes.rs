use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::{NewPolicy, Policy, PolicyChange, change, create, remove, store};
use crate::access::Access;
use crate::base::error::{Error, Result};
use crate::base::id::{Id, PolicyId, Ref, ServiceId};
use crate::base::made::Made;
use crate::gate::idempotency::once;
use crate::gate::permission::{ReadServices, WriteServices};
use crate::gate::{Can, Holds, LockScope};
use crate::platform::http::{
    IfMatch, Json, Next, Page, PageQuery, Part, Path, Routes, Tagged, part_of_list, query, tagged,
};

/// `/services/{service}/policies`.
pub fn routes() -> Routes<Access> {
    Routes::new().routes(once(routes!(list_policies, create_policy))).routes(tagged(routes!(
        get_policy,
        patch_policy,
        delete_policy
    )))
}

/// Which policies to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PolicyQuery {
    /// Only those of exactly this type, or of `all`.
    #[param(max_length = 128)]
    table_name: Option<String>,
    /// Only those of exactly this action, or of `all`.
    #[param(max_length = 100)]
    action: Option<String>,
}

/// The page and the filter that are asked for.
struct Asked {
    path: String,
    page: Page,
    filter: PolicyQuery,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let page = Page::from_request_parts(parts, state).await?;
        let filter: PolicyQuery = query(parts)?;
        for text in [&filter.table_name, &filter.action].into_iter().flatten() {
            if text.contains('\0') {
                return Err(Error::bad_request("invalid_query", "a name has no character that is not to be seen"));
            }
        }
        Ok(Self { path: parts.uri.path().to_owned(), page, filter })
    }
}

impl Asked {
    fn respond(self, policies: Vec<Policy>) -> Response {
        let (shown, total) = (self.page.shown(), self.page.total());
        part_of_list(policies, shown, total, |last| {
            let next = Next::at(&self.path, "after", last.id.0).limit(shown).filter("q", self.page.prefix());
            let next = next.filter("table_name", self.filter.table_name.as_deref());
            next.filter("action", self.filter.action.as_deref()).rest(total.in_link())
        })
    }
}

/// List a service's policies
///
/// `q` is the beginning of a `table_name`.
#[utoipa::path(get, path = "/services/{service}/policies", tag = "policies",
    params(("service" = String, Path, description = "id or name", example = "4"), PageQuery, PolicyQuery),
    responses(
        (status = 200, body = Vec<Policy>),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`service_not_found`"),
    ))]
async fn list_policies(
    State(access): State<Access>,
    by: Holds<ReadServices>,
    Path(service): Path<Ref<ServiceId>>,
    asked: Asked,
) -> Result<Response> {
    let mut conn = access.db.read().await?;
    let (service, _) = by.resolve_within(&mut conn, &service).await?;
    let filter = (asked.filter.table_name.as_deref(), asked.filter.action.as_deref());
    let policies = store::policies::list(&mut conn, service, &asked.page, filter).await?;
    Ok(asked.respond(policies))
}

/// Create a policy
///
/// The expression is SQL that must be true: bare names are the resource's columns, `auth_user.…` the subject, `context.…` what the
/// request brings. It decides from the very next question on, once policies decide in the service
/// (`PATCH /services/{service}/policy-settings`): where nothing is said there, by the first one, and the answer has a header
/// `Warning` that says so. Safe to repeat. At most 10000 policies per service, and 1000 for `all`.
#[utoipa::path(post, path = "/services/{service}/policies", tag = "policies",
    params(("service" = String, Path, description = "id or name", example = "4")),
    request_body = NewPolicy,
    responses(
        (status = 201, body = Policy),
        (status = 200, body = Policy, description = "it existed already"),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`service_not_found`"),
        (status = 409, description = "`built_in`, `policy_exists`, `too_many_policies`"),
    ))]
async fn create_policy(
    State(access): State<Access>,
    by: Holds<WriteServices>,
    Path(service): Path<Ref<ServiceId>>,
    Json(new): Json<NewPolicy>,
) -> Result<Made<Policy>> {
    let (service, by) = by.resolve_within(&mut *access.db.read().await?, &service).await?;
    let mut tx = by.begin(&access, LockScope::default()).await?;
    let made = create(&mut tx, service, &new).await?;
    tx.commit([]).await?;
    Ok(made)
}

/// Get a policy
#[utoipa::path(get, path = "/services/{service}/policies/{policy_id}", tag = "policies",
    params(
        ("service" = String, Path, description = "id or name", example = "4"),
        ("policy_id" = i32, Path, description = "the policy's id"),
    ),
    responses(
        (status = 200, body = Policy),
        (status = 400, description = "`invalid_service_id`, `invalid_policy_id`"),
        (status = 404, description = "`service_not_found`, `policy_not_found`"),
    ))]
async fn get_policy(
    State(access): State<Access>,
    by: Holds<ReadServices>,
    Path((service, policy)): Path<(Ref<ServiceId>, Ref<PolicyId>)>,
) -> Result<Tagged<Policy>> {
    let mut conn = access.db.read().await?;
    let (service, _) = by.resolve_within(&mut conn, &service).await?;
    let found = store::policies::find(&mut conn, policy.id()?).await?.filter(|policy| policy.service_id == service);
    Tagged::whole(found.ok_or_else(PolicyId::not_found)?)
}

/// Change a policy
///
/// It decides from the very next question on.
#[utoipa::path(patch, path = "/services/{service}/policies/{policy_id}", tag = "policies",
    params(
        ("service" = String, Path, description = "id or name", example = "4"),
        ("policy_id" = i32, Path, description = "the policy's id"),
    ),
    request_body = PolicyChange,
    responses(
        (status = 200, body = Policy),
        (status = 400, description = "`invalid_service_id`, `invalid_policy_id`"),
        (status = 404, description = "`service_not_found`, `policy_not_found`"),
        (status = 409, description = "`policy_exists`, `too_many_policies`"),
    ))]
async fn patch_policy(
    State(access): State<Access>,
    by: Holds<WriteServices>,
    Path((service, policy)): Path<(Ref<ServiceId>, Ref<PolicyId>)>,
    if_match: IfMatch,
    Json(said): Json<PolicyChange>,
) -> Result<Tagged<Policy>> {
    said.must_change_something()?;
    let (of, by) = which(&access, by, &service, &policy).await?;
    let mut tx = by.begin(&access, LockScope::default()).await?;
    let changed = change(&mut tx, of, &said, Some(&if_match)).await?;
    tx.commit([]).await?;
    Ok(changed)
}

/// The policy was deleted.
#[derive(Debug, Serialize, ToSchema)]
struct PolicyDeleted {
    #[schema(example = "policy_deleted")]
    status: &'static str,
    service_id: ServiceId,
    policy_id: PolicyId,
}

/// Delete a policy
///
/// After the last one, permissions decide again, unless `policy-settings` say otherwise; the answer has a header `Warning` that says so.
#[utoipa::path(delete, path = "/services/{service}/policies/{policy_id}", tag = "policies",
    params(
        ("service" = String, Path, description = "id or name", example = "4"),
        ("policy_id" = i32, Path, description = "the policy's id"),
    ),
    responses(
        (status = 200, body = PolicyDeleted),
        (status = 400, description = "`invalid_service_id`, `invalid_policy_id`"),
        (status = 404, description = "`service_not_found`, `policy_not_found`"),
    ))]
async fn delete_policy(
    State(access): State<Access>,
    by: Holds<WriteServices>,
    Path((service, policy)): Path<(Ref<ServiceId>, Ref<PolicyId>)>,
    if_match: IfMatch,
) -> Result<Json<PolicyDeleted>> {
    let (of, by) = which(&access, by, &service, &policy).await?;
    let mut tx = by.begin(&access, LockScope::default()).await?;
    let removed = remove(&mut tx, of, Some(&if_match)).await?;
    tx.commit([]).await?;
    Ok(Json(PolicyDeleted { status: "policy_deleted", service_id: removed.service_id, policy_id: removed.id }))
}

async fn which(
    access: &Access,
    by: Holds<WriteServices>,
    service: &Ref<ServiceId>,
    policy: &Ref<PolicyId>,
) -> Result<((ServiceId, PolicyId), Can<WriteServices>)> {
    let (service, by) = by.resolve_within(&mut *access.db.read().await?, service).await?;
    Ok(((service, policy.id()?), by))
}
