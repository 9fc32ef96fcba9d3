//! The tables of sessions, as logins and lists use them.

mod begin;
pub mod families;
pub mod listed;
pub mod providers;

pub use begin::{BeginRules, BegunSession, NewSession, insert_all, insert_all_at_once, logins_until};
