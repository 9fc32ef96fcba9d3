//! The audit trail: who did what, to whom, from where; written in the transaction of what it tells, append-only, and
//! sealed into a chain of hashes.

mod action;
mod change;
mod event;
pub mod store;

pub use action::Action;
pub use change::Change;

pub use event::{Actor, By, Event, Origin};
