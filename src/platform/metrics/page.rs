//! The page that Prometheus reads.

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus::{IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

use super::{Metrics, gauge, register};
use crate::app::App;

/// The format that every Prometheus reads.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /metrics`, for an address of its own, and nothing else.
pub fn page(app: App) -> Router {
    Router::new().route("/metrics", get(show)).with_state(app)
}

async fn show(State(app): State<App>) -> impl IntoResponse {
    app.metrics.look_at(&app);
    ([(CONTENT_TYPE, TEXT)], app.metrics.text())
}

/// Connections to Postgres, as they are when somebody looks.
#[derive(Debug)]
pub(super) struct Pool {
    used: IntGauge,
    idle: IntGauge,
    most: IntGauge,
}

impl Pool {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let connections = Opts::new("portero_db_pool_connections", "Connections to Postgres now.");
        let connections = register(registry, IntGaugeVec::new(connections, &["state"]))?;
        let most = "Connections to Postgres that there may be (MAX_CONNECTIONS).";
        Ok(Self {
            used: connections.with_label_values(&["used"]),
            idle: connections.with_label_values(&["idle"]),
            most: gauge(registry, "portero_db_pool_connections_max", most)?,
        })
    }
}

impl Metrics {
    /// Reads what is not counted as it happens.
    fn look_at(&self, app: &App) {
        let Some(families) = &self.0 else { return };
        let idle = i64::try_from(app.db.pool().num_idle()).unwrap_or(i64::MAX);
        families.pool.idle.set(idle);
        families.pool.used.set((i64::from(app.db.pool().size()) - idle).max(0));
        families.pool.most.set(app.config.max_connections.into());
    }

    /// The page's text; empty where nothing is measured.
    pub fn text(&self) -> String {
        let Some(families) = &self.0 else { return String::new() };
        families.process.look();
        TextEncoder::new().encode_to_string(&families.registry.gather()).unwrap_or_else(|error| {
            tracing::error!(%error, "the metrics can't be written");
            String::new()
        })
    }
}
