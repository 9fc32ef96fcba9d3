use axum::extract::{FromRequest, Request, State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{LARGEST, Picture, remove_logo, set_logo};
use crate::base::error::{Error, Result};
use crate::gate::Holds;
use crate::gate::permission::WriteServices;
use crate::oauth::OAuth;
use crate::oauth::clients::routes::{about, find};
use crate::platform::http::{Json, Path, Routes, read};

/// `/clients/{client_id}/logo`.
pub fn routes() -> Routes<OAuth> {
    Routes::new().routes(routes!(set_client_logo, delete_client_logo))
}

impl<S: Send + Sync> FromRequest<S> for Picture {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        let bytes = read(request.into_body(), LARGEST).await?;
        Self::read(bytes).map_err(|fault| Error::bad_request("invalid_logo", format!("the picture {fault}")))
    }
}

/// The client has this logo now.
#[derive(Debug, Serialize, ToSchema)]
struct LogoSet {
    #[schema(example = "logo_set")]
    status: &'static str,
    #[schema(example = "wiki")]
    client_id: String,
    /// The SHA-256 of the picture.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    logo: String,
    #[schema(example = "image/png")]
    media_type: &'static str,
    #[schema(example = 128)]
    width: u32,
    #[schema(example = 128)]
    height: u32,
}

/// Give a client a logo
///
/// The picture is the body: a PNG, JPEG or WebP of at most 64 KiB and 1024 pixels each way. It is shown where people log in for
/// the client, and where they are asked whether it may act for them.
#[utoipa::path(put, path = "/clients/{client_id}/logo", tag = "clients",
    params(("client_id" = String, Path, description = "what requests name it by", example = "wiki")),
    request_body(content(("image/png"), ("image/jpeg"), ("image/webp")), description = "the picture"),
    responses(
        (status = 200, body = LogoSet),
        (status = 400, description = "`invalid_logo`"),
        (status = 404, description = "`client_not_found`"),
        (status = 409, description = "`built_in`"),
    ))]
async fn set_client_logo(
    State(oauth): State<OAuth>,
    by: Holds<WriteServices>,
    Path(client_id): Path<String>,
    picture: Picture,
) -> Result<Json<LogoSet>> {
    let (client, by) = find(&mut *oauth.db.read().await?, by, &client_id).await?;
    let mut tx = by.begin(&oauth, about(&client)).await?;
    let logo = set_logo(&mut tx, &client, &picture).await?;
    tx.commit([]).await?;
    let (width, height) = picture.size;
    let media_type = picture.media_type;
    Ok(Json(LogoSet { status: "logo_set", client_id: client.client_id, logo, media_type, width, height }))
}

/// The logo was removed.
#[derive(Debug, Serialize, ToSchema)]
struct LogoRemoved {
    #[schema(example = "logo_removed")]
    status: &'static str,
    #[schema(example = "wiki")]
    client_id: String,
}

/// Remove a client's logo
#[utoipa::path(delete, path = "/clients/{client_id}/logo", tag = "clients",
    params(("client_id" = String, Path, description = "what requests name it by", example = "wiki")),
    responses(
        (status = 200, body = LogoRemoved),
        (status = 404, description = "`client_not_found`, `logo_not_found`"),
        (status = 409, description = "`built_in`"),
    ))]
async fn delete_client_logo(
    State(oauth): State<OAuth>,
    by: Holds<WriteServices>,
    Path(client_id): Path<String>,
) -> Result<Json<LogoRemoved>> {
    let (client, by) = find(&mut *oauth.db.read().await?, by, &client_id).await?;
    let mut tx = by.begin(&oauth, about(&client)).await?;
    remove_logo(&mut tx, &client).await?;
    tx.commit([]).await?;
    Ok(Json(LogoRemoved { status: "logo_removed", client_id: client.client_id }))
}
