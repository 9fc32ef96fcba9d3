use std::collections::HashMap;
use std::hash::Hash;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

/// So many newcomers are remembered; when there are as many again, those are forgotten who have not come meanwhile.
const NEWCOMERS: usize = 50_000;

/// What is left of a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    pub policy: &'static str,
    /// How much it is.
    pub quota: u32,
    /// In what time, if that is fixed.
    pub window: Option<Duration>,
    /// How much is left.
    pub remaining: u32,
    /// When there will be all of it again, or, where nothing is left, the next.
    pub reset: Duration,
}

/// How much each of many has used of what drips evenly: leaky buckets, of which the moment is kept when they are empty. In
/// memory, and bounded: whoever fills it with keys that they make up makes it forget who is away, and nobody who comes.
#[derive(Clone, Debug)]
pub struct LeakyBuckets<K> {
    policy: &'static str,
    quota: u32,
    each: Duration,
    window: Duration,
    kept: Arc<Mutex<Kept<K>>>,
}

#[derive(Debug)]
struct Kept<K> {
    recent: HashMap<K, Duration>,
    older: HashMap<K, Duration>,
    swept_at: Duration,
}

impl<K: Hash + Eq + Clone> LeakyBuckets<K> {
    /// So many a minute, and so many minutes' worth at once; `None` where nothing is no limit.
    pub fn per_minute(policy: &'static str, a_minute: u32, minutes: u32) -> Option<Self> {
        let kept = Kept { recent: HashMap::new(), older: HashMap::new(), swept_at: Duration::ZERO };
        (a_minute > 0).then(|| Self {
            policy,
            quota: a_minute.saturating_mul(minutes),
            each: MINUTE / a_minute,
            window: MINUTE * minutes,
            kept: Arc::new(Mutex::new(kept)),
        })
    }

    /// One more at `now`; refused with what there is to wait.
    pub fn take(&self, key: K, now: Duration) -> Result<Left, Left> {
        let left = |remaining, reset| Left {
            policy: self.policy,
            quota: self.quota,
            window: Some(self.window),
            remaining,
            reset,
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.sweep(now);
        let before = kept.find(&key).unwrap_or_default().max(now);
        let after = before + self.each;
        let Some(room) = (now + self.window).checked_sub(after) else {
            kept.note(key, before);
            return Err(left(0, after.saturating_sub(self.window).saturating_sub(now)));
        };
        kept.note(key, after);
        let remaining = u32::try_from(room.as_nanos() / self.each.as_nanos()).unwrap_or(u32::MAX);
        Ok(left(remaining, after.saturating_sub(now)))
    }

    /// The same, given back unless it is spent.
    pub fn reserve(&self, key: K, now: Duration) -> Result<Reserved<K>, Left> {
        self.take(key.clone(), now)?;
        Ok(Reserved { pace: self.clone(), key, spent: AtomicBool::new(false) })
    }

    fn give_back(&self, key: &K) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { recent, older, .. } = &mut *kept;
        if let Some(empty_at) = recent.get_mut(key).or_else(|| older.get_mut(key)) {
            *empty_at = empty_at.saturating_sub(self.each);
        }
    }
}

impl<K: Hash + Eq> Kept<K> {
    fn find(&self, key: &K) -> Option<Duration> {
        self.recent.get(key).or_else(|| self.older.get(key)).copied()
    }

    fn note(&mut self, key: K, empty_at: Duration) {
        self.older.remove(&key);
        self.recent.insert(key, empty_at);
        if self.recent.len() >= NEWCOMERS {
            self.older = mem::take(&mut self.recent);
        }
    }

    /// Forgets whose bucket is empty, every minute.
    fn sweep(&mut self, now: Duration) {
        if now.saturating_sub(self.swept_at) >= MINUTE {
            for kept in [&mut self.recent, &mut self.older] {
                kept.retain(|_, empty_at| *empty_at > now);
                kept.shrink_to(kept.len() * 2);
            }
            self.swept_at = now;
        }
    }
}

