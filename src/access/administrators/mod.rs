//! Portero's administrators: the first one, and the list of all.

mod first;
mod routes;

pub use first::{FirstAdmin, ensure_an_administrator, make_administrator, random_password, register_administrator};
pub use routes::administrator_routes;
