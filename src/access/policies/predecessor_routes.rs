//! Policies as the predecessor had them: a table that is read and written by its callers.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::asker::OfService;
use super::policy::{ActionName, Effect, ExpressionText, TypeName};
use super::{NewPolicy, Policy, PolicyChange, change, create, remove, store};
use crate::access::Access;
use crate::access::keeper::{Keeper, Proof, ServiceLock};
use crate::base::error::{Error, Result};
use crate::base::id::{PolicyId, Ref, ServiceId};
use crate::base::made::Made;
use crate::base::names::Description;
use crate::base::patch::Patch;
use crate::gate::permission::{BuiltIn, ReadServices, WriteServices};
use crate::platform::http::{Json, Next, Page, PageQuery, Part, Routes, part_of_list, query};

/// `/auth_policies`.
pub fn routes() -> Routes<Access> {
    Routes::new().routes(routes!(list_auth_policies, create_auth_policy, update_auth_policy, delete_auth_policy))
}

/// Who reads or writes policies, and of which service they say that they are.
struct Whose<P> {
    by: Keeper<P>,
    service: Result<Option<Ref<ServiceId>>>,
}

impl<P: BuiltIn> FromRequestParts<Access> for Whose<P> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, access: &Access) -> Result<Self> {
        let service = OfService::read(parts);
        Ok(Self { by: Keeper::from_request_parts(parts, access).await?, service })
    }
}

impl<P: BuiltIn> Whose<P> {
    async fn resolve(self, access: &Access) -> Result<(ServiceId, Proof<P>)> {
        self.by.of_own_or(access, self.service?.as_ref()).await
    }
}

/// Which policies are meant.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// The policy with this id; `eq.3` is the same as `3`.
    #[param(example = "3")]
    id: Option<String>,
    /// Those of exactly this type, or of `all`; also with `eq.` before it.
    table_name: Option<String>,
    /// Those of exactly this action, or of `all`; also with `eq.` before it.
    action: Option<String>,
}

/// What a query says of policies.
#[derive(Debug)]
struct Filter {
    id: Option<PolicyId>,
    table_name: Option<String>,
    action: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Filter {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let fault = |fault: String| Error::bad_request("invalid_query", fault);
        let Which { id, table_name, action } = query(parts)?;
        let equal = |text: String| text.strip_prefix("eq.").map_or(text.clone(), str::to_owned);
        let id = id.map(equal).map(|id| id.parse().map(PolicyId));
        let id = id.transpose().map_err(|_| fault("`id` is the number of a policy, such as 3 or eq.3".to_owned()))?;
        let (table_name, action) = (table_name.map(equal), action.map(equal));
        if [&table_name, &action].into_iter().flatten().any(|text| text.contains('\0')) {
            return Err(fault("a name has no character that is not to be seen".to_owned()));
        }
        Ok(Self { id, table_name, action })
    }
}

/// A policy, as of old.
#[derive(Debug, Serialize, ToSchema)]
struct AuthPolicy {
    /// Its id.
    id: PolicyId,
    /// The table that it is about, or `all`.
    #[schema(example = "invoice")]
    table_name: String,
    /// The action, or `all`.
    #[schema(example = "read")]
    action: String,
    /// What must be true, in SQL; empty holds for everybody.
    #[schema(example = "user_id = auth_user.id")]
    expression: String,
    /// What it is for.
    #[schema(example = "everybody sees their own invoices")]
    description: String,
}

impl From<Policy> for AuthPolicy {
    fn from(policy: Policy) -> Self {
        let Policy { id, table_name, action, expression, description, .. } = policy;
        Self { id, table_name, action, expression, description: description.unwrap_or_default() }
    }
}

/// A policy to make, as of old.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAuthPolicy {
    /// The table that it is about, or `all`.
    table_name: TypeName,
    /// `create`, `read`, `update`, `delete`, `read_mine`, a name of your own, or `all`.
    action: ActionName,
    /// What must be true, in SQL; empty holds for everybody.
    expression: ExpressionText,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 500)]
    description: Option<String>,
}

/// What to change of a policy, as of old.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"id": 1, "expression": "user_id = auth_user.id"}))]
struct AuthPolicyChange {
    /// Which one, unless the query says that.
    #[serde(default)]
    #[schema(example = 3)]
    id: Option<i32>,
    #[serde(default)]
    table_name: Option<TypeName>,
    #[serde(default)]
    action: Option<ActionName>,
    #[serde(default)]
    expression: Option<ExpressionText>,
    #[serde(default)]
    #[schema(max_length = 500)]
    description: Option<String>,
}

