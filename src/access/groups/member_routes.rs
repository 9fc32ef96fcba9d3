use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::group::{Named, NamedMember, NewMember};
use super::store::members;
use super::{GroupOfPerson, Member, join, leave, nest, unnest};
use crate::access::grants::{Notice, RequestedTerms};
use crate::base::error::{Error, Result};
use crate::base::id::{GroupId, PersonId, Ref};
use crate::base::person::unknown_person;
use crate::gate;
use crate::gate::idempotency::once;
use crate::gate::permission::{ReadGrants, WriteGrants};
use crate::gate::store::groups;
use crate::gate::{Can, Holds, LockScope, Principal};
use crate::identity::Identity;
use crate::identity::people::{self, named_in_path};
use crate::platform::http::{Json, Page, PageQuery, Path, Routes};

/// `/groups/{id}/members`, and the groups of a person.
pub(super) fn routes() -> Routes<Identity> {
    Routes::new()
        .routes(once(routes!(list_members, add_member, remove_member)))
        .routes(routes!(remove_person_by_path))
        .routes(routes!(remove_group_by_path))
        .routes(routes!(list_groups_of_user))
}

/// Whether to look into the groups in a group.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DeepQuery {
    /// Whether to list the people in it by whatever way, each once, instead of what was added to it.
    #[param(default = false)]
    #[serde(default)]
    deep: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for DeepQuery {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let query = axum::extract::Query::<Self>::from_request_parts(parts, state).await;
        let axum::extract::Query(query) =
            query.map_err(|_| Error::bad_request("invalid_query", "`deep` is `true` or `false`"))?;
        Ok(query)
    }
}

/// List what is in a group
///
/// Groups first, then people. With `deep`, all people in it, also by groups in it, each once and until when that lasts.
#[utoipa::path(get, path = "/groups/{id}/members", tag = "groups",
    params(("id" = String, Path, description = "the group: id or name", example = "1"), DeepQuery, PageQuery),
    responses(
        (status = 200, body = Vec<Member>),
        (status = 400, description = "`invalid_group_id`"),
        (status = 404, description = "`group_not_found`"),
    ))]
async fn list_members(
    State(identity): State<Identity>,
    _: Can<ReadGrants>,
    Path(id): Path<Ref<GroupId>>,
    DeepQuery { deep }: DeepQuery,
    page: Page,
) -> Result<Response> {
    let mut conn = identity.db.read().await?;
    let group = groups::resolve(&mut conn, &id).await?;
    let now = identity.clock.now();
    let members = if deep {
        members::everybody(&mut conn, group, &page, now).await?
    } else {
        members::list(&mut conn, group, &page, now).await?
    };
    Ok(page.respond_asking(members, |member| member.place, |next| next.filter("deep", deep.then_some("true"))))
}

/// Whoever it is, they are in the group.
#[derive(Debug, Serialize, ToSchema)]
struct MemberAdded {
    /// Always `success`.
    #[schema(example = "success")]
    status: &'static str,
    /// What the caller should know about who is new in the group. Only if there is something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    notices: Vec<Notice>,
}

/// Add a person or a group to a group
///
/// Permanently, or until `expires_at`: from that second it counts no more. Whoever is new holds what the group holds, and
/// what those hold that it is in: you cannot let anybody hold one of Portero's own permissions so that you don't hold for
/// as long, nor somebody whose password was set by a person who could not grant it. A group is never in itself, by
/// however many others: 409 `group_circle` names them. Safe to repeat: a second request changes the expiry or reason
/// that it names and leaves the rest.
#[utoipa::path(post, path = "/groups/{id}/members", tag = "groups",
    params(("id" = String, Path, description = "the group: id or name", example = "1")),
    request_body = NewMember,
    responses(
        (status = 200, body = MemberAdded),
        (status = 400, description = "`invalid_group_id`, `invalid_user_id`"),
        (status = 404, description = "`group_not_found`, `person_not_found`"),
        (status = 409, description = "`client_in_group`, `group_circle`, `password_set_by_another`"),
    ))]
async fn add_member(
    State(identity): State<Identity>,
    by: Can<WriteGrants>,
    Path(group): Path<Ref<GroupId>>,
    Json(new): Json<NewMember>,
) -> Result<Json<MemberAdded>> {
    let end = new.expires_at.seen_from(identity.clock.now())?;
    let (group, member) = found(&identity, &group, Named::of(new.person_id, new.group_id)?).await?;
    let mut tx = by.begin(&identity, member.scope()).await?;
    let terms = RequestedTerms { end, why: new.reason, ..RequestedTerms::of(tx.by()) };
    let notices = match member {
        Found::Person(person) => join(&mut tx, group, person, &terms).await?,
        Found::Group(member) => nest(&mut tx, group, member, &terms).await?,
    };
    tx.commit([]).await?;
    Ok(Json(MemberAdded { status: "success", notices }))
}

/// It is in the group itself no longer.
#[derive(Debug, Serialize, ToSchema)]
struct MemberRemoved {
    #[schema(example = "member_removed")]
    status: &'static str,
    /// False if it was not in the group itself.
    #[schema(example = true)]
    removed: bool,
}

