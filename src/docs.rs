//! `/openapi.json`, and `/docs`: a reference to browse, loaded from nowhere but here.

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::app::App;
use crate::http::Json;

/// The two routes.
pub fn routes(document: &OpenApi) -> Router<App> {
    let json = document.clone();
    let ui = SwaggerUi::new("/docs").config(
        Config::new(["/openapi.json"])
            // The default would send the document to a validator on another host.
            .validator_url("none")
            .try_it_out_enabled(true)
            .persist_authorization(false),
    );
    Router::new()
        .merge(Router::<App>::from(ui).layer(middleware::from_fn(own_host_only)))
        .route("/openapi.json", get(move || std::future::ready(Json(json.clone()))))
}

async fn own_host_only(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
        ),
    );
    response
}
