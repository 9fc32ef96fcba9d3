//! Grants: which roles a service offers, who holds them there, and single permissions given directly.

mod grant;
mod people_routes;
mod routes;
pub mod store;
pub mod told;

pub use grant::{DirectGrant, Held, Offer, PersonInService, RoleGrant};
pub use people_routes::routes as people_routes;
pub use routes::routes;
