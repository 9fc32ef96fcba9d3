//! What the server can do, on one screen.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, LINK, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Method};
use axum::middleware::{self, Next};
use axum::response::Response;
use sqlx::PgPool;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tower::util::option_layer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::changes::Feed;
use crate::clock::Clock;
use crate::config::{Config, Cors};
use crate::error::{Error, Result};
use crate::http::{access_log, fallback, request_id};
use crate::keys::{LastUses, ServiceKey};
use crate::passwords::Hasher;
use crate::tokens::Token;
use crate::{changes, docs, grants, keys, login, openapi, permissions, roles, server, services, tokens, users};

/// What every handler works with.
#[derive(Clone, Debug)]
pub struct App {
    /// Connections to Postgres.
    pub db: PgPool,
    /// The settings.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Clock,
    /// The threads that hash passwords.
    pub hasher: Hasher,
    /// What notes when service keys are used.
    pub key_uses: LastUses,
    /// What the streams of changes hear.
    pub changes: Feed,
    /// Cancelled when Portero stops: what would never end by itself ends then.
    pub stopping: CancellationToken,
}

impl App {
    /// A token nobody has had before.
    pub fn new_token(&self, now: OffsetDateTime) -> Result<Token> {
        Ok(Token::generate(self.config.token_secret.expose().as_bytes(), &random()?, now))
    }

    /// A service key nobody has had before.
    pub fn new_service_key(&self, now: OffsetDateTime) -> Result<ServiceKey> {
        Ok(ServiceKey::generate(self.config.token_secret.expose().as_bytes(), &random()?, now))
    }
}

fn random() -> Result<[u8; 32]> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| Error::Internal(error.into()))?;
    Ok(random)
}

/// Changes may touch many rows.
const CHANGES: Duration = Duration::from_secs(10);
/// Where a password may have to wait for its turn to be hashed.
const WITH_HASHING: Duration = Duration::from_secs(15);

/// All routes, by feature, and the document that describes them.
pub fn documented_router() -> (Router<App>, OpenApi) {
    let questions = OpenApiRouter::new()
        .merge(server::routes())
        .merge(docs::routes())
        .merge(tokens::routes())
        .merge(tokens::list_routes())
        // The limit is on the answer's beginning, not on the stream that follows it.
        .merge(changes::routes())
        .merge(login::session_routes())
        .merge(grants::people_routes())
        .layer(middleware::from_fn(|request, next| fallback::within(fallback::QUESTIONS, request, next)));
    let changes = OpenApiRouter::new()
        .merge(roles::routes())
        .merge(permissions::routes())
        .merge(services::routes())
        .merge(keys::routes())
        .merge(grants::routes())
        .layer(middleware::from_fn(|request, next| fallback::within(CHANGES, request, next)));
    let with_hashing = OpenApiRouter::new()
        .merge(login::routes())
        .merge(users::routes())
        .layer(middleware::from_fn(|request, next| fallback::within(WITH_HASHING, request, next)));
    let (router, mut document) = OpenApiRouter::with_openapi(openapi::base())
        .merge(questions)
        .merge(changes)
        .merge(with_hashing)
        .split_for_parts();
    openapi::complete(&mut document);
    (router, document)
}

/// The whole server, ready to be served.
pub fn router(app: &App) -> Router {
    let (router, _) = documented_router();
    router
        .merge(docs::browser())
        .fallback(fallback::unknown_path)
        .method_not_allowed_fallback(fallback::unknown_method)
        .layer(CatchPanicLayer::custom(fallback::panicked))
        .layer(option_layer(cors(&app.config)))
        .layer(middleware::from_fn(sober_headers))
        .layer(middleware::from_fn_with_state(app.clone(), access_log::access_log))
        .with_state(app.clone())
}

/// Nothing here is to be kept by anybody on the way, or guessed at by a browser.
async fn sober_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// None when off: it would answer every `OPTIONS`, also of paths that are not there.
fn cors(config: &Config) -> Option<CorsLayer> {
    let origins = match &config.cors {
        Cors::Off => return None,
        Cors::Any => AllowOrigin::any(),
        Cors::Origins(origins) => AllowOrigin::list(origins.clone()),
    };
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers(config.cors_headers.clone())
        .expose_headers([request_id::HEADER, LINK, RETRY_AFTER]);
    Some(layer)
}
