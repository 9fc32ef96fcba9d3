//! The mails.

use prometheus::{IntCounterVec, IntGauge, Opts, Registry};

use super::{gauge, register};

/// How the queue of mails stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct MailQueueCounts {
    /// How many mails are to be sent.
    pub waiting: i64,
    /// How many were given up.
    pub dead: i64,
}

#[derive(Debug)]
pub(super) struct Mail {
    tries: IntCounterVec,
    waiting: IntGauge,
    dead: IntGauge,
}

impl Mail {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let tries = Opts::new("portero_mail_tries_total", "Mails handed to the SMTP server, or not taken by it.");
        let tries = register(registry, IntCounterVec::new(tries, &["outcome"]))?;
        for outcome in ["sent", "failed"] {
            tries.with_label_values(&[outcome]);
        }
        let dead = "Mails given up, in the whole database; portero mail list names them.";
        Ok(Self {
            tries,
            waiting: gauge(registry, "portero_mail_queue_length", "Mails waiting to be sent, in the whole database.")?,
            dead: gauge(registry, "portero_mail_dead_letters", dead)?,
        })
    }

    pub(super) fn tried(&self, sent: bool) {
        self.tries.with_label_values(&[if sent { "sent" } else { "failed" }]).inc();
    }

    pub(super) fn set_queue(&self, counts: MailQueueCounts) {
        self.waiting.set(counts.waiting);
        self.dead.set(counts.dead);
    }
}
