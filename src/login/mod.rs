//! Logging in and out.

mod first_admin;
mod routes;
mod verify;

pub use first_admin::{
    FirstAdmin, ensure_an_administrator, make_administrator, random_password, register_administrator,
};
pub use routes::routes;
pub use verify::{Verified, invalid_credentials, verify};
