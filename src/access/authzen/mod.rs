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

pub use entities::{
    ANONYMOUS, ActionEntity, Context, Entity, Evaluation, Properties, Sought, USER, passed, reaching, to_expressions,
};
pub use evaluate::{Asked, Decision, allows_one, looked_at, needs};
pub use filter_routes::routes as filter_routes;
pub use page::{Cursor, PageOfAnswer, PageOfRequest};
pub use routes::{question, routes};
pub use search::{Results, known as known_actions, permitted};
pub use search_routes::routes as search_routes;
