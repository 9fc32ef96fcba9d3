//! The tables of policies, and whom decisions are about.

pub mod candidates;
pub mod load;
pub mod policies;
pub mod reached;
pub mod resources;
pub mod settings;
pub mod subjects;
pub mod types;
pub mod walk;
