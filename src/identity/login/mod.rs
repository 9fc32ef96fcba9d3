//! Logging in and out.

mod enter;
mod routes;
mod verify;

pub use enter::{enter, enter_anew};
pub use routes::routes;
pub use verify::{Verified, invalid_credentials, verify};
