//! Devices (RFC 8628): what has no browser or no keyboard shows a code, and a person lets it in elsewhere.

mod answer;
mod pending;
mod poll;
mod routes;
pub mod store;
mod user_code;

pub use answer::{Answered, allow, deny};
pub use pending::{Pending, find};
pub use poll::{FASTEST, Poll, Polled};
pub use routes::routes;
pub use user_code::UserCode;
