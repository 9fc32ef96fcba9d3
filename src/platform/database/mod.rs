//! Postgres: somebody's, or our own private one; connected to and migrated.

#![warn(missing_docs)]

mod address;
mod asker;
mod batch;
mod broken_connections;
mod connect;
mod count;
mod db;
pub mod duty;
pub mod embedded;
mod error;
mod heartbeat;
mod lane;
mod places;
mod purge;
mod queue;

pub use address::Address;
pub use batch::{Batch, BatchLimits, BatchQuery};
pub use count::count;
pub use db::{Db, Reading, Transaction};
pub use lane::{InLane, Lane};
pub use places::{by_place, column, distinct, index};
pub use purge::{STEP, in_steps, keep_purging};

pub use broken_connections::{came_after as is_outdated, unless_hung};
pub use heartbeat::feel_the_pulse;