/// One of a quota, given back when this is dropped before it is spent.
#[derive(Debug)]
#[must_use = "it is given back when this is dropped"]
pub struct Reserved<K: Hash + Eq + Clone> {
    pace: LeakyBuckets<K>,
    key: K,
    spent: AtomicBool,
}

impl<K: Hash + Eq + Clone> Reserved<K> {
    /// Keeps it.
    pub fn spend(&self) {
        self.spent.store(true, Ordering::Relaxed);
    }
}

impl<K: Hash + Eq + Clone> Drop for Reserved<K> {
    fn drop(&mut self) {
        if !*self.spent.get_mut() {
            self.pace.give_back(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn pace(a_minute: u32) -> LeakyBuckets<u32> {
        LeakyBuckets::per_minute("address", a_minute, 1).expect("a limit")
    }

    #[test]
    fn no_quota_is_no_limit() {
        assert!(LeakyBuckets::<u32>::per_minute("address", 0, 1).is_none());
    }

    #[test]
    fn whoever_makes_up_keys_makes_room_for_none_and_memory_is_bounded() {
        let pace = pace(10);
        let kept = || {
            let kept = pace.kept.lock().expect("nobody has panicked");
            kept.recent.len() + kept.older.len()
        };
        let made_up = u32::try_from(NEWCOMERS * 5).expect("a number");
        let newcomer = u32::MAX;
        for key in 0..made_up {
            assert!(pace.take(key, Duration::ZERO).is_ok());
            assert!(kept() <= 2 * NEWCOMERS);
            if key % (made_up / 10) == 0 {
                assert!(pace.take(newcomer, Duration::ZERO).is_ok());
            }
        }
        assert!(pace.take(newcomer, Duration::ZERO).is_err(), "who comes in the midst of it is counted");
        assert!(pace.take(made_up, MINUTE).is_ok());
        assert_eq!(kept(), 1, "a minute later they are all forgotten");
    }

    #[test]
    fn many_minutes_worth_may_come_at_once_and_what_is_not_spent_is_given_back() {
        let pace = LeakyBuckets::<u32>::per_minute("logins", 10, 3).expect("a limit");
        for _ in 0..100 {
            drop(pace.reserve(1, Duration::ZERO).expect("all is given back"));
        }
        for _ in 0..30 {
            pace.reserve(1, Duration::ZERO).expect("one of thirty").spend();
        }
        let none = pace.reserve(1, Duration::ZERO).expect_err("thirty and no more");
        assert_eq!((none.quota, none.remaining, none.reset), (30, 0, Duration::from_secs(6)));
        assert!(pace.reserve(2, Duration::ZERO).is_ok());
        pace.reserve(1, Duration::from_secs(6)).expect("one in six seconds").spend();
        assert!(pace.reserve(1, Duration::from_secs(6)).is_err());
    }

    proptest! {
        /// In no minute more than the quota and what it drips meanwhile; and whoever waits as told is answered.
        #[test]
        fn nobody_gets_more_than_the_quota(a_minute in 1_u32..200, pauses in vec(0_u64..5_000, 1..400)) {
            let pace = pace(a_minute);
            let (mut now, mut answered) = (Duration::ZERO, Vec::new());
            for pause in pauses {
                now += Duration::from_millis(pause);
                match pace.take(1, now) {
                    Ok(left) => {
                        answered.push(now);
                        prop_assert!(left.remaining < a_minute && left.reset <= MINUTE);
                    }
                    Err(left) => {
                        prop_assert!(left.remaining == 0 && left.reset > Duration::ZERO && left.reset <= MINUTE);
                        now += left.reset;
                        prop_assert!(pace.take(1, now).is_ok());
                        answered.push(now);
                    }
                }
                let recent = answered.iter().filter(|at| now.saturating_sub(**at) < MINUTE).count();
                prop_assert!(recent <= 2 * a_minute as usize);
            }
        }
    }
}
