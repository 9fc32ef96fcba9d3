//! Postgres: somebody's, or our own private one; connected to and migrated.

mod address;
mod batch;
mod connect;
mod count;
mod db;
pub mod duty;
pub mod embedded;
mod error;
mod lane;
mod pulse;
mod trouble;

pub use address::Address;
pub use batch::{Batch, Limits, Question, by_place, distinct, index};
pub use count::count;
pub use db::{Db, Reading, Transaction};
pub use lane::{InLane, Lane};

pub use pulse::feel_the_pulse;
pub use trouble::{came_after as is_outdated, unless_hung};
