use time::{Duration, OffsetDateTime};

/// After so many failures in a row nobody gets in by that password from where they failed, however long they wait (NIST
/// SP 800-63B-4, section 3.2.2).
pub const MOST_IN_A_ROW: i32 = 100;

/// Which failures are counted, and what follows; `None` where they are not.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Those of a person, or of a username that nobody has (`LOGIN_FREE_FAILURES`).
    pub person: Option<Rule>,
    /// Those of an address, whoever it is about (`LOGIN_FREE_FAILURES_PER_ADDRESS`).
    pub address: Option<Rule>,
}

impl Rules {
    /// With so many free failures each, 0 for no limit, and no wait longer than `max_wait`.
    pub fn new(person: u32, address: u32, max_wait: Duration) -> Self {
        let rule = |free: u32, forgets_one_in| (free > 0).then_some(Rule { free, max_wait, forgets_one_in });
        Self {
            person: rule(person, Duration::HOUR),
            // An hour for all that are free.
            address: rule(address, Duration::HOUR / address.max(1)),
        }
    }

    /// In how many seconds one failure of a person is forgotten, and one of an address, if they are counted.
    pub fn forget_one_in(&self) -> (Option<f64>, Option<f64>) {
        let seconds = |rule: Rule| rule.forgets_one_in.as_seconds_f64();
        (self.person.map(seconds), self.address.map(seconds))
    }
}

/// How many failures are borne, and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// So many are free.
    pub free: u32,
    /// No wait is longer.
    pub max_wait: Duration,
    /// One failure is forgotten in each such time.
    pub forgets_one_in: Duration,
}

/// What is kept of somebody's failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureRecord {
    /// How many there were in a row, however long ago.
    pub failures: i32,
    /// When the last of them is forgotten.
    pub forgotten_at: OffsetDateTime,
    /// What began before is not answered.
    pub wait_until: OffsetDateTime,
}

impl FailureRecord {
    /// Of whom no failure is known.
    pub fn none(now: OffsetDateTime) -> Self {
        Self { failures: 0, forgotten_at: now, wait_until: OffsetDateTime::UNIX_EPOCH }
    }
}

impl Rule {
    /// The wait after so many failures that are not forgotten: none while they are free, then one second, and twice as
    /// long each time.
    pub fn wait(&self, failures: u32) -> Duration {
        let Some(further) = failures.checked_sub(self.free) else { return Duration::ZERO };
        Duration::seconds(1 << further.min(30)).min(self.max_wait)
    }

    /// How many failures are not forgotten at `now`.
    pub fn recent(&self, record: &FailureRecord, now: OffsetDateTime) -> u32 {
        let left = (record.forgotten_at - now).max(Duration::ZERO);
        let recent =
            left.whole_nanoseconds().unsigned_abs().div_ceil(self.forgets_one_in.whole_nanoseconds().unsigned_abs());
        u32::try_from(recent).unwrap_or(u32::MAX)
    }

    /// What one more failure makes of it.
    #[must_use]
    pub fn after_failure(&self, before: FailureRecord, now: OffsetDateTime) -> FailureRecord {
        let forgotten_at = before.forgotten_at.max(now) + self.forgets_one_in;
        let after = FailureRecord { failures: before.failures.saturating_add(1), forgotten_at, ..before };
        let wait = self.wait(self.recent(&after, now));
        // Without a wait not even `now`: what is under way began before.
        if wait.is_zero() { after } else { FailureRecord { wait_until: now + wait, ..after } }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    fn rules() -> Rules {
        Rules::new(5, 50, Duration::minutes(15))
    }

    #[test]
    fn five_are_free_and_then_each_wait_is_twice_the_last_up_to_fifteen_minutes() {
        let rule = rules().person.expect("a rule");
        let (mut now, mut record, mut waits) = (at(0), FailureRecord::none(at(0)), Vec::new());
        for _ in 0..20 {
            record = rule.after_failure(record, now);
            waits.push((record.wait_until - now).whole_seconds().max(0));
            now = now.max(record.wait_until);
        }
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900, 900, 900]);
    }

    #[test]
    fn failures_are_forgotten_one_by_one() {
        let rule = rules().person.expect("a rule");
        let mut record = FailureRecord::none(at(0));
        for _ in 0..4 {
            record = rule.after_failure(record, at(0));
        }
        assert_eq!([0, 1, 3600, 7200, 14_399, 14_400].map(|s| rule.recent(&record, at(s))), [4, 4, 3, 2, 1, 0]);
        assert_eq!(record.failures, 4, "how many there were in a row is not");
    }

    #[test]
    fn a_rule_with_nothing_free_is_none() {
        let rules = Rules::new(0, 0, Duration::minutes(15));
        assert!(rules.person.is_none() && rules.address.is_none());
    }

    proptest! {
        /// Whoever waits as long as they must, and no longer, gets no more guesses than the free ones, those of the
        /// waits that grow, one for each longest wait, and one for each that is forgotten.
        #[test]
        fn guesses_are_bounded(
            free in 1_u32..60,
            max_wait in 1_i64..2000,
            pauses in vec(0_i64..5000, 1..200),
        ) {
            let max_wait = Duration::seconds(max_wait);
            let rule = Rule { free, max_wait, forgets_one_in: Duration::HOUR };
            let (mut now, mut record) = (at(0), FailureRecord::none(at(0)));
            for pause in pauses {
                now = now.max(record.wait_until) + Duration::seconds(pause);
                let before = record;
                record = rule.after_failure(before, now);
                prop_assert_eq!(record.failures, before.failures + 1);
                prop_assert!(record.wait_until <= now + max_wait);
                prop_assert!(rule.recent(&record, now) <= rule.recent(&before, now) + 1);
                prop_assert_eq!(record.wait_until > now, rule.recent(&record, now) >= free);
            }
            let passed = (now - at(0)).whole_seconds();
            let growing = 11; // 2^11 s is longer than any wait here
            let most = i64::from(free) + growing + passed / max_wait.whole_seconds() + passed / 3600 + 1;
            prop_assert!(i64::from(record.failures) <= most);
        }

        /// However wild the numbers.
        #[test]
        fn no_wait_is_longer_than_the_longest(free in 0_u32.., max_wait in 1_i64..86_400, failures in 0_u32..) {
            let rule = Rule { free, max_wait: Duration::seconds(max_wait), forgets_one_in: Duration::HOUR };
            prop_assert!(rule.wait(failures) <= rule.max_wait);
            prop_assert!(rule.wait(failures) <= rule.wait(failures.saturating_add(1)));
        }
    }
}
