//! Is this token live now, and what may its owner do? The one place that says so.

mod access;
mod access_list;
mod api_key;
mod token;
mod tokens;

pub use access::{CheckedAccess, check_access};
pub use access_list::check_access_list;
pub use api_key::{CheckedApiKey, check_api_key, check_api_key_list, must_be_an_api_key};
pub use token::{Checked, check};
pub use tokens::{Verdict, check_many};
