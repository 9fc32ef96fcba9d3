//! The Authorization API 1.0 (AuthZEN): standard questions, answered by the policies and grants of the service that asks.

mod entities;
mod evaluate;
mod evaluations;
mod filter_routes;
mod page;
mod routes;
mod search;
mod search_resources;
mod search_routes;

pub use entities::{ANONYMOUS, Context, Entity, USER, passed, reaching, to_expressions};
pub use filter_routes::routes as filter_routes;
pub use routes::routes;
pub use search_routes::routes as search_routes;
