//! The logouts that clients are told of.

use prometheus::{IntCounterVec, IntGauge, Opts, Registry};

use super::{gauge, register};

/// How the queue of logouts stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogoutQueueCounts {
    /// Of how many clients are to be told.
    pub waiting: i64,
    /// How many were given up.
    pub dead: i64,
}

#[derive(Debug)]
pub(super) struct Logouts {
    tries: IntCounterVec,
    waiting: IntGauge,
    dead: IntGauge,
}

impl Logouts {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let tries =
            Opts::new("portero_backchannel_logout_tries_total", "Logouts told to clients, or not taken by them.");
        let tries = register(registry, IntCounterVec::new(tries, &["outcome"]))?;
        for outcome in ["told", "failed"] {
            tries.with_label_values(&[outcome]);
        }
        let waiting = "Logouts that clients are to be told of, in the whole database.";
        let dead = "Logouts given up, in the whole database; portero doctor names the clients.";
        Ok(Self {
            tries,
            waiting: gauge(registry, "portero_backchannel_logout_queue_length", waiting)?,
            dead: gauge(registry, "portero_backchannel_logout_dead_letters", dead)?,
        })
    }

    pub(super) fn tried(&self, told: bool) {
        self.tries.with_label_values(&[if told { "told" } else { "failed" }]).inc();
    }

    pub(super) fn set_queue(&self, counts: LogoutQueueCounts) {
        self.waiting.set(counts.waiting);
        self.dead.set(counts.dead);
    }
}
