//! What is scarce is shared: by whoever asks for it, by their network and by networks that belong together. A share is a
//! bound while others want something, too: on an idle server one network may have most of it.

mod asker;
mod concurrency;
mod fair;
mod leaky_buckets;
mod turns;

pub use asker::Asker;
pub use concurrency::{Share, Shares};
pub use leaky_buckets::{LeakyBuckets, Left, Reserved};
pub use turns::{Refused, Turn, Turns};

use axum::http::{HeaderMap, header};

use crate::base::error::Error;

/// 429 `too_many_at_once`: who asks, or their network, has as much of something as they may have at a time.
pub fn too_many_at_once(what: &'static str) -> Error {
    let headers = HeaderMap::from_iter([(header::RETRY_AFTER, 1.into())]);
    Error::too_many_requests("too_many_at_once", what, headers)
}
