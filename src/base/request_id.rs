//! The id under which a request is logged and answered (`x-request-id`).

use std::cell::RefCell;
use std::sync::Arc;

use axum::http::HeaderName;
use tokio::task::futures::TaskLocalFuture;

/// The response header.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: Arc<str>;
}

/// Random bytes for this many ids are fetched at a time: a system call each would cost more than the id.
const AT_A_TIME: usize = 128;

#[derive(Debug)]
struct Supply {
    bytes: [u8; 16 * AT_A_TIME],
    left: usize,
}

thread_local! {
    static SUPPLY: RefCell<Supply> = const { RefCell::new(Supply { bytes: [0; 16 * AT_A_TIME], left: 0 }) };
}

/// A new id: 128 bits in hex. It need not be secret, only unique.
#[expect(clippy::disallowed_methods, reason = "an id that only has to be unique")]
pub fn generate() -> Arc<str> {
    let mut digits = [0; 32];
    SUPPLY.with_borrow_mut(|supply| {
        if supply.left == 0 {
            // Without randomness nobody can log in either; the log shows it by ids of zeros.
            let _ = getrandom::fill(&mut supply.bytes);
            supply.left = AT_A_TIME;
        }
        supply.left -= 1;
        let _ = hex::encode_to_slice(&supply.bytes[16 * supply.left..][..16], &mut digits);
    });
    str::from_utf8(&digits).unwrap_or_default().into()
}

/// The id of the request that this task is answering.
pub fn current() -> Option<Arc<str>> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Runs `future` as the answer to request `id`.
pub fn scope<F: Future>(id: Arc<str>, future: F) -> TaskLocalFuture<Arc<str>, F> {
    CURRENT.scope(id, future)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_are_the_same() {
        let ids: HashSet<_> = (0..1000).map(|_| generate()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 32));
    }
}
