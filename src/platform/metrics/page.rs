//! What the page that Prometheus reads says.

use prometheus::{IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

use super::{Metrics, gauge, register};

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
    pub fn look_at(&self, pool: &sqlx::PgPool) {
        let Some(families) = &self.0 else { return };
        let idle = i64::try_from(pool.num_idle()).unwrap_or(i64::MAX);
        families.pool.idle.set(idle);
        families.pool.used.set((i64::from(pool.size()) - idle).max(0));
        families.pool.most.set(pool.options().get_max_connections().into());
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
