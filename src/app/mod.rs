//! What the server can do, on one screen.

pub mod build;
pub mod changes;
pub mod cli;
pub mod config;
pub mod database;
pub mod docs;
pub mod health;
pub mod openapi;
pub mod plan;
pub mod serve;
pub mod trail;

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::http::Method;
use axum::http::header::{ETAG, LINK, RETRY_AFTER, WARNING};
use axum::middleware;
use tower::ServiceBuilder;
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::openapi::OpenApi;

use crate::access::{
    Access, administrators, authzen, explanations, grants, groups, issuers, keys, permissions, policies, resources,
    roles, services,
};
use crate::base::clock::Clock;
use crate::base::request_id;
use crate::gate::idempotency::{self, Idempotency};
use crate::gate::{self, Gate, warnings};
use crate::identity::{Identity, accounts, api_keys, factors, login, passkeys, people, providers, robots, sessions};
use crate::oauth::{
    OAuth, authorizations, clients, consents, device, discovery, introspection, predecessor, registration, revocation,
    token, userinfo,
};
use crate::pages::{self, Pages};
use crate::platform::Platform;
use crate::platform::http::access_log::AccessLog;
use crate::platform::http::beside::Beside;
use crate::platform::http::fallback::{self, CatchPanics, InTime};
use crate::platform::http::rate_limit::{self, RateLimit};
use crate::platform::http::retry::RetryReads;
use crate::platform::http::{Deadline, Facts, Routes, any_origin, total};
use changes::Feed;
use config::{Config, Cors};

/// What the roof's handlers work with: all there is. A clone costs next to nothing.
#[derive(Clone, Debug)]
pub struct App(Arc<Parts>);

/// What an [`App`] consists of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The floors below.
    pub pages: Pages,
    pub config: Arc<Config>,
    /// What the streams of changes hear.
    pub changes: Feed,
}

impl Deref for Parts {
    type Target = Pages;

    fn deref(&self) -> &Pages {
        &self.pages
    }
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
        Self::new(Parts { pages: self.pages.with_clock(clock), ..(*self.0).clone() })
    }
}

impl FromRef<App> for Platform {
    fn from_ref(app: &App) -> Self {
        app.platform.clone()
    }
}

impl FromRef<App> for Identity {
    fn from_ref(app: &App) -> Self {
        app.identity.clone()
    }
}

impl FromRef<App> for Access {
    fn from_ref(app: &App) -> Self {
        app.access.clone()
    }
}

impl FromRef<App> for Gate {
    fn from_ref(app: &App) -> Self {
        app.gate.clone()
    }
}

impl FromRef<App> for OAuth {
    fn from_ref(app: &App) -> Self {
        app.oauth.clone()
    }
}

/// What the server says of itself.
fn of_itself() -> Routes<App> {
    Routes::new().merge(health::routes()).merge(docs::routes())
}

/// What the floors below answer, by feature.
fn of_the_floors() -> Routes<Identity> {
    Routes::new()
        .merge(login::routes())
        .merge(login::mfa_routes())
        .merge(factors::routes())
        .merge(factors::user_routes())
        .merge(accounts::routes())
        .merge(accounts::register_routes())
        .merge(accounts::me_routes())
        .merge(accounts::send_reset_routes())
        .merge(passkeys::routes())
        .merge(passkeys::me_routes())
        .merge(gate::routes::routes())
        .merge(gate::routes::list_routes())
        .merge(sessions::session_routes())
        .merge(api_keys::routes())
        .merge(api_keys::user_routes())
        .merge(robots::routes())
        .merge(robots::key_routes())
        .merge(sessions::refresh_routes())
        .merge(people::routes())
        .merge(people::bulk_routes())
        .merge(people::import::routes())
        .merge(accounts::invitation_routes())
        .merge(providers::routes())
        .merge(providers::own_routes())
        .merge(providers::logout_routes())
        .merge(roles::routes())
        .merge(permissions::routes())
        .merge(services::routes())
        .merge(keys::routes())
        .merge(issuers::routes())
        .merge(grants::routes())
        .merge(grants::people_routes())
        .merge(grants::review_routes())
        .merge(groups::routes())
        .merge(administrators::administrator_routes())
        .merge(administrators::setup_routes())
}