/// Remove a person or a group from a group
///
/// Who is in it by another way, too, stays so. Takes effect in the very next check. Safe to repeat.
#[utoipa::path(delete, path = "/groups/{id}/members", tag = "groups",
    params(("id" = String, Path, description = "the group: id or name", example = "1")),
    request_body = NamedMember,
    responses(
        (status = 200, body = MemberRemoved),
        (status = 400, description = "`invalid_group_id`, `invalid_user_id`"),
        (status = 404, description = "`group_not_found`, `person_not_found`"),
    ))]
async fn remove_member(
    State(identity): State<Identity>,
    by: Can<WriteGrants>,
    Path(group): Path<Ref<GroupId>>,
    Json(named): Json<NamedMember>,
) -> Result<Json<MemberRemoved>> {
    take_out(&identity, &by, &group, Named::of(named.person_id, named.group_id)?).await
}

/// Remove a person from a group, by path
///
/// Like `DELETE /groups/{id}/members`, without a body. An unknown username is 404 `person_not_found`.
#[utoipa::path(delete, path = "/groups/{group}/people/{person}", tag = "groups",
    params(
        ("group" = String, Path, description = "id or name", example = "1"),
        ("person" = String, Path, description = "id, username or `person-<id>`", example = "juan"),
    ),
    responses(
        (status = 200, body = MemberRemoved),
        (status = 400, description = "`invalid_group_id`"),
        (status = 404, description = "`group_not_found`, `person_not_found`"),
    ))]
async fn remove_person_by_path(
    State(identity): State<Identity>,
    by: Can<WriteGrants>,
    Path((group, person)): Path<(Ref<GroupId>, Ref<PersonId>)>,
) -> Result<Json<MemberRemoved>> {
    take_out(&identity, &by, &group, Named::Person(person)).await.map_err(named_in_path)
}

/// Remove a group from a group, by path
///
/// Like `DELETE /groups/{id}/members`, without a body.
#[utoipa::path(delete, path = "/groups/{group}/groups/{member}", tag = "groups",
    params(
        ("group" = String, Path, description = "id or name", example = "1"),
        ("member" = String, Path, description = "id or name", example = "2"),
    ),
    responses(
        (status = 200, body = MemberRemoved),
        (status = 400, description = "`invalid_group_id`"),
        (status = 404, description = "`group_not_found`"),
    ))]
async fn remove_group_by_path(
    State(identity): State<Identity>,
    by: Can<WriteGrants>,
    Path((group, member)): Path<(Ref<GroupId>, Ref<GroupId>)>,
) -> Result<Json<MemberRemoved>> {
    take_out(&identity, &by, &group, Named::Group(member)).await
}

async fn take_out(
    identity: &Identity,
    by: &Can<WriteGrants>,
    group: &Ref<GroupId>,
    named: Named,
) -> Result<Json<MemberRemoved>> {
    let (group, member) = found(identity, group, named).await?;
    let mut tx = by.begin(identity, member.scope()).await?;
    let removed = match member {
        Found::Person(person) => leave(&mut tx, group, person).await?,
        Found::Group(member) => unnest(&mut tx, group, member).await?,
    };
    tx.commit([]).await?;
    Ok(Json(MemberRemoved { status: "member_removed", removed }))
}

/// A member that is there.
#[derive(Clone, Copy, Debug)]
enum Found {
    Person(PersonId),
    Group(GroupId),
}

impl Found {
    fn scope(self) -> LockScope {
        match self {
            Self::Person(person) => LockScope::person(person),
            Self::Group(_) => LockScope::default(),
        }
    }
}

/// The group and the member that a caller named.
async fn found(identity: &Identity, group: &Ref<GroupId>, named: Named) -> Result<(GroupId, Found)> {
    let mut conn = identity.db.read().await?;
    let group = groups::resolve(&mut conn, group).await?;
    let member = match named {
        Named::Person(person) => {
            let found = gate::store::people::find(&mut conn, &person).await?;
            Found::Person(found.ok_or_else(|| unknown_person(&person))?.id)
        }
        Named::Group(member) => Found::Group(groups::resolve(&mut conn, &member).await?),
    };
    Ok((group, member))
}

/// List the groups that a person is in
///
/// Your own, or with `grants:read` everywhere. Also those that they are in by others, each once.
#[utoipa::path(get, path = "/users/{id}/groups", tag = "groups",
    params(("id" = i32, Path, description = "the person's id"), PageQuery),
    responses(
        (status = 200, body = Vec<GroupOfPerson>),
        (status = 400, description = "`invalid_user_id`"),
        (status = 404, description = "`user_not_found`"),
    ))]
async fn list_groups_of_user(
    State(identity): State<Identity>,
    caller: Principal,
    Path(id): Path<Ref<PersonId>>,
    page: Page,
) -> Result<Response> {
    if !(matches!(id, Ref::Id(_)) && caller.is_oneself(&id)) {
        Holds::<ReadGrants>::of(&identity, &caller).await?.everywhere()?;
    }
    let mut conn = identity.db.read().await?;
    let id = id.id()?;
    people::store::tagged(&mut conn, id).await?;
    let groups = members::groups_of(&mut conn, id, &page, identity.clock.now()).await?;
    Ok(page.respond(groups, |group| group.id.0))
}