/// List policies, as of old
///
/// Those of the caller's own service, or of `?service=`.
#[utoipa::path(get, path = "/auth_policies", tag = "policies", params(OfService, PageQuery, Which),
    responses(
        (status = 200, body = Vec<AuthPolicy>),
        (status = 400, description = "`invalid_service_id`"),
        (status = 403, description = "`insufficient_permissions`, `forbidden_service_lookup`"),
        (status = 404, description = "`service_not_found`"),
    ),
    security(("token" = []), ("bearer" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn list_auth_policies(
    State(access): State<Access>,
    whose: Whose<ReadServices>,
    filter: Result<Filter>,
    page: Result<Page>,
) -> Result<Response> {
    let (filter, page) = (filter?, page?);
    let (service, _) = whose.resolve(&access).await?;
    let mut conn = access.db.read().await?;
    let (table_name, action) = (filter.table_name.as_deref(), filter.action.as_deref());
    let policies = match filter.id {
        Some(id) => {
            let found = store::policies::find(&mut conn, id).await?.filter(|policy| policy.service_id == service);
            found.into_iter().collect()
        }
        None => store::policies::list(&mut conn, service, &page, (table_name, action)).await?,
    };
    let policies = policies.into_iter().map(AuthPolicy::from).collect();
    let (shown, total) = (page.shown(), page.total());
    Ok(part_of_list(policies, shown, total, |last: &AuthPolicy| {
        let next = Next::at("/auth_policies", "after", last.id.0).limit(shown);
        let service = service.0.to_string();
        let next = next.filter("q", page.prefix()).filter("service", Some(&service)).filter("table_name", table_name);
        next.filter("action", action).rest(total.in_link())
    }))
}

/// Create a policy, as of old
///
/// A permissive one. `POST /services/{service}/policies` says more. It decides once policies decide in the service.
#[utoipa::path(post, path = "/auth_policies", tag = "policies", params(OfService), request_body = NewAuthPolicy,
    responses(
        (status = 200, body = AuthPolicy),
        (status = 400, description = "`invalid_query`, `invalid_service_id`"),
        (status = 403, description = "`insufficient_permissions`, `forbidden_service_lookup`"),
        (status = 404, description = "`service_not_found`"),
        (status = 409, description = "`built_in`, `policy_exists`, `too_many_policies`"),
    ),
    security(("token" = []), ("bearer" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn create_auth_policy(
    State(access): State<Access>,
    whose: Whose<WriteServices>,
    Json(new): Json<NewAuthPolicy>,
) -> Result<Json<AuthPolicy>> {
    let (service, by) = whose.resolve(&access).await?;
    let NewAuthPolicy { table_name, action, expression, description } = new;
    let description = described(description)?;
    let new = NewPolicy { table_name, action, expression, description, effect: Effect::Permissive };
    let mut tx = by.begin(&access, ServiceLock::Lock).await?;
    let made = create(&mut tx, service, &new).await?;
    tx.commit([]).await?;
    let (Made::New(policy) | Made::Standing(policy)) = made;
    Ok(Json(policy.into()))
}

/// Change a policy, as of old
///
/// The one whose `id` is in the query or in the body.
#[utoipa::path(put, path = "/auth_policies", tag = "policies", params(OfService, ("id" = Option<String>, Query, description = "which one", max_length = 20)),
    request_body = AuthPolicyChange,
    responses(
        (status = 200, body = AuthPolicy),
        (status = 400, description = "`invalid_query`, `invalid_service_id`"),
        (status = 403, description = "`insufficient_permissions`, `forbidden_service_lookup`"),
        (status = 404, description = "`service_not_found`, `policy_not_found`"),
        (status = 409, description = "`policy_exists`, `too_many_policies`"),
    ),
    security(("token" = []), ("bearer" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn update_auth_policy(
    State(access): State<Access>,
    whose: Whose<WriteServices>,
    filter: Result<Filter>,
    Json(said): Json<AuthPolicyChange>,
) -> Result<Json<AuthPolicy>> {
    let id = filter?.id.or(said.id.map(PolicyId)).ok_or_else(must_name_one)?;
    let (service, by) = whose.resolve(&access).await?;
    let description = match said.description {
        None => Patch::Keep,
        description => described(description)?.map_or(Patch::Clear, Patch::Set),
    };
    let AuthPolicyChange { table_name, action, expression, .. } = said;
    let said = PolicyChange { table_name, action, expression, description, effect: None };
    said.must_change_something()?;
    let mut tx = by.begin(&access, ServiceLock::Lock).await?;
    let changed = change(&mut tx, (service, id), &said, None).await?;
    tx.commit([]).await?;
    Ok(Json(changed.shown.into()))
}

/// Delete a policy, as of old
///
/// The one whose `id` is in the query.
#[utoipa::path(delete, path = "/auth_policies", tag = "policies", params(OfService, ("id" = String, Query, description = "which one", max_length = 20, example = "3")),
    responses(
        (status = 200, body = AuthPolicy),
        (status = 400, description = "`invalid_query`, `invalid_service_id`"),
        (status = 403, description = "`insufficient_permissions`, `forbidden_service_lookup`"),
        (status = 404, description = "`service_not_found`, `policy_not_found`"),
    ),
    security(("token" = []), ("bearer" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn delete_auth_policy(
    State(access): State<Access>,
    whose: Whose<WriteServices>,
    filter: Result<Filter>,
) -> Result<Json<AuthPolicy>> {
    let id = filter?.id.ok_or_else(must_name_one)?;
    let (service, by) = whose.resolve(&access).await?;
    let mut tx = by.begin(&access, ServiceLock::Lock).await?;
    let removed = remove(&mut tx, (service, id), None).await?;
    tx.commit([]).await?;
    Ok(Json(removed.into()))
}

fn must_name_one() -> Error {
    Error::bad_request("invalid_query", "name the policy: `?id=` with its number")
}

/// A description; an empty one is none.
fn described(text: Option<String>) -> Result<Option<Description>> {
    let text = text.filter(|text| !text.trim().is_empty());
    let described = text.map(|text| text.parse().map_err(|fault: String| Error::invalid_field("description", &fault)));
    described.transpose()
}
