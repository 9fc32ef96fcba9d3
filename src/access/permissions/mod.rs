//! Permissions: what a role lets its holder do. Names are the backends' own words; Portero's own have ids <= 0.

mod change;
mod create;
mod permission;
mod remove;
mod routes;
pub mod store;

pub use change::change;
pub use create::create;
pub use permission::{NewPermission, Permission, PermissionChange, PermissionName};
pub use remove::remove;

pub use routes::routes;
