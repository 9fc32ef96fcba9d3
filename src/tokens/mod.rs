//! Tokens: opaque, stored as hashes, renewed near expiry by one compare-and-set, revoked at once, purged every minute.

mod check;
mod check_many;
mod list_routes;
pub(crate) mod opaque;
mod purge;
mod renew;
mod routes;
mod session;
pub mod store;
mod token;

pub use check::{Checked, check};
pub use check_many::{Verdict, check_many};
pub use list_routes::list_routes;
pub use purge::{purge_every_minute, walk};
pub use renew::{Due, Renewals};
pub use routes::routes;
pub use session::{Lifetime, Payload, Session, SessionId, State};
pub use token::{Token, TokenHash};
