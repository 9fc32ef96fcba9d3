use std::ops::{Deref, DerefMut};

use sqlx::PgConnection;

use super::{By, Event, store};
use crate::base::error::Result;
use crate::gate::idempotency;
use crate::gate::warnings::{self, Warning};
use crate::platform::database::Transaction;

/// A transaction that can't be committed without saying what it did: the events are written in it.
#[derive(Debug)]
pub struct AuditedTx {
    tx: Transaction,
    by: By,
    events: Vec<Event>,
    warnings: Vec<Warning>,
}

impl AuditedTx {
    /// What `by` is about to do in `tx`.
    pub fn new(tx: Transaction, by: By) -> Self {
        Self { tx, by, events: Vec::new(), warnings: Vec::new() }
    }

    /// Who makes it, from where, when.
    pub fn by(&self) -> &By {
        &self.by
    }

    /// Notes one of several things that were done.
    pub fn tell(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Notes what whoever makes the change is to hear once it is kept.
    pub fn warn(&mut self, warning: Warning) {
        self.warnings.push(warning);
    }

    /// Keeps what was done and tells it: one event, several, or none where all stood as it was asked for.
    pub async fn commit(mut self, told: impl IntoIterator<Item = Event>) -> Result<()> {
        self.events.extend(told);
        for event in &self.events {
            store::insert(&mut self.tx, &self.by, event).await?;
        }
        if !self.events.is_empty() && warnings::is_managed(&mut self.tx).await? {
            self.warnings.push(Warning::Managed);
        }
        idempotency::done(&mut self.tx, self.by.now).await?;
        self.tx.commit().await?;
        warnings::tell(self.warnings);
        Ok(())
    }
}

impl Deref for AuditedTx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.tx
    }
}

impl DerefMut for AuditedTx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}
