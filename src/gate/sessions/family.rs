use time::{Duration, OffsetDateTime};

use super::Lifetime;
use crate::base::id::{FamilyId, PersonId};

/// All pairs of an access token and a refresh token that came of one login (RFC 9700 section 4.14.2): one branch, or, where
/// tabs refresh at once, several.
#[derive(Clone, Debug)]
pub struct Family {
    pub id: FamilyId,
    /// What people know it by.
    pub public_id: String,
    pub person: PersonId,
    /// Login.
    pub created_at: OffsetDateTime,
    /// Login or last refresh.
    pub rotated_at: OffsetDateTime,
    /// That of the newest refresh token. Each that is handed out has one of its own, one higher.
    pub generation: i32,
    /// When the bucket of its refreshes is empty; `None` while there was none.
    pub refreshes_until: Option<OffsetDateTime>,
}

/// What has become of a refresh token.
#[derive(Clone, Copy, Debug)]
pub struct RefreshTokenState {
    pub exchanged_at: Option<OffsetDateTime>,
    /// How many pairs it was exchanged for that are not dead.
    pub children: i64,
    /// Whether one of their refresh tokens was exchanged.
    pub goes_on: bool,
}

/// What becomes of a refresh token that is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshDecision {
    /// It is exchanged for its one pair.
    First,
    /// It is exchanged for another pair beside the one it was just exchanged for: tabs that refresh at once are no thieves.
    Sibling,
    /// It is exchanged for another pair in place of the last one, if nobody has used that: the answer was lost.
    IfUnused,
    /// Two have it.
    Refused,
}

impl RefreshTokenState {
    /// What becomes of the token when it is presented `now`; within `grace` of its exchange, siblings are allowed.
    pub fn decide(&self, grace: Duration, now: OffsetDateTime) -> RefreshDecision {
        match self.exchanged_at {
            None => RefreshDecision::First,
            Some(_) if self.goes_on || self.children == 0 => RefreshDecision::Refused,
            Some(at) if grace.is_positive() && now < at + grace => RefreshDecision::Sibling,
            Some(_) => RefreshDecision::IfUnused,
        }
    }
}

impl Family {
    /// So many refreshes may come at once; then ten in the lifetime of an access token. Each ends a session, of which every
    /// backend hears.
    pub const REFRESHES: u32 = 200;

    /// When the bucket is empty after one more refresh, of tokens that live for `sliding`.
    ///
    /// # Errors
    /// How long to wait, when it is full.
    pub fn refreshed(&self, sliding: Duration, now: OffsetDateTime) -> Result<OffsetDateTime, Duration> {
        let each = sliding / 10;
        let until = self.refreshes_until.map_or(now, |until| until.max(now)) + each;
        let wait: Duration = until - (now + each * Self::REFRESHES);
        if wait.is_positive() { Err(wait) } else { Ok(until) }
    }
}

/// How long families live.
#[derive(Clone, Copy, Debug)]
pub struct FamilyLifetime {
    /// From login or last refresh (`REFRESH_TTL_SECONDS`).
    pub idle: Duration,
    /// From login, whatever the refreshes (`REFRESH_MAX_AGE_SECONDS`).
    pub absolute: Duration,
    /// For so long after it was exchanged a refresh token is good for siblings (`REFRESH_GRACE_SECONDS`).
    pub grace: Duration,
}

impl FamilyLifetime {
    /// When a family ends unless it is refreshed.
    pub fn expires_at(&self, created_at: OffsetDateTime, rotated_at: OffsetDateTime) -> OffsetDateTime {
        (rotated_at + self.idle).min(created_at + self.absolute)
    }

    /// Whether a family is not over.
    pub fn is_live(&self, family: &Family, now: OffsetDateTime) -> bool {
        now < self.expires_at(family.created_at, family.rotated_at)
    }
}

/// From when the lifetimes of a pair's session count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairTimes {
    /// The absolute one.
    pub created_at: OffsetDateTime,
    /// The sliding one; before `created_at` while nobody has used the pair.
    pub modified_at: OffsetDateTime,
}

