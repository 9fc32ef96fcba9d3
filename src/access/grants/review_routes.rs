use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::decide::decide;
use super::review::{DecidedGrants, ReviewCursor, Reviewed};
use super::store::{self, Selection};
use super::{Decisions, Grantable};
use crate::access::roles;
use crate::base::error::{Error, Result};
use crate::base::id::{GroupId, PermissionId, PersonId, Ref, RoleId, ServiceId};
use crate::base::moment::Moment;
use crate::gate::Holds;
use crate::gate::permission::{ReadGrants, WriteGrants};
use crate::identity::Identity;
use crate::platform::http::{Json, Next, Page, Path, Routes, Total, part_of_list, query};

/// The largest body: room for all decisions, written widely.
const MAX_BODY: usize = 128 * 1024;

/// `/services/{service}/access-review`.
pub fn routes() -> Routes<Identity> {
    Routes::new().routes(routes!(review_access, decide_access))
}

/// Which grants to review.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ReviewQuery {
    /// Return rows after this position; the `Link` header has the value for the next page.
    #[param(pattern = r"^-?[0-9]+\.(-?[0-9]+(\.-?[0-9]+)?|[gr][0-9]+)$")]
    after: Option<String>,
    /// How many rows to return.
    #[param(minimum = 1, maximum = 1000, default = 100, value_type = Option<u32>)]
    limit: Option<String>,
    /// Only people whose username or name, and groups whose name, starts with this, ignoring case.
    #[param(max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    q: Option<String>,
    /// Only this role: id or name. With `grants:read` in one service only, a role that it offers.
    #[param(max_length = 100)]
    role: Option<String>,
    /// Only grants neither given nor confirmed since this moment: RFC 3339, or Unix seconds.
    #[param(max_length = 100)]
    before: Option<String>,
    /// Whether to return the total number of rows in the header `X-Total-Count`.
    #[param(value_type = Option<bool>, default = false)]
    count: Option<String>,
}

/// The same, read.
struct ReviewRequest {
    path: String,
    after: ReviewCursor,
    page: Page,
    role: Option<String>,
    before: Option<(String, OffsetDateTime)>,
    total: Total,
}

impl<S: Send + Sync> FromRequestParts<S> for ReviewRequest {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let refuse = |detail: String| Error::bad_request("invalid_query", detail);
        let query: ReviewQuery = query(parts)?;
        let place = |after: String| {
            after.parse().map_err(|()| refuse("`after` is what the `Link` of the page before says".to_owned()))
        };
        let before = |text: String| match text.parse::<Moment>() {
            Ok(Moment(moment)) => Ok((text, moment)),
            Err(fault) => Err(refuse(format!("`before`: {fault}"))),
        };
        Ok(Self {
            path: parts.uri.path().to_owned(),
            after: query.after.map_or(Ok(ReviewCursor::FIRST), place)?,
            page: Page::of(None, query.limit, query.q)?,
            role: query.role.filter(|role| !role.is_empty()),
            before: query.before.map(before).transpose()?,
            total: Total::of(query.count.as_deref())?,
        })
    }
}

impl ReviewRequest {
    fn respond(self, rows: Vec<Reviewed>, total: &Total) -> Response {
        let shown = self.page.shown();
        part_of_list(rows, shown, total, |last| {
            Next::at(&self.path, "after", last.place)
                .limit(shown)
                .filter("q", self.page.prefix())
                .filter("role", self.role.as_deref())
                .filter("before", self.before.as_ref().map(|(text, _)| text.as_str()))
                .rest(total.in_link())
        })
    }
}

/// Review who holds what in a service
///
/// Roles and directly granted permissions, ordered by role, then those of people before those of groups, and those on resources last: since when, granted by whom, why, until when, who last
/// confirmed it, and on which day the person last got an answer about the service.
#[utoipa::path(get, path = "/services/{service}/access-review", tag = "grants",
    params(("service" = String, Path, description = "id or name", example = "4"), ReviewQuery),
    responses(
        (status = 200, body = Vec<Reviewed>),
        (status = 400, description = "`invalid_service_id`, `invalid_role_id`"),
        (status = 404, description = "`service_not_found`, `role_not_found`"),
        (status = 409, description = "`ambiguous_name`"),
    ))]
