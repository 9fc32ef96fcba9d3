use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::routes::{AskedResources, Recursive, WhichResources};
use super::{Put, Removed, Resource, must_be_faultless, put_all, read_named, read_wanted, remove_all, store};
use crate::access::Access;
use crate::access::keeper::{Keeper, ServiceLock};
use crate::base::error::{Error, Result};
use crate::base::id::{Ref, ServiceId};
use crate::gate::permission::{ReadServices, WriteServices};
use crate::platform::http::{Deadline, Json, Page, PageQuery, Path, Route, Routes, read};

/// The largest body.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// `/services/{service}/resources`.
pub fn routes() -> Routes<Access> {
    Routes::new()
        .routes(Route::from(routes!(list_resources, put_resources)).within(Deadline::File))
        .routes(Route::from(routes!(delete_resources)).within(Deadline::File))
}

/// List a service's resources
///
/// Those that it has told of, first those that it told of first.
#[utoipa::path(get, path = "/services/{service}/resources", tag = "resources",
    params(("service" = String, Path, description = "id or name", example = "4"), WhichResources, PageQuery),
    responses(
        (status = 200, body = Vec<Resource>),
        (status = 400, description = "`invalid_service_id`, `invalid_query`"),
        (status = 403, description = "`insufficient_permissions`, `forbidden_service_lookup`"),
        (status = 404, description = "`service_not_found`"),
    ),
    security(("token" = []), ("bearer" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn list_resources(
    State(access): State<Access>,
    by: Keeper<ReadServices>,
    Path(service): Path<Ref<ServiceId>>,
    AskedResources(filter): AskedResources,
    page: Page,
) -> Result<Response> {
    let (service, _) = by.of(&access, &service).await?;
    let mut conn = access.db.read().await?;
    let resources = store::list(&mut conn, service, &filter, &page).await?;
    drop(conn);
    Ok(page.respond_asking(
        resources,
        |one| one.place,
        |next| {
            let parent = filter.parent.as_ref();
            next.filter("type", filter.kind.as_deref())
                .filter("parent_type", parent.map(|parent| parent.kind.as_str()))
                .filter("parent_id", parent.map(|parent| parent.id.as_str()))
        },
    ))
}

/// What became of many.
#[derive(Debug, Serialize, ToSchema)]
struct ResourcesPut {
    #[schema(example = "resources_put")]
    status: &'static str,
    /// How many Portero did not know.
    #[schema(example = 2)]
    created: usize,
    /// How many are otherwise now.
    #[schema(example = 1)]
    changed: usize,
    /// How many are as they were.
    #[schema(example = 7)]
    unchanged: usize,
}

/// Tell of many resources
///
/// JSON Lines: an object a line with `type`, `id`, `properties` and `parent` (`{"type": …, "id": …}`), each as of
/// `PUT /services/{service}/resources/{type}/{id}`. A parent may stand in any line. All or none: if anything is wrong, all faults are
/// listed with their lines, and nothing is changed. At most 10,000 lines and 8 MiB.
#[utoipa::path(post, path = "/services/{service}/resources", tag = "resources",
    params(("service" = String, Path, description = "id or name", example = "4")),
    request_body(content((String = "application/x-ndjson"), (String = "application/jsonl")), description = "one resource a line"),
    responses(
        (status = 200, body = ResourcesPut),
        (status = 400, description = "`invalid_service_id`, `invalid_resources`"),
        (status = 403, description = "`insufficient_permissions`, `forbidden_service_lookup`"),
        (status = 404, description = "`service_not_found`"),
        (status = 409, description = "`built_in`, `resource_too_deep`"),
        (status = 415, description = "`unsupported_media_type`"),
    ),
    security(("token" = []), ("bearer" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn put_resources(
    State(access): State<Access>,
    by: Keeper<WriteServices>,
    Path(service): Path<Ref<ServiceId>>,
    request: Request,
) -> Result<Json<ResourcesPut>> {
    let (service, by) = by.of(&access, &service).await?;
    service.must_not_be_built_in()?;
    let wanted = read_wanted(&read(lines_of(request)?, MAX_BODY).await?)?;
    let mut tx = by.begin(&access, ServiceLock::Hold).await?;
    let put = put_all(&mut tx, service, &wanted).await?;
    let Put { created, changed, unchanged } = must_be_faultless(put, wanted.len())?;
    tx.commit([]).await?;
    Ok(Json(ResourcesPut { status: "resources_put", created, changed, unchanged }))
}

/// Many are gone.
#[derive(Debug, Serialize, ToSchema)]
struct ResourcesDeleted {
    #[schema(example = "resources_deleted")]
    status: &'static str,
    /// How many have gone, those beneath them included.
    #[schema(example = 9)]
    deleted: usize,
    /// How many of those that were named were not there.
    #[schema(example = 1)]
    absent: usize,
}

/// Delete many resources
///
/// JSON Lines: an object a line with `type` and `id`. All or none, and safe to repeat: those that are not there are counted. Refused
/// while others lie beneath them that are not named; `?recursive=true` deletes these, too. At most 10,000 lines and 8 MiB.
#[utoipa::path(post, path = "/services/{service}/resources/delete", tag = "resources",
    params(("service" = String, Path, description = "id or name", example = "4"),
        ("recursive" = Option<bool>, Query, description = "whether to delete what lies beneath, too")),
    request_body(content((String = "application/x-ndjson"), (String = "application/jsonl")), description = "one resource a line"),
    responses(
        (status = 200, body = ResourcesDeleted),
        (status = 400, description = "`invalid_service_id`, `invalid_resources`, `invalid_query`"),
        (status = 403, description = "`insufficient_permissions`, `forbidden_service_lookup`"),
        (status = 404, description = "`service_not_found`"),
        (status = 409, description = "`resource_has_children`"),
        (status = 415, description = "`unsupported_media_type`"),
    ),
    security(("token" = []), ("bearer" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn delete_resources(
    State(access): State<Access>,
    by: Keeper<WriteServices>,
    Path(service): Path<Ref<ServiceId>>,
    Recursive(recursive): Recursive,
    request: Request,
) -> Result<Json<ResourcesDeleted>> {
    let (service, by) = by.of(&access, &service).await?;
    let names = read_named(&read(lines_of(request)?, MAX_BODY).await?)?;
    let mut tx = by.begin(&access, ServiceLock::Hold).await?;
    let Removed { deleted, absent } = remove_all(&mut tx, service, &names, recursive).await?;
    tx.commit([]).await?;
    Ok(Json(ResourcesDeleted { status: "resources_deleted", deleted, absent }))
}

/// The body, if it says that it is JSON Lines.
fn lines_of(request: Request) -> Result<Body> {
    let media = request.headers().get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
    let essence = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/x-ndjson" | "application/jsonl" | "application/x-jsonlines" => Ok(request.into_body()),
        _ => Err(Error::unsupported_media_type("send JSON Lines with `Content-Type: application/x-ndjson`")),
    }
}
