//! Portero's administrators: the first one, and the list of all.

mod bootstrap;
mod routes;
mod setup_routes;

pub use bootstrap::{FirstAdmin, ensure_an_administrator, make_administrator, random_password, register_administrator};
pub use routes::administrator_routes;
pub use setup_routes::routes as setup_routes;