/// What backends ask, and what decides it.
fn of_decisions() -> Routes<Access> {
    Routes::new()
        .merge(policies::routes())
        .merge(policies::type_routes())
        .merge(policies::settings_routes())
        .merge(policies::predecessor_routes())
        .merge(resources::routes())
        .merge(resources::many_routes())
        .merge(resources::role_routes())
        .merge(authzen::routes())
        .merge(authzen::search_routes())
        .merge(authzen::filter_routes())
        .merge(explanations::explain_routes())
        .merge(explanations::can_routes())
        .merge(explanations::diff_routes())
}

/// What the standards of OAuth answer, and who asks by them.
fn of_oauth() -> Routes<OAuth> {
    Routes::new()
        .merge(discovery::routes())
        .merge(token::routes())
        .merge(authorizations::pushed_routes())
        .merge(device::routes())
        .merge(predecessor::routes())
        .merge(introspection::routes())
        .merge(revocation::routes())
        .merge(userinfo::routes())
        .merge(clients::routes())
        .merge(clients::secret_routes())
        .merge(clients::logo_routes())
        .merge(registration::routes())
        .merge(registration::manage_routes())
        .merge(registration::token_routes())
        .merge(consents::routes())
}

/// What was changed, and by whom.
fn of_the_past() -> Routes<App> {
    Routes::new().merge(changes::routes()).merge(trail::routes())
}

/// The document that describes them.
pub fn document() -> OpenApi {
    let mut document = openapi::base();
    of_itself().describe(&mut document, openapi::complete);
    of_the_floors().describe(&mut document, openapi::complete);
    of_decisions().describe(&mut document, openapi::complete);
    of_oauth().describe(&mut document, openapi::complete);
    pages::routes().describe(&mut document, openapi::complete);
    of_the_past().describe(&mut document, openapi::complete);
    openapi::relate_fields(&mut document);
    document
}

/// The whole server, ready to be served.
pub fn router(app: &App) -> Router {
    let config = &app.config;
    let (per_address, per_caller) = (config.requests_per_address, config.requests_per_caller);
    let (cors, rate_limit) = (cors(config), RateLimit::layer(app.platform.clone(), per_address, per_caller));
    let idempotency = Idempotency::of(app.gate.clone());
    let around = |facts: Facts| {
        ServiceBuilder::new()
            .layer(AccessLog::layer(app.platform.clone(), facts.takes_request_ids))
            .option_layer(match facts {
                Facts { answers_any_origin: true, .. } => Some(any_origin()),
                Facts { is_page: true, .. } => None,
                _ => cors.clone(),
            })
            .layer(CatchPanics::layer())
            .option_layer(rate_limit.clone().filter(|_| !facts.is_unlimited))
            .layer(InTime::layer(facts.deadline, config.checks.deadline))
            .layer(RetryReads::layer())
            .layer(Beside::layer(facts))
            .option_layer(facts.takes_keys_of.map(|askers| idempotency.layer(askers)))
            .option_layer((facts.deadline == Deadline::Change).then(|| middleware::from_fn(warnings::warn)))
    };
    let undocumented = docs::browser()
        .fallback(pages::unknown_path)
        .method_not_allowed_fallback(fallback::unknown_method)
        .with_state(app.pages.clone())
        .layer(around(Facts::default()));
    of_itself()
        .merge(of_the_past())
        .with_state(app)
        .merge(of_the_floors().with_state(&app.identity))
        .merge(of_decisions().with_state(&app.access))
        .merge(of_oauth().merge(discovery::routes_of_path(&app.issuer)).with_state(&app.oauth))
        .merge(pages::routes().with_state(&app.pages))
        .mount(undocumented, |methods, facts| methods.fallback(fallback::unknown_method).layer(around(facts)))
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
            WARNING,
            rate_limit::LIMIT,
            rate_limit::POLICY,
        ]);
    Some(layer)
}
