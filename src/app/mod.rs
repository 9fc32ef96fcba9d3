//! What the server can do, on one screen.

pub mod changes;
pub mod cli;
pub mod config;
pub mod docs;
pub mod health;
pub mod openapi;
pub mod serve;
pub mod trail;

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::http::header::{ETAG, LINK, RETRY_AFTER};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::access::{grants, keys, permissions, roles, services};
use crate::base::clock::Clock;
use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::base::network::Network;
use crate::base::opaque::invitation::Invitation;
use crate::base::opaque::mail_token::MailToken;
use crate::base::opaque::refresh_token::RefreshToken;
use crate::base::opaque::service_key::ServiceKey;
use crate::base::opaque::token::Token;
use crate::base::request_id;
use crate::gate::idempotency::{self, Idempotency};
use crate::gate::keys::LastUses;
use crate::gate::sessions::Renewals;
use crate::gate::{Checks, Uses};
use crate::identity::people::{self, StoredCredentials};
use crate::identity::{accounts, login};
use crate::platform::database::{Batch, Db};
use crate::platform::http::access_log::AccessLog;
use crate::platform::http::ask_again::AskAgain;
use crate::platform::http::fallback::{self, InTime};
use crate::platform::http::rate_limit::{self, RateLimit};
use crate::platform::http::total;
use crate::platform::mail::Post;
use crate::platform::metrics::Metrics;
use crate::platform::passwords::{Hasher, Judge};
use crate::platform::shares::{Pace, Shares};
use changes::Feed;
use config::{Config, Cors};

/// What every handler works with. A clone costs next to nothing.
#[derive(Clone, Debug)]
pub struct App(Arc<Parts>);

/// What an [`App`] consists of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Connections to Postgres.
    pub db: Db,
    /// The settings.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Clock,
    /// What hashes passwords.
    pub hasher: Hasher,
    /// What says how good they are.
    pub judge: Judge,
    /// How often each person logs in from each network.
    pub logins: Option<Pace<(PersonId, Network)>>,
    /// What is measured.
    pub metrics: Metrics,
    /// Where tokens, and what their owners may do, are asked for.
    pub checks: Batch<Checks>,
    /// Where sessions are renewed.
    pub renewals: Batch<Renewals>,
    /// Where what logins compare with is asked for.
    pub credentials: Batch<StoredCredentials>,
    /// What notes when service keys are used.
    pub key_uses: LastUses,
    /// The way mail goes out.
    pub post: Post,
    /// What notes who uses which service.
    pub uses: Uses,
    /// Imports over the API: each has a connection of its own for minutes.
    pub imports: people::import::Turns,
    /// Who is being sent how many exports.
    pub exports: Shares<PersonId>,
    /// What the streams of changes hear.
    pub changes: Feed,
    /// Cancelled when Portero stops: what would never end by itself ends then.
    pub stopping: CancellationToken,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Puts them together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The same by another clock.
    #[must_use]
    pub fn with_clock(&self, clock: Clock) -> Self {
        Self::new(Parts { clock, ..(*self.0).clone() })
    }

    /// A token nobody has had before.
    pub fn new_token(&self, now: OffsetDateTime) -> Result<Token> {
        Ok(Token::generate(self.config.token_secret.expose().as_bytes(), &random()?, now))
    }

    /// A refresh token nobody has had before.
    pub fn new_refresh_token(&self, now: OffsetDateTime) -> Result<RefreshToken> {
        Ok(RefreshToken::generate(self.config.token_secret.expose().as_bytes(), &random()?, now))
    }

    /// An invitation nobody has had before.
    pub fn new_invitation(&self, now: OffsetDateTime) -> Result<Invitation> {
        Ok(Invitation::generate(self.config.token_secret.expose().as_bytes(), &random()?, now))
    }

    /// A service key nobody has had before.
    pub fn new_service_key(&self, now: OffsetDateTime) -> Result<ServiceKey> {
        Ok(ServiceKey::generate(self.config.token_secret.expose().as_bytes(), &random()?, now))
    }

    /// A token of a mail that nobody has had before.
    pub fn new_mail_token(&self, now: OffsetDateTime) -> Result<MailToken> {
        Ok(MailToken::generate(self.config.token_secret.expose().as_bytes(), &random()?, now))
    }
}

fn random() -> Result<[u8; 32]> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| Error::Internal(error.into()))?;
    Ok(random)
}

/// All routes, by feature.
fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::base())
        .merge(health::routes())
        .merge(docs::routes())
        .merge(login::routes())
        .merge(accounts::routes())
        .merge(accounts::register_routes())
        .merge(accounts::me_routes())
        .merge(accounts::send_reset_routes())
        .merge(crate::gate::routes::routes())
        .merge(crate::gate::routes::list_routes())
        .merge(crate::identity::sessions::session_routes())
        .merge(crate::identity::sessions::refresh_routes())
        .merge(people::routes())
        .merge(people::bulk_routes())
        .merge(people::import::routes())
        .merge(accounts::invitation_routes())
        .merge(roles::routes())
        .merge(permissions::routes())
        .merge(services::routes())
        .merge(keys::routes())
        .merge(grants::routes())
        .merge(grants::people_routes())
        .merge(grants::review_routes())
        .merge(crate::access::administrators::administrator_routes())
        .merge(changes::routes())
        .merge(crate::app::trail::routes())
}

/// The document that describes them.
pub fn document() -> OpenApi {
    let mut document = routes().into_openapi();
    openapi::complete(&mut document);
    document
}

/// The whole server, ready to be served.
pub fn router(app: &App) -> Router {
    let around = ServiceBuilder::new()
        .layer(AccessLog::layer(app.clone()))
        .option_layer(cors(&app.config))
        .layer(CatchPanicLayer::custom(fallback::panicked))
        .option_layer(RateLimit::layer(app.clone()))
        .layer(InTime::layer(app.config.checks.deadline))
        .layer(AskAgain::layer())
        .layer(Idempotency::layer(app.clone()));
    Router::from(routes())
        .merge(docs::browser())
        .fallback(fallback::unknown_path)
        .method_not_allowed_fallback(fallback::unknown_method)
        .layer(around)
        .with_state(app.clone())
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
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(config.cors_headers.clone())
        .expose_headers([
            request_id::HEADER,
            idempotency::REPLAYED,
            ETAG,
            LINK,
            total::HEADER,
            RETRY_AFTER,
            rate_limit::LIMIT,
            rate_limit::POLICY,
        ]);
    Some(layer)
}