impl PairTimes {
    /// Those of a session that begins `now` and that no renewal takes beyond `end`.
    ///
    /// Near the family's end they can't say that nobody has used the pair: then it counts as used.
    pub fn new(lifetime: &Lifetime, now: OffsetDateTime, end: OffsetDateTime) -> Self {
        let latest = end - lifetime.absolute;
        if latest < now {
            Self { created_at: latest, modified_at: now }
        } else {
            Self { created_at: now, modified_at: now - Duration::MICROSECOND }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gate::sessions::State;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    fn family(generation: i32) -> Family {
        let (id, public_id, person) = (FamilyId(1), String::new(), PersonId(1));
        Family { id, public_id, person, created_at: at(0), rotated_at: at(0), generation, refreshes_until: None }
    }

    #[test]
    fn a_token_is_good_once_for_a_short_time_for_siblings_and_then_if_the_answer_was_lost() {
        let decide = |exchanged_at, children, goes_on, now| {
            RefreshTokenState { exchanged_at, children, goes_on }.decide(Duration::seconds(30), at(now))
        };
        assert_eq!(decide(None, 0, false, 1000), RefreshDecision::First);
        assert_eq!(decide(Some(at(10)), 1, false, 10), RefreshDecision::Sibling);
        assert_eq!(decide(Some(at(10)), 7, false, 39), RefreshDecision::Sibling);
        assert_eq!(decide(Some(at(10)), 7, false, 40), RefreshDecision::IfUnused);
        assert_eq!(decide(Some(at(10)), 1, true, 10), RefreshDecision::Refused, "what came of it was exchanged");
        assert_eq!(decide(Some(at(10)), 0, false, 10), RefreshDecision::Refused, "the pair was lost, or is forgotten");
        let strict = RefreshTokenState { exchanged_at: Some(at(10)), children: 1, goes_on: false };
        assert_eq!(strict.decide(Duration::ZERO, at(10)), RefreshDecision::IfUnused);
    }

    #[test]
    fn two_hundred_refreshes_come_at_once_and_then_ten_in_the_lifetime_of_a_token() {
        let (mut family, sliding) = (family(1), Duration::seconds(300));
        for _ in 0..200 {
            family.refreshes_until = family.refreshed(sliding, at(0)).ok();
            assert!(family.refreshes_until.is_some());
        }
        assert_eq!(family.refreshed(sliding, at(0)), Err(Duration::seconds(30)));
        assert!(family.refreshed(sliding, at(30)).is_ok());
        assert_eq!(family.refreshed(sliding, at(10_000)), Ok(at(10_030)));
    }

    #[test]
    fn a_family_ends_when_it_is_idle_or_old() {
        let lifetime =
            FamilyLifetime { idle: Duration::seconds(30), absolute: Duration::seconds(90), grace: Duration::ZERO };
        assert_eq!(lifetime.expires_at(at(0), at(0)), at(30));
        assert_eq!(lifetime.expires_at(at(0), at(50)), at(80));
        assert_eq!(lifetime.expires_at(at(0), at(70)), at(90));
        assert!(lifetime.is_live(&family(1), at(29)) && !lifetime.is_live(&family(1), at(30)));
    }

    proptest! {
        #[test]
        fn no_session_outlives_its_family(
            sliding in 1i64..1000, absolute in 1i64..1000, end in 1i64..2000, renewed in 0i64..3000
        ) {
            let lifetime = Lifetime {
                sliding: Duration::seconds(sliding),
                renew_within: Duration::seconds(sliding),
                absolute: Duration::seconds(absolute),
            };
            let times = PairTimes::new(&lifetime, at(0), at(end));
            let unused = times.modified_at < times.created_at;
            prop_assert_eq!(unused, absolute <= end);
            let state = lifetime.state(times.created_at, times.modified_at, at(0));
            prop_assert!(state != State::Expired);
            prop_assert!(!unused || state == State::Due, "its first use is noted");
            prop_assert!(lifetime.expires_at(times.created_at, at(renewed)) <= at(end));
        }
    }
}
