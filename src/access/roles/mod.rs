//! Roles: named sets of permissions that people hold in services. Portero's own have ids <= 0.

mod change;
mod create;
pub mod events;
mod permission_routes;
mod remove;
mod role;
mod routes;
pub mod store;

pub use change::change;
pub use create::create;
pub use remove::remove;
pub use role::{NewRole, OWN_NAMES, Role, RoleChange, RoleName, imported_name};

pub use routes::routes;
