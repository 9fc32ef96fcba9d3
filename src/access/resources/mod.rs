//! Resources that services tell Portero of, and the roles that people and groups hold on them.

mod events;
mod fault;
mod grant;
mod lines;
mod many_routes;
mod put;
mod remove;
mod resource;
mod role;
mod role_routes;
mod routes;
pub mod store;
mod tree;

pub use fault::{Fault, LineFault};
pub use grant::{Held, Holder, give, take};
pub use lines::{MAX_LINES, read_named, read_wanted};
pub use many_routes::routes as many_routes;
pub use put::{Put, must_be_faultless, put_all, put_one};
pub use remove::{Removed, remove_all, remove_one};
pub use resource::{NewResource, Properties, Resource, ResourceKey, ResourceName, Wanted, not_found};
pub use role::{NewResourceRoleGrant, ResourceRole, ResourceRoleGrant};
pub use role_routes::routes as role_routes;
pub use routes::routes;
