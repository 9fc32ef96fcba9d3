//! Who may do what: services, roles, permissions, grants, keys.

pub mod administrators;
pub mod grants;
pub mod groups;
pub mod keys;
pub mod permissions;
pub mod policies;
pub mod roles;
pub mod services;
