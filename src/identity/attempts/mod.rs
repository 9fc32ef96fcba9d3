//! Keeping guessers out: whoever fails to give a password waits, longer each time, by whatever path they try. A stranger's
//! failures never keep anybody out where they are known. And how often people may do what leaves traces.

mod attempt;
mod purge;
mod quota;
mod rule;
pub mod store;

pub use attempt::{Attempt, Waits, name_key};

pub use purge::{purge, purge_every_minute};
pub use quota::Quota;
pub use rule::{FailureRecord, MOST_IN_A_ROW, Rule, Rules};
pub use store::clear;
