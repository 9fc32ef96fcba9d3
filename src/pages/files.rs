//! What pages load.

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use utoipa_axum::routes;

use super::brand::Asset;
use crate::base::error::{Error, Result};
use crate::pages::Pages;
use crate::platform::http::{Route, Routes};

/// `/pages/style.css`, `/pages/logo`.
pub fn routes() -> Routes<Pages> {
    Routes::new()
        .routes(Route::from(routes!(stylesheet)).without_postgres())
        .routes(Route::from(routes!(logo)).without_postgres())
}

/// Get the stylesheet of the pages
#[utoipa::path(get, path = "/pages/style.css", tag = "pages", security(()),
    responses((status = 200, description = "CSS", body = String, content_type = "text/css")))]
async fn stylesheet(State(pages): State<Pages>) -> Response {
    kept(&pages.brand.style)
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
