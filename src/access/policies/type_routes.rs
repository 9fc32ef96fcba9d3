use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::create::must_not_be_portero;
use super::{NewResourceType, ResourceType, TypeName, declare, store, undeclare};
use crate::access::Access;
use crate::base::error::{Error, Result};
use crate::base::id::{Id, Ref, ResourceTypeId, ServiceId};
use crate::base::made::Made;
use crate::gate::permission::{ReadServices, WriteServices};
use crate::gate::{Holds, LockScope};
use crate::platform::http::{IfMatch, Json, Page, PageQuery, Path, Routes, Tagged, tagged};

/// `/services/{service}/resource-types`.
pub fn routes() -> Routes<Access> {
    Routes::new().routes(routes!(list_resource_types)).routes(tagged(routes!(
        get_resource_type,
        put_resource_type,
        delete_resource_type
    )))
}

/// List a service's resource types
///
/// Those that it has declared.
#[utoipa::path(get, path = "/services/{service}/resource-types", tag = "policies",
    params(("service" = String, Path, description = "id or name", example = "4"), PageQuery),
    responses(
        (status = 200, body = Vec<ResourceType>),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`service_not_found`"),
    ))]
async fn list_resource_types(
    State(access): State<Access>,
    by: Holds<ReadServices>,
    Path(service): Path<Ref<ServiceId>>,
    page: Page,
) -> Result<Response> {
    let mut conn = access.db.read().await?;
    let (service, _) = by.resolve_within(&mut conn, &service).await?;
    let types = store::types::list(&mut conn, service, &page).await?;
    Ok(page.respond(types, |one| one.id.0))
}

/// Get a resource type
#[utoipa::path(get, path = "/services/{service}/resource-types/{name}", tag = "policies",
    params(
        ("service" = String, Path, description = "id or name", example = "4"),
        ("name" = String, Path, description = "its name", example = "invoice"),
    ),
    responses(
        (status = 200, body = ResourceType),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`service_not_found`, `resource_type_not_found`"),
    ))]
async fn get_resource_type(
    State(access): State<Access>,
    by: Holds<ReadServices>,
    Path((service, name)): Path<(Ref<ServiceId>, String)>,
) -> Result<Tagged<ResourceType>> {
    let mut conn = access.db.read().await?;
    let (service, _) = by.resolve_within(&mut conn, &service).await?;
    let name: TypeName = name.parse().map_err(|_| ResourceTypeId::not_found())?;
    store::types::find(&mut conn, service, name.as_str()).await?.ok_or_else(ResourceTypeId::not_found)
}

/// Declare a resource type
///
/// All of its columns, with their types. Policies are then checked against them: another column is a fault, and so is a comparison
/// of types that don't compare. Without a declaration, columns take their types from what they are compared with. Refused where
/// policies of this type would mean nothing any more; `policy_ids` names them. At most 1000 types per service.
#[utoipa::path(put, path = "/services/{service}/resource-types/{name}", tag = "policies",
    params(
        ("service" = String, Path, description = "id or name", example = "4"),
        ("name" = String, Path, description = "its name", example = "invoice"),
    ),
    request_body = NewResourceType,
    responses(
        (status = 200, body = ResourceType, description = "it was declared already"),
        (status = 201, body = ResourceType),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`service_not_found`"),
        (status = 409, description = "`built_in`, `policies_in_the_way`, `too_many_resource_types`"),
    ))]
async fn put_resource_type(
    State(access): State<Access>,
    by: Holds<WriteServices>,
    Path((service, name)): Path<(Ref<ServiceId>, String)>,
    if_match: IfMatch,
    Json(new): Json<NewResourceType>,
) -> Result<Response> {
    let (service, by) = by.resolve_within(&mut *access.db.read().await?, &service).await?;
    must_not_be_portero(service)?;
    let name = readable(&name)?;
    let mut tx = by.begin(&access, LockScope::default()).await?;
    let made = declare(&mut tx, service, &name, &new, Some(&if_match)).await?;
    tx.commit([]).await?;
    Ok(match made {
        Made::New(made) => (StatusCode::CREATED, made).into_response(),
        Made::Standing(standing) => standing.into_response(),
    })
}

/// The type is declared no longer.
#[derive(Debug, Serialize, ToSchema)]
struct ResourceTypeDeleted {
    #[schema(example = "resource_type_deleted")]
    status: &'static str,
    service_id: ServiceId,
    #[schema(example = "invoice")]
    name: String,
}

/// Delete a resource type
///
/// Its columns then take their types from what they are compared with. Policies stay.
#[utoipa::path(delete, path = "/services/{service}/resource-types/{name}", tag = "policies",
    params(
        ("service" = String, Path, description = "id or name", example = "4"),
        ("name" = String, Path, description = "its name", example = "invoice"),
    ),
    responses(
        (status = 200, body = ResourceTypeDeleted),
        (status = 400, description = "`invalid_service_id`"),
        (status = 404, description = "`service_not_found`, `resource_type_not_found`"),
        (status = 409, description = "`policies_in_the_way`"),
    ))]
async fn delete_resource_type(
    State(access): State<Access>,
    by: Holds<WriteServices>,
    Path((service, name)): Path<(Ref<ServiceId>, String)>,
    if_match: IfMatch,
) -> Result<Json<ResourceTypeDeleted>> {
    let (service, by) = by.resolve_within(&mut *access.db.read().await?, &service).await?;
    let name: TypeName = name.parse().map_err(|_| ResourceTypeId::not_found())?;
    let mut tx = by.begin(&access, LockScope::default()).await?;
    let gone = undeclare(&mut tx, service, &name, Some(&if_match)).await?;
    tx.commit([]).await?;
    Ok(Json(ResourceTypeDeleted { status: "resource_type_deleted", service_id: service, name: gone.name }))
}

/// A type that can be declared.
fn readable(name: &str) -> Result<TypeName> {
    let read: TypeName =
        name.parse().map_err(|fault| Error::bad_request("invalid_path", format!("the type's name: {fault}")))?;
    if read.as_str() == super::ALL {
        return Err(Error::bad_request("invalid_path", "`all` stands for every type, and can't be declared"));
    }
    Ok(read)
}
