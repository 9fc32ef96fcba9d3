//! `/openapi.json`, and `/docs`: a reference to browse, loaded from nowhere but here.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::app::{self, App};
use crate::error::Error;
use crate::http::fallback;

static DOCUMENT: LazyLock<Result<String, String>> =
    LazyLock::new(|| app::documented_router().1.to_json().map_err(|error| error.to_string()));

/// `/openapi.json`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(openapi))
}

/// Read this document
#[utoipa::path(get, path = "/openapi.json", tag = "server", security(()),
    responses((status = 200, body = Document)))]
async fn openapi() -> Response {
    match &*DOCUMENT {
        Ok(document) => ([(CONTENT_TYPE, "application/json")], document.as_str()).into_response(),
        Err(error) => Error::Internal(anyhow::anyhow!("OpenAPI: {error}")).into_response(),
    }
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
pub fn browser() -> Router<App> {
    let ui = SwaggerUi::new("/docs").config(
        Config::new(["/openapi.json"])
            // The default would send the document to a validator on another host.
            .validator_url("none")
            .try_it_out_enabled(true)
            .persist_authorization(false),
    );
    Router::<App>::from(ui).layer(middleware::from_fn(own_host_only))
}

async fn own_host_only(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if response.status() == StatusCode::NOT_FOUND {
        response = fallback::unknown_path().await.into_response();
    }
    response.headers_mut().insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
        ),
    );
    response
}
