//! The audit trail, read: listed, exported, sealed into a chain of hashes, verified, pruned.

pub mod chain;
mod configuration;
mod export;
mod prune;
mod query;
mod routes;
mod seal;
pub mod store;
mod verify;

pub use configuration::{configuration_told, tell_of_configuration};
pub use prune::{prune, prune_every_hour};
pub use query::Query;
pub use routes::routes;
pub use seal::{seal, seal_every_second};
pub use verify::{ChainFault, Head, VerifyReport, verify};