async fn review_access(
    State(identity): State<Identity>,
    by: Holds<ReadGrants>,
    Path(service): Path<Ref<ServiceId>>,
    asked: ReviewRequest,
) -> Result<Response> {
    let mut conn = identity.db.read().await?;
    let (service, by) = by.resolve_within(&mut conn, &service).await?;
    let role = match asked.role.as_deref().map(Ref::parse) {
        Some(role) if by.everywhere => Some(roles::store::resolve_one(&mut conn, &role).await?),
        Some(role) => Some(roles::store::resolve_offered(&mut conn, service, &role).await?),
        None => None,
    };
    let selection = Selection {
        after: asked.after,
        fetch: asked.page.fetch(),
        prefix: asked.page.prefix().map(str::to_owned),
        role,
        before: asked.before.as_ref().map(|(_, moment)| *moment),
        total: asked.total.clone(),
    };
    let rows = store::review(&mut conn, service, &selection, identity.clock.now()).await?;
    Ok(asked.respond(rows, &selection.total))
}

/// A confirmed or revoked grant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"person_id": 7, "role_id": 4}))]
#[expect(clippy::struct_field_names, reason = "as they are called everywhere")]
struct DecidedGrant {
    /// The person.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    person_id: Option<PersonId>,
    /// The group, otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    group_id: Option<GroupId>,
    /// The role.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    role_id: Option<RoleId>,
    /// The directly granted permission, otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    permission_id: Option<PermissionId>,
    /// The grant on a resource, otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    resource_grant_id: Option<i32>,
}

impl DecidedGrant {
    fn all(grants: &DecidedGrants) -> Vec<Self> {
        let none =
            || Self { person_id: None, group_id: None, role_id: None, permission_id: None, resource_grant_id: None };
        let people = grants.people.iter().map(|(person, what)| match what {
            Grantable::Role(role) => Self { person_id: Some(*person), role_id: Some(*role), ..none() },
            Grantable::Permission(id) => Self { person_id: Some(*person), permission_id: Some(*id), ..none() },
        });
        let of_group =
            |(group, role): &(GroupId, RoleId)| Self { group_id: Some(*group), role_id: Some(*role), ..none() };
        let on_resource = |id: &i32| Self { resource_grant_id: Some(*id), ..none() };
        people.chain(grants.groups.iter().map(of_group)).chain(grants.on_resources.iter().map(on_resource)).collect()
    }
}

/// What a review did.
#[derive(Debug, Serialize, ToSchema)]
struct Decided {
    /// Always `success`.
    #[schema(example = "success")]
    status: &'static str,
    /// How many were confirmed.
    #[schema(example = 1)]
    confirmed: usize,
    /// How many were revoked, not counting those that were no longer held.
    #[schema(example = 1)]
    revoked: usize,
    /// The confirmed grants.
    confirmed_grants: Vec<DecidedGrant>,
    /// The revoked grants.
    revoked_grants: Vec<DecidedGrant>,
}

/// Confirm and revoke grants in a service
///
/// Up to 1000 at once, all or none, each under the rules of single grants. Revocations take effect in the very next
/// check. Safe to repeat.
#[utoipa::path(post, path = "/services/{service}/access-review", tag = "grants",
    params(("service" = String, Path, description = "id or name", example = "4")),
    request_body = Decisions,
    responses(
        (status = 200, body = Decided),
        (status = 400, description = "`invalid_service_id`, `invalid_user_id`, `invalid_group_id`, `invalid_role_id`, `invalid_permission_id`"),
        (status = 404, description = "`service_not_found`, `person_not_found`, `group_not_found`, `role_not_found`, `permission_not_found`, `grant_not_found`"),
        (status = 409, description = "`direct_role`, `last_administrator`"),
    ))]
async fn decide_access(
    State(identity): State<Identity>,
    by: Holds<WriteGrants>,
    Path(service): Path<Ref<ServiceId>>,
    Json(decisions): Json<Decisions, MAX_BODY>,
) -> Result<Json<Decided>> {
    let mut conn = identity.db.read().await?;
    let (service, by) = by.resolve_within(&mut conn, &service).await?;
    drop(conn);
    let (confirm, revoke) = decisions.sorted()?;
    let revoked = decide(&identity, &by, service, &confirm, &revoke).await?;
    Ok(Json(Decided {
        status: "success",
        confirmed: confirm.len(),
        revoked: revoked.len(),
        confirmed_grants: DecidedGrant::all(&confirm),
        revoked_grants: DecidedGrant::all(&revoked),
    }))
}
