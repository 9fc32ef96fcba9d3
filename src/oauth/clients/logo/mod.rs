//! Logos of clients: shown where they ask people to log in or to agree, and served from here.

mod picture;
mod routes;
pub mod set;
pub mod store;

pub use picture::{LARGEST, Picture};
pub use routes::routes;
pub use set::{remove_logo, set_logo};
