//! Roles: named sets of permissions that people hold in services. Portero's own have ids <= 0.

mod role;
mod routes;
pub mod store;
pub mod told;

pub use role::{NewRole, Role, RoleChange, RoleId, RoleName};
pub use routes::routes;
