//! What changed, told to backends as it happens, so that they may keep answers for a while (docs/changes.md).
//!
//! Triggers write what changed into a log, in the transaction of the change. One [`Feed`] an instance reads that log in
//! commit order while anybody listens, woken by NOTIFY and on a timer, and fans it out to the streams at `GET /changes`.
//! NOTIFY is a hint, the table is the truth.

mod change;
mod feed;
mod listener;
mod prune;
mod reader;
mod routes;
pub mod store;
mod stream;

pub use change::{Change, ChangeKind};
pub use feed::{Feed, FeedTimings};
pub use prune::{prune, prune_every_minute};
pub use routes::routes;
