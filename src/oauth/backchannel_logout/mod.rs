//! Clients hear of sessions that have ended (OpenID Connect Back-Channel Logout 1.0). Triggers queue that in the transaction
//! that ends a session, by whatever door; a job of any instance tells it.

mod deliver;
pub mod store;
mod token;

pub use deliver::{Deliveries, deliver_all_the_time, deliver_what_is_due};
