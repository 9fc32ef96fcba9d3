//! Groups: of people and of other groups, to any depth. Whoever is in one holds what it holds. The roles of groups are grants,
//! and stand there.

mod events;
mod expire;
mod group;
mod join;
mod keep;
mod member_routes;
mod nest;
mod routes;
pub mod store;

pub use expire::{expire_every_second, sweep};
pub use group::{GroupChange, GroupName, GroupOfPerson, Member, NewGroup};
pub use join::{join, leave};
pub use keep::{change, create, remove};
pub use nest::{nest, unnest};
pub use routes::routes;
