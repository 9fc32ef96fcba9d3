//! Connections: those that are open, and those for which there was no room.

use prometheus::{IntCounterVec, IntGauge, Opts, Registry};

use super::{gauge, register};

#[derive(Debug)]
pub(super) struct ConnectionMetrics {
    pub(super) open: IntGauge,
    pub(super) turned_away: IntCounterVec,
}

impl ConnectionMetrics {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let turned_away = Opts::new("portero_http_connections_turned_away_total", "Connections that found no place.");
        Ok(Self {
            open: gauge(registry, "portero_http_connections", "Connections open now.")?,
            turned_away: register(registry, IntCounterVec::new(turned_away, &["for_want_of"]))?,
        })
    }
}
