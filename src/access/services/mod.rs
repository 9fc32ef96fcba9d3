//! Services: the backends that people have roles in. Service 0 is Portero itself.

mod change;
mod claims;
mod create;
mod remove;
mod routes;
mod service;
pub mod store;

pub use change::change;
pub use create::create;
pub use remove::remove;
pub use routes::routes;
pub use service::{ClaimNames, NewService, Service, ServiceChange, ServiceName};
