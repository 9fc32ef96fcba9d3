//! Logging in and out.

mod routes;
mod verify;

pub use routes::routes;
pub use verify::{Verified, invalid_credentials, verify};
