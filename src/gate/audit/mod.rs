//! The audit trail: who did what, to whom, from where; written in the transaction of what it tells, append-only, and
//! sealed into a chain of hashes.

mod action;
mod activity;
mod audited_tx;
mod event;
mod event_view;
pub mod store;

pub use action::Action;
pub use activity::activity;
pub use audited_tx::AuditedTx;

pub use event::{Actor, By, Event, Origin};
pub use event_view::{Named, Shown, ShownActor};
