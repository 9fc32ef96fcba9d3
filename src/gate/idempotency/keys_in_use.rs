use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::key::Hash;

/// The keys of the requests that this instance is at.
#[derive(Clone, Debug, Default)]
pub(super) struct KeysInUse(Arc<Mutex<HashSet<Hash>>>);

impl KeysInUse {
    /// Begins a request under a key, until what this returns is dropped; `None` while there is another.
    pub(super) fn begin(&self, key: Hash) -> Option<One> {
        self.keys().insert(key).then(|| One { all: self.clone(), key })
    }

    fn keys(&self) -> MutexGuard<'_, HashSet<Hash>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is under way while this lives.
#[derive(Debug)]
pub(super) struct One {
    all: KeysInUse,
    key: Hash,
}

impl Drop for One {
    fn drop(&mut self) {
        self.all.keys().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_free_once_its_request_is_over() {
        let under_way = KeysInUse::default();
        let one = under_way.begin([1; 32]);
        assert!(one.is_some() && under_way.begin([1; 32]).is_none() && under_way.begin([2; 32]).is_some());
        drop(one);
        assert!(under_way.begin([1; 32]).is_some());
    }
}
