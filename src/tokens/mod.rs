//! Tokens: opaque, stored as hashes, renewed near expiry by one compare-and-set, revoked at once, purged every minute.

mod check;
mod purge;
mod renew;
mod routes;
mod session;
pub mod store;
mod token;

pub use check::{Checked, check};
pub use purge::{purge_every_minute, walk};
pub use renew::{Due, Renewals};
pub use routes::routes;
pub use session::{Lifetime, Payload, Session, State};
pub use token::{Token, TokenHash};
