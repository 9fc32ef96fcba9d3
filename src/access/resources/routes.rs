use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::store::{self, Filter};
use super::{NewResource, Resource, ResourceName, not_found, put_one, remove_one};
use crate::access::Access;
use crate::access::keeper::{Keeper, ServiceLock};
use crate::base::error::{Error, Result};
use crate::base::id::{Ref, ServiceId};
use crate::base::made::Made;
use crate::gate::permission::{ReadServices, WriteServices};
use crate::platform::http::{IfMatch, Json, Path, Routes, Tagged, query, tagged};

/// `/services/{service}/resources/{type}/{id}`.
pub fn routes() -> Routes<Access> {
    Routes::new().routes(tagged(routes!(get_resource, put_resource, delete_resource)))
}

/// Whether to delete what lies beneath, too.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct RecursiveQuery {
    /// Whether to delete what lies beneath, too.
    #[param(value_type = Option<bool>, default = false)]
    recursive: Option<String>,
}

/// The same, read.
pub(super) struct Recursive(pub bool);

impl<S: Send + Sync> FromRequestParts<S> for Recursive {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let refuse = |detail: String| Error::bad_request("invalid_query", detail);
        match query::<RecursiveQuery>(parts)?.recursive.as_deref() {
            None | Some("false") => Ok(Self(false)),
            Some("true") => Ok(Self(true)),
            Some(_) => Err(refuse("`recursive` is `true` or `false`".to_owned())),
        }
    }
}

/// Which resources to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichResources {
    /// Only those of this type.
    #[serde(rename = "type")]
    #[param(max_length = 128, example = "folder")]
    kind: Option<String>,
    /// Only direct children of this parent: the parent's type; send it with `parent_id`.
    #[param(max_length = 128, example = "folder")]
    parent_type: Option<String>,
    /// The parent's id; send it with `parent_type`.
    #[param(max_length = 256, example = "7")]
    parent_id: Option<String>,
}

/// What a query says of resources.
#[derive(Debug)]
pub(super) struct AskedResources(pub Filter);

impl<S: Send + Sync> FromRequestParts<S> for AskedResources {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let refuse = |detail: String| Error::bad_request("invalid_query", detail);
        let WhichResources { kind, parent_type, parent_id } = query(parts)?;
        let parent = match (parent_type, parent_id) {
            (None, None) => None,
            (Some(kind), Some(id)) => Some(ResourceName::read(&kind, &id).map_err(refuse)?),
            _ => return Err(refuse("send `parent_type` and `parent_id` together".to_owned())),
        };
        // Of any type: one that there is none of finds nothing.
        let kind = kind.map(|kind| ResourceName::read(&kind, "any").map(|name| name.kind)).transpose();
        Ok(Self(Filter { kind: kind.map_err(refuse)?, parent }))
    }
}

