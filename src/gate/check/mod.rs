//! Is this token live now, and what may its owner do? The one place that says so.

mod token;
mod tokens;

pub use token::{Checked, check};
pub use tokens::{Verdict, check_many};
