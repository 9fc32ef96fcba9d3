//! Consents: what people have let clients do for them, to be remembered, seen and taken back.

mod application;
mod revoke;
mod routes;
pub mod store;

pub use application::Application;
pub use revoke::revoke;
pub use routes::routes;
