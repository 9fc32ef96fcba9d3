//! `POST /oauth/introspect` (RFC 7662): what a token is good for now.

mod asker;
mod question;
mod routes;
mod signed;

pub use question::{Answer, Ask, Asked, Introspections, Seen};
pub use routes::routes;
