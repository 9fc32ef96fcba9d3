//! Logging in and out.

mod enter;
mod routes;
mod verify;

pub use enter::enter;
pub use routes::routes;
pub use verify::{Verified, invalid_credentials, verify};