/// Get a resource
///
/// A service's key sees the resources of its service.
#[utoipa::path(get, path = "/services/{service}/resources/{type}/{id}", tag = "resources",
    params(
        ("service" = String, Path, description = "id or name", example = "4"),
        ("type" = String, Path, description = "the resource's type", example = "folder"),
        ("id" = String, Path, description = "what the service calls it", example = "7"),
    ),
    responses(
        (status = 200, body = Resource),
        (status = 400, description = "`invalid_service_id`"),
        (status = 403, description = "`insufficient_permissions`, `forbidden_service_lookup`"),
        (status = 404, description = "`service_not_found`, `resource_not_found`"),
    ),
    security(("token" = []), ("bearer" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn get_resource(
    State(access): State<Access>,
    by: Keeper<ReadServices>,
    Path((service, kind, id)): Path<(Ref<ServiceId>, String, String)>,
) -> Result<Tagged<Resource>> {
    let (service, _) = by.of(&access, &service).await?;
    let name = ResourceName::read(&kind, &id).map_err(|_| not_found())?;
    store::find(&mut *access.db.read().await?, service, &name).await?.ok_or_else(not_found)
}

/// Tell of a resource
///
/// All of it: properties that are left out are gone, and so is its parent. A parent is another resource of the same service, told of
/// before. At most 32 others lie above. The next decision knows it.
#[utoipa::path(put, path = "/services/{service}/resources/{type}/{id}", tag = "resources",
    params(
        ("service" = String, Path, description = "id or name", example = "4"),
        ("type" = String, Path, description = "the resource's type", example = "folder"),
        ("id" = String, Path, description = "what the service calls it", example = "7"),
    ),
    request_body = NewResource,
    responses(
        (status = 200, body = Resource, description = "Portero knew of it"),
        (status = 201, body = Resource),
        (status = 400, description = "`invalid_service_id`, `invalid_path`"),
        (status = 403, description = "`insufficient_permissions`, `forbidden_service_lookup`"),
        (status = 404, description = "`service_not_found`"),
        (status = 409, description = "`built_in`, `resource_circle`, `resource_too_deep`"),
    ),
    security(("token" = []), ("bearer" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn put_resource(
    State(access): State<Access>,
    by: Keeper<WriteServices>,
    Path((service, kind, id)): Path<(Ref<ServiceId>, String, String)>,
    if_match: IfMatch,
    Json(new): Json<NewResource>,
) -> Result<Response> {
    let (service, by) = by.of(&access, &service).await?;
    service.must_not_be_built_in()?;
    let name = ResourceName::read(&kind, &id).map_err(|fault| Error::bad_request("invalid_path", fault))?;
    let mut tx = by.begin(&access, ServiceLock::Hold).await?;
    let made = put_one(&mut tx, service, new.of(name), Some(&if_match)).await?;
    tx.commit([]).await?;
    Ok(match made {
        Made::New(made) => (StatusCode::CREATED, made).into_response(),
        Made::Standing(standing) => standing.into_response(),
    })
}

/// The resource is gone.
#[derive(Debug, Serialize, ToSchema)]
struct ResourceDeleted {
    #[schema(example = "resource_deleted")]
    status: &'static str,
    #[serde(flatten)]
    name: ResourceName,
    /// How many have gone, those beneath it included.
    #[schema(example = 1)]
    deleted: usize,
}

/// Delete a resource
///
/// Whoever held a role on it holds it no longer. Refused while others lie beneath; `?recursive=true` deletes these, too.
#[utoipa::path(delete, path = "/services/{service}/resources/{type}/{id}", tag = "resources",
    params(
        ("service" = String, Path, description = "id or name", example = "4"),
        ("type" = String, Path, description = "the resource's type", example = "folder"),
        ("id" = String, Path, description = "what the service calls it", example = "7"),
        RecursiveQuery,
    ),
    responses(
        (status = 200, body = ResourceDeleted),
        (status = 400, description = "`invalid_service_id`, `invalid_query`"),
        (status = 403, description = "`insufficient_permissions`, `forbidden_service_lookup`"),
        (status = 404, description = "`service_not_found`, `resource_not_found`"),
        (status = 409, description = "`resource_has_children`"),
    ),
    security(("token" = []), ("bearer" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn delete_resource(
    State(access): State<Access>,
    by: Keeper<WriteServices>,
    Path((service, kind, id)): Path<(Ref<ServiceId>, String, String)>,
    Recursive(recursive): Recursive,
    if_match: IfMatch,
) -> Result<Json<ResourceDeleted>> {
    let (service, by) = by.of(&access, &service).await?;
    let name = ResourceName::read(&kind, &id).map_err(|_| not_found())?;
    let mut tx = by.begin(&access, ServiceLock::Hold).await?;
    let (gone, deleted) = remove_one(&mut tx, service, &name, recursive, Some(&if_match)).await?;
    tx.commit([]).await?;
    Ok(Json(ResourceDeleted { status: "resource_deleted", name: gone.name, deleted }))
}
