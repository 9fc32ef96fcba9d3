//! `/openapi.json`, and `/docs`: a reference to browse, loaded from nowhere but here.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::app::{self, App};
use crate::base::error::Result;
use crate::platform::http::{Route, Routes, fallback};
use crate::platform::memory::give_back_now;
use crate::platform::passwords::Policy;

/// The document, with the settings' defaults.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let document = app::document().to_json().expect("utoipa's own types are JSON");
    // It is put together of twenty times as much.
    give_back_now();
    document
});

/// `/openapi.json`.
pub fn routes() -> Routes<App> {
    Routes::new().routes(Route::from(routes!(openapi)).without_postgres().long())
}

/// Get this document
#[utoipa::path(get, path = "/openapi.json", tag = "server", security(()),
    responses((status = 200, body = Document)))]
async fn openapi(State(app): State<App>) -> Result<Response> {
    let json = [(CONTENT_TYPE, "application/json")];
    let min_length = app.config.passwords.min_length;
    if min_length == Policy::DEFAULT_MIN_LENGTH {
        return Ok((json, DOCUMENT.as_str()).into_response());
    }
    let mut document: Value = serde_json::from_str(&DOCUMENT).map_err(anyhow::Error::from)?;
    for password in ["Password", "ImportedHash"] {
        document["components"]["schemas"][password]["minLength"] = min_length.into();
    }
    Ok((json, document.to_string()).into_response())
}

/// An OpenAPI 3.1 document.
struct Document;

impl PartialSchema for Document {
    fn schema() -> RefOr<Schema> {
        let example = serde_json::json!({"openapi": "3.1.0", "info": {"title": "Portero"}, "paths": {}});
        let anything = AdditionalProperties::FreeForm(true);
        ObjectBuilder::new().additional_properties(Some(anything)).examples([example]).into()
    }
}

impl ToSchema for Document {}

/// `/docs`.
pub fn browser<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let ui = SwaggerUi::new("/docs").config(
        Config::new(["/openapi.json"])
            // The default would send the document to a validator on another host.
            .validator_url("none")
            .try_it_out_enabled(true)
            .persist_authorization(false),
    );
    Router::from(ui).layer(middleware::from_fn(own_host_only))
}

async fn own_host_only(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if response.status() == StatusCode::NOT_FOUND {
        response = fallback::unknown_path().into_response();
    }
    response.headers_mut().insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
        ),
    );
    response
}
