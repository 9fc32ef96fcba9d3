//! What pages load.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use utoipa_axum::routes;

use super::brand::Asset;
use crate::base::error::{Error, Result};
use crate::oauth::clients;
use crate::pages::Pages;
use crate::platform::http::{Path, Route, Routes};

/// `/pages/style.css`, `/pages/passkey.js`, `/pages/logo`, `/pages/client-logos/{digest}`.
pub fn routes() -> Routes<Pages> {
    Routes::new()
        .routes(routes!(client_logo_by_digest))
        .routes(Route::from(routes!(stylesheet)).without_postgres())
        .routes(Route::from(routes!(passkey_script)).without_postgres())
        .routes(Route::from(routes!(logo)).without_postgres())
}

/// Get the stylesheet of the pages
#[utoipa::path(get, path = "/pages/style.css", tag = "pages", security(()),
    responses((status = 200, description = "CSS", body = String, content_type = "text/css")))]
async fn stylesheet(State(pages): State<Pages>) -> Response {
    kept(&pages.brand.style)
}

/// Get the script that asks for passkeys
#[utoipa::path(get, path = "/pages/passkey.js", tag = "pages", security(()),
    responses((status = 200, description = "JavaScript", body = String, content_type = "text/javascript")))]
async fn passkey_script(State(pages): State<Pages>) -> Response {
    kept(&pages.brand.passkey_script)
}

/// Get the logo of the pages
#[utoipa::path(get, path = "/pages/logo", tag = "pages", security(()),
    responses(
        (status = 200, description = "a picture", content(
            ("image/png"), ("image/jpeg"), ("image/webp"), ("image/svg+xml"),
        )),
        (status = 404, description = "`logo_not_found`"),
    ))]
async fn logo(State(pages): State<Pages>) -> Result<Response> {
    let absent = || Error::not_found("logo_not_found", "no logo is set; PAGES_LOGO_FILE names one");
    pages.brand.logo.as_ref().map(kept).ok_or_else(absent)
}

/// Get the logo of a client
///
/// By the SHA-256 of it, as pages call it: so one learns nothing of clients that one has not seen.
#[utoipa::path(get, path = "/pages/client-logos/{digest}", tag = "pages", security(()),
    params(("digest" = String, Path, description = "64 hex digits",
            example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")),
    responses(
        (status = 200, description = "a picture", content(("image/png"), ("image/jpeg"), ("image/webp"))),
        (status = 304, description = "as it was"),
        (status = 404, description = "`logo_not_found`"),
    ))]
async fn client_logo_by_digest(
    State(pages): State<Pages>,
    Path(digest): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let absent = || Error::not_found("logo_not_found", "no client has that logo");
    let mut bytes = [0; 32];
    hex::decode_to_slice(&digest, &mut bytes).map_err(|_| absent())?;
    let found = clients::logo::store::of_digest(&mut *pages.db.read().await?, &bytes).await?;
    let (media_type, picture) = found.ok_or_else(absent)?;
    let text = |text: &str| HeaderValue::from_str(text).map_err(|error| Error::Internal(error.into()));
    let tag = text(&format!("\"{}\"", digest.to_ascii_lowercase()))?;
    let guards = [
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
        (ETAG, tag.clone()),
    ];
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known.flat_map(|value| value.split(',')).any(|one| {
        let one = one.trim();
        one == "*" || one.trim_start_matches("W/").as_bytes() == tag.as_bytes()
    });
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, guards).into_response());
    }
    Ok((guards, [(CONTENT_TYPE, text(&media_type)?)], picture).into_response())
}

/// For good: another text has another address.
fn kept(asset: &Asset) -> Response {
    let headers = [
        (CONTENT_TYPE, asset.media.clone()),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        // A picture that is opened by itself runs nothing either.
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox")),
    ];
    (headers, asset.bytes.clone()).into_response()
}
