//! The tables of sessions, as logins and lists use them.

mod begin;
pub mod families;
pub mod listed;
pub mod providers;

pub use begin::{BegunSession, NewSession, insert, logins_until};
