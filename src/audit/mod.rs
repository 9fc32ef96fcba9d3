//! The audit trail: who did what, to whom, from where; written in the transaction of what it tells, append-only, and
//! sealed into a chain of hashes.

mod action;
pub mod chain;
mod change;
mod configuration;
mod event;
mod export;
mod prune;
mod query;
mod routes;
mod seal;
mod shown;
pub mod store;
mod verify;

pub use action::Action;
pub use change::Change;
pub use configuration::tell_of_configuration;
pub use event::{Actor, By, Event, Origin};
pub use prune::{prune, prune_every_hour};
pub use query::Query;
pub use routes::routes;
pub use seal::{seal, seal_every_second};
pub use shown::{Named, Shown, ShownActor};
pub use verify::{Fault, Head, Report, verify};
