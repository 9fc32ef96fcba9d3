//! What every route shares of HTTP: reading bodies, paths, pages and credentials, and the line in the log.

#![warn(missing_docs)]

pub mod access_log;
mod answer;
pub mod beside;
pub mod client_ip;
pub mod credential;
mod cross_origin;
mod document;
mod etag;
mod facts;
pub mod fallback;
mod faults;
mod form;
mod headers;
mod json;
mod next;
pub mod operation;
mod page;
mod path;
mod query;
pub mod rate_limit;
pub mod retry;
mod routes;
pub mod total;
mod trace;

use std::net::SocketAddr;

use ipnet::IpNet;

pub use answer::Success;
pub use cross_origin::any_origin;
pub use document::{Document, IfNoneMatch, documented};
pub use etag::{ETag, IfMatch, Tagged, tagged};
pub use facts::{Askers, Computing, Deadline, Facts};
pub use form::Form;
pub use headers::Headers;
pub use json::{DeclaredJson, Json, MAX_BODY, MAX_OF_STRANGERS, OptionalJson, fault, read, unkept, unreadable};
pub use next::{Next, part_of_list};
pub use page::{MAX_LIMIT, Page, PageQuery, limit_of};
pub use path::Path;
pub use query::query;
pub use routes::{Route, Routes};
pub use total::{Part, Total};

/// Where requests arrive, and how they are told apart.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `SERVER_URL` or `SERVER_PORT`: where to listen.
    pub listen: SocketAddr,
    /// `TRUSTED_PROXIES`: whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: whether a collector wants traces.
    pub traces: bool,
}
