use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// So many of something at a time for each of many: a network, a person, a key, a service. What is remembered is what is
/// held now.
#[derive(Clone, Debug)]
pub struct Shares<K> {
    most: usize,
    held: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Eq + Hash + Clone> Shares<K> {
    /// `most` for each.
    pub fn new(most: usize) -> Self {
        Self { most, held: Arc::default() }
    }

    /// One more for `key`, if it has fewer than it may have.
    pub fn take(&self, key: K) -> Option<Share<K>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.get(&key).copied().unwrap_or_default();
        if count >= self.most {
            return None;
        }
        held.insert(key.clone(), count + 1);
        drop(held);
        Some(Share { key, held: Arc::clone(&self.held) })
    }
}

/// One of those that somebody holds, until this is dropped.
#[derive(Debug)]
#[must_use = "it is held only while this lives"]
pub struct Share<K: Eq + Hash> {
    key: K,
    held: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_own_and_nothing_is_remembered_of_what_was_given_back() {
        let shares = Shares::new(2);
        let (one, two) = (shares.take("a").expect("a share"), shares.take("a").expect("a share"));
        assert!(shares.take("a").is_none());
        let other = shares.take("b").expect("another's");
        drop(one);
        let three = shares.take("a").expect("a share that was given back");
        drop((two, three, other));
        assert!(shares.held.lock().expect("nobody has panicked").is_empty());
    }
}
