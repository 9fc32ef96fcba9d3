use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::role::{NamedHolder, NewResourceRoleGrant, ResourceRoleGrant};
use super::store::roles::{self as on_resources, RoleFilter};
use super::{Held, Holder, ResourceName, ResourceRole, give, take};
use crate::access::grants::{self, Notice, RequestedTerms};
use crate::access::{Access, roles};
use crate::base::error::{Error, Result};
use crate::base::id::{GroupId, Id, PersonId, Ref, ServiceId};
use crate::base::person::unknown_person;
use crate::gate::audit::AuditedTx;
use crate::gate::idempotency::once;
use crate::gate::permission::{ReadGrants, WriteGrants};
use crate::gate::store::{groups, people};
use crate::gate::{Can, Holds, LockScope};
use crate::platform::http::{Json, Page, PageQuery, Routes, query};

/// `/resource-roles`.
pub fn routes() -> Routes<Access> {
    Routes::new().routes(once(routes!(list_resource_roles, grant_resource_role, revoke_resource_role)))
}

/// The role is held.
#[derive(Debug, Serialize, ToSchema)]
struct ResourceRoleGranted {
    /// Always `success`.
    #[schema(example = "success")]
    status: &'static str,
    /// What the caller should know about the grant. Only if there is something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    notices: Vec<Notice>,
}

/// Grant a role on a resource
///
/// To a person, or to a group and so to everybody in it: on the resource and on all beneath it. It counts in decisions about these,
/// not in `POST /check-token`. Under the rules of granting the role in the service. Safe to repeat: a second request changes the expiry
/// or reason that it names and leaves the rest. If the service did not offer the role, it does from now on. With `grants:write` in one
/// service only, name whoever holds nothing there by name.
#[utoipa::path(post, path = "/resource-roles", tag = "resources", request_body = NewResourceRoleGrant, responses(
    (status = 200, body = ResourceRoleGranted),
    (status = 400, description = "`invalid_user_id`, `invalid_group_id`, `invalid_service_id`, `invalid_role_id`"),
    (status = 404, description = "`person_not_found`, `group_not_found`, `service_not_found`, `role_not_found`, `resource_not_found`"),
    (status = 409, description = "`ambiguous_name`, `built_in`, `direct_role`, `password_set_by_another`"),
))]
async fn grant_resource_role(
    State(access): State<Access>,
    by: Holds<WriteGrants>,
    Json(new): Json<NewResourceRoleGrant>,
) -> Result<Json<ResourceRoleGranted>> {
    let (named, end, why) = new.split();
    let end = end.seen_from(access.clock.now())?;
    let (mut tx, held) = begin(&access, by, &named, false).await?;
    let terms = RequestedTerms { end, why, ..RequestedTerms::of(tx.by()) };
    let notices = give(&mut tx, &held, &terms).await?;
    tx.commit([]).await?;
    Ok(Json(ResourceRoleGranted { status: "success", notices }))
}

/// The role was revoked.
#[derive(Debug, Serialize, ToSchema)]
struct ResourceRoleRevoked {
    #[schema(example = "role_removed_from_resource")]
    status: &'static str,
    /// False if it was not held on the resource itself.
    #[schema(example = true)]
    revoked: bool,
}

/// Revoke a role on a resource
///
/// What is held on a resource above it stays. Safe to repeat.
#[utoipa::path(delete, path = "/resource-roles", tag = "resources", request_body = ResourceRoleGrant, responses(
    (status = 200, body = ResourceRoleRevoked),
    (status = 400, description = "`invalid_user_id`, `invalid_group_id`, `invalid_service_id`, `invalid_role_id`"),
    (status = 404, description = "`person_not_found`, `group_not_found`, `service_not_found`, `role_not_found`"),
    (status = 409, description = "`ambiguous_name`, `direct_role`"),
))]
async fn revoke_resource_role(
    State(access): State<Access>,
    by: Holds<WriteGrants>,
    Json(named): Json<ResourceRoleGrant>,
) -> Result<Json<ResourceRoleRevoked>> {
    let (mut tx, held) = begin(&access, by, &named, true).await?;
    let revoked = take(&mut tx, &held).await?;
    tx.commit([]).await?;
    Ok(Json(ResourceRoleRevoked { status: "role_removed_from_resource", revoked }))
}

/// Begins a change of what a body names.
async fn begin(
    access: &Access,
    by: Holds<WriteGrants>,
    named: &ResourceRoleGrant,
    takes: bool,
) -> Result<(AuditedTx, Held)> {
    let who = NamedHolder::of(named.person_id.as_ref(), named.group_id.as_ref())?;
    let resource = ResourceName::read(named.kind.as_str(), named.id.as_str());
    let resource = resource.map_err(|fault| Error::invalid_field("type", &fault))?;
    let mut conn = access.db.read().await?;
    let (service, by) = by.resolve_within(&mut conn, &named.service_id).await?;
    let holder = holder(&mut conn, &by, &who, service, access.clock.now()).await?;
    let role = if takes {
        roles::store::resolve_one(&mut conn, &named.role_id).await?
    } else {
        roles::store::resolve(&mut conn, &named.role_id).await?
    };
    if !by.everywhere {
        roles::store::must_not_be_direct_elsewhere(&mut conn, service, role, &named.role_id).await?;
    }
    drop(conn);
    let about = match holder {
        Holder::Person(person) => LockScope::person(person),
        Holder::Group(_) => LockScope::default(),
    };
    let tx = by.begin(access, about).await?;
    Ok((tx, Held { service, resource, holder, role }))
}

