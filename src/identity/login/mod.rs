//! Logging in and out.

mod enter;
mod routes;
mod verify;

pub use crate::identity::factors::{is_fresh, must_be_fresh};
pub use enter::{Entered, Entry, enter, let_in};
pub use routes::routes;
pub use verify::{Verified, invalid_credentials, verify};
