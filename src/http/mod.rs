//! What every route shares of HTTP: reading bodies, paths, pages and credentials, and the line in the log.

pub mod access_log;
pub mod ask_again;
pub mod client_ip;
pub mod credential;
mod etag;
pub mod fallback;
mod faults;
pub mod idempotency;
mod json;
mod page;
mod patch;
mod path;
pub mod rate_limit;
pub mod request_id;
pub mod total;
mod trace;

pub use etag::{ETag, IfMatch, Tagged};
pub use json::{Json, MAX_OF_STRANGERS, OptionalJson, unreadable};
pub use page::{MAX_LIMIT, Page, limit_of};
pub use patch::{Patch, must_change_something};
pub use path::Path;
pub use total::{Part, Total};