/// Who is meant. Who decides in one service alone names those who hold nothing there by name: by number they would count all, one by
/// one.
async fn holder(
    conn: &mut PgConnection,
    by: &Can<WriteGrants>,
    who: &NamedHolder<'_>,
    service: ServiceId,
    now: OffsetDateTime,
) -> Result<Holder> {
    match who {
        NamedHolder::Person(named) => {
            let found = people::find(conn, named).await?.ok_or_else(|| unknown_person(named));
            if by.everywhere || named.is_username() {
                return Ok(Holder::Person(found?.id));
            }
            let unknown = || {
                let detail = "nobody with that id holds anything in this service; name new people by username";
                Error::not_found("person_not_found", detail)
            };
            let person = found.map_err(|_| unknown())?.id;
            let is_known = person == by.actor || grants::store::holds_anything(conn, person, service, now).await?;
            if is_known { Ok(Holder::Person(person)) } else { Err(unknown()) }
        }
        NamedHolder::Group(named) => {
            let group = groups::find(conn, named).await?.ok_or_else(|| named.absent())?;
            let is_known = by.everywhere
                || named.is_name()
                || grants::store::of_groups::holds_anything(conn, group, service, now).await?;
            if is_known { Ok(Holder::Group(group)) } else { Err(GroupId::not_found()) }
        }
    }
}

/// Which roles on resources to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct WhichRoles {
    /// The service: id or name.
    #[param(required = true, max_length = 100, value_type = String)]
    service_id: Option<String>,
    /// Only those on this resource itself: the resource's type; send it with `id`.
    #[serde(rename = "type")]
    #[param(max_length = 128, example = "folder")]
    kind: Option<String>,
    /// The resource's id; send it with `type`.
    #[param(max_length = 256, example = "7")]
    id: Option<String>,
    /// Only those of this person: their id.
    #[param(value_type = Option<i32>)]
    person_id: Option<String>,
    /// Only those of this group: its id.
    #[param(value_type = Option<i32>)]
    group_id: Option<String>,
}

/// The same, read.
struct AskedRoles {
    service: Ref<ServiceId>,
    service_as_sent: String,
    filter: RoleFilter,
}

impl<S: Send + Sync> FromRequestParts<S> for AskedRoles {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let refuse = |detail: String| Error::bad_request("invalid_query", detail);
        let WhichRoles { service_id, kind, id, person_id, group_id } = query(parts)?;
        let service_as_sent = service_id
            .filter(|service| !service.is_empty())
            .ok_or_else(|| refuse("name the service: `?service_id=` with its id or name".to_owned()))?;
        let resource = match (kind, id) {
            (None, None) => None,
            (Some(kind), Some(id)) => Some(ResourceName::read(&kind, &id).map_err(refuse)?),
            _ => return Err(refuse("send `type` and `id` together".to_owned())),
        };
        let number = |text: String| text.parse::<i32>().map_err(|_| refuse("that is no id: a number".to_owned()));
        let holder = match (person_id, group_id) {
            (None, None) => None,
            (Some(person), None) => Some(Holder::Person(PersonId(number(person)?))),
            (None, Some(group)) => Some(Holder::Group(GroupId(number(group)?))),
            _ => return Err(refuse("send `person_id` or `group_id`, and not both".to_owned())),
        };
        let service = Ref::parse(&service_as_sent);
        Ok(Self { service, service_as_sent, filter: RoleFilter { resource, holder } })
    }
}

/// List roles on resources
///
/// Of one service: who holds which on which resource, since when, from whom, until when.
#[utoipa::path(get, path = "/resource-roles", tag = "resources", params(WhichRoles, PageQuery),
    responses(
        (status = 200, body = Vec<ResourceRole>),
        (status = 400, description = "`invalid_service_id`, `invalid_query`"),
        (status = 404, description = "`service_not_found`"),
    ))]
async fn list_resource_roles(
    State(access): State<Access>,
    by: Holds<ReadGrants>,
    asked: AskedRoles,
    page: Page,
) -> Result<Response> {
    let mut conn = access.db.read().await?;
    let (service, _) = by.resolve_within(&mut conn, &asked.service).await?;
    let held = on_resources::list(&mut conn, service, &asked.filter, &page, access.clock.now()).await?;
    drop(conn);
    Ok(page.respond_asking(
        held,
        |one| one.place,
        |next| {
            let (person, group) = asked.filter.holder.map(Holder::columns).unwrap_or_default();
            let resource = asked.filter.resource.as_ref();
            next.filter("service_id", Some(&asked.service_as_sent))
                .filter("type", resource.map(|resource| resource.kind.as_str()))
                .filter("id", resource.map(|resource| resource.id.as_str()))
                .filter("person_id", person.map(|id| id.to_string()).as_deref())
                .filter("group_id", group.map(|id| id.to_string()).as_deref())
        },
    ))
}
