//! What every route shares of HTTP: reading bodies, paths, pages and credentials, and the line in the log.

pub mod access_log;
mod answer;
pub mod ask_again;
pub mod client_ip;
pub mod credential;
mod etag;
pub mod fallback;
mod faults;
mod json;
mod page;
mod path;
pub mod rate_limit;
pub mod total;
mod trace;

pub use answer::Success;
pub use etag::{ETag, IfMatch, Tagged};
pub use json::{Json, MAX_OF_STRANGERS, OptionalJson, unreadable};
pub use page::{MAX_LIMIT, Page, PageQuery, limit_of};

pub use path::Path;
pub use total::{Part, Total};
