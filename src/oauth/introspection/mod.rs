//! `POST /oauth/introspect` (RFC 7662): what a token is good for now.

mod asker;
mod question;
mod routes;

pub use question::{Answer, Ask, Asked, Introspections, Seen};
pub use routes::routes;
