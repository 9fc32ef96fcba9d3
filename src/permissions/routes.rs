use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{NewPermission, Permission, PermissionId, store};
use crate::access::permission::{ReadPermissions, WritePermissions};
use crate::access::{About, Can};
use crate::app::App;
use crate::audit::{Action, Event};
use crate::error::Result;
use crate::http::{Json, Page, Path};
use crate::id::Ref;
use crate::openapi::{PageQuery, Success};

/// `/permissions`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_permissions, create_permission)).routes(routes!(
        get_permission,
        update_permission,
        delete_permission
    ))
}

/// List permissions
///
/// Portero's own are not among them; `GET /roles/0/permissions` lists those.
#[utoipa::path(get, path = "/permissions", tag = "permissions", params(PageQuery),
    responses((status = 200, body = Vec<Permission>)))]
async fn list_permissions(State(app): State<App>, _: Can<ReadPermissions>, page: Page) -> Result<Response> {
    let permissions = store::list(&mut *app.db.read().await?, &page).await?;
    Ok(page.respond(permissions, |permission| permission.id.0))
}

/// Make a permission
///
/// Doing it twice is safe: 200 with the permission that stands.
#[utoipa::path(post, path = "/permissions", tag = "permissions", request_body = NewPermission, responses(
    (status = 201, body = Permission),
    (status = 200, body = Permission, description = "it stood already"),
))]
async fn create_permission(
    State(app): State<App>,
    by: Can<WritePermissions>,
    Json(new): Json<NewPermission>,
) -> Result<(StatusCode, Json<Permission>)> {
    let mut tx = by.begin(&app, About::default()).await?;
    let (status, permission) = store::ensure(&mut tx, &new.name).await?;
    let made = Event::new(Action::PermissionCreated).after(&permission);
    tx.commit((status == StatusCode::CREATED).then_some(made)).await?;
    Ok((status, Json(permission)))
}

/// See a permission
#[utoipa::path(get, path = "/permissions/{id}", tag = "permissions",
    params(("id" = i32, Path, description = "the permission's id")),
    responses(
        (status = 200, body = Permission),
        (status = 400, description = "`invalid_permission_id`"),
        (status = 404, description = "`permission_not_found`"),
    ))]
async fn get_permission(
    State(app): State<App>,
    _: Can<ReadPermissions>,
    Path(id): Path<Ref<PermissionId>>,
) -> Result<Json<Permission>> {
    Ok(Json(store::get(&mut *app.db.read().await?, id.id()?).await?))
}

/// Rename a permission
#[utoipa::path(put, path = "/permissions/{id}", tag = "permissions",
    params(("id" = i32, Path, description = "the permission's id")),
    request_body = NewPermission,
    responses(
        (status = 200, body = Success),
        (status = 400, description = "`invalid_permission_id`"),
        (status = 404, description = "`permission_not_found`"),
        (status = 409, description = "`permission_exists`, `built_in`"),
    ))]
async fn update_permission(
    State(app): State<App>,
    by: Can<WritePermissions>,
    Path(id): Path<Ref<PermissionId>>,
    Json(change): Json<NewPermission>,
) -> Result<Json<Success>> {
    let mut tx = by.begin(&app, About::default()).await?;
    let permission = store::get(&mut tx, id.id()?).await?;
    permission.id.must_not_be_built_in()?;
    store::rename(&mut tx, permission.id, &change.name).await?;
    let after = Permission { id: permission.id, name: change.name.into() };
    tx.commit([Event::new(Action::PermissionChanged).before(permission).after(after)]).await?;
    Ok(Json(Success::default()))
}

/// That a permission was deleted.
#[derive(Debug, Serialize, ToSchema)]
struct PermissionDeleted {
    #[schema(example = "permission_deleted")]
    status: &'static str,
    permission_id: PermissionId,
}

/// Delete a permission
///
/// Every role loses it, and so does everybody who held it.
#[utoipa::path(delete, path = "/permissions/{id}", tag = "permissions",
    params(("id" = i32, Path, description = "the permission's id")),
    responses(
        (status = 200, body = PermissionDeleted),
        (status = 400, description = "`invalid_permission_id`"),
        (status = 404, description = "`permission_not_found`"),
        (status = 409, description = "`built_in`"),
    ))]
async fn delete_permission(
    State(app): State<App>,
    by: Can<WritePermissions>,
    Path(id): Path<Ref<PermissionId>>,
) -> Result<Json<PermissionDeleted>> {
    let mut tx = by.begin(&app, About::default()).await?;
    let permission = store::get(&mut tx, id.id()?).await?;
    permission.id.must_not_be_built_in()?;
    store::delete(&mut tx, permission.id).await?;
    tx.commit([Event::new(Action::PermissionDeleted).before(&permission)]).await?;
    Ok(Json(PermissionDeleted { status: "permission_deleted", permission_id: permission.id }))
}
