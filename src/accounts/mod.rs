//! How people help themselves: forgotten passwords, and addresses that they prove to be theirs.

mod reset;
mod routes;
mod verify;

pub use routes::routes;
pub use verify::{begin_verification, tell_the_old_address};
