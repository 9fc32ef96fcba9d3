use time::{Duration, OffsetDateTime};

use super::Lifetime;
use crate::users::PersonId;

/// The row of a family. What people know it by is another id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct FamilyId(pub i64);

/// All pairs of an access token and a refresh token that came of one login (RFC 9700 section 4.14.2).
#[derive(Clone, Debug)]
pub struct Family {
    /// Which.
    pub id: FamilyId,
    /// What people know it by.
    pub public_id: String,
    /// Whose.
    pub person: PersonId,
    /// Login.
    pub created_at: OffsetDateTime,
    /// Login or last refresh.
    pub rotated_at: OffsetDateTime,
    /// That of the newest refresh token. Each that is handed out has one of its own, one higher.
    pub generation: i32,
    /// That of the token which was exchanged for the newest one.
    pub parent: Option<i32>,
}

impl Family {
    /// Whether a refresh token of this generation is good for a new pair: the newest is, and, since an answer may be lost,
    /// the one it was exchanged for while nobody has used what came of it. Any other has been used by two.
    pub fn accepts(&self, generation: i32, newest_is_unused: bool) -> bool {
        generation == self.generation || (self.parent == Some(generation) && newest_is_unused)
    }
}

/// How long families live.
#[derive(Clone, Copy, Debug)]
pub struct FamilyLifetime {
    /// From login or last refresh (`REFRESH_TTL_SECONDS`).
    pub idle: Duration,
    /// From login, whatever the refreshes (`REFRESH_MAX_AGE_SECONDS`).
    pub absolute: Duration,
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
    use crate::tokens::State;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    fn family(generation: i32, parent: Option<i32>) -> Family {
        let (id, public_id, person) = (FamilyId(1), String::new(), PersonId(1));
        Family { id, public_id, person, created_at: at(0), rotated_at: at(0), generation, parent }
    }

    #[test]
    fn the_newest_is_good_and_its_parent_until_somebody_uses_what_came_of_it() {
        let family = family(5, Some(3));
        assert!(family.accepts(5, true) && family.accepts(5, false));
        assert!(family.accepts(3, true) && !family.accepts(3, false));
        for other in [1, 2, 4, 6] {
            assert!(!family.accepts(other, true) && !family.accepts(other, false), "{other}");
        }
    }

    #[test]
    fn a_family_ends_when_it_is_idle_or_old() {
        let lifetime = FamilyLifetime { idle: Duration::seconds(30), absolute: Duration::seconds(90) };
        assert_eq!(lifetime.expires_at(at(0), at(0)), at(30));
        assert_eq!(lifetime.expires_at(at(0), at(50)), at(80));
        assert_eq!(lifetime.expires_at(at(0), at(70)), at(90));
        assert!(lifetime.is_live(&family(1, None), at(29)) && !lifetime.is_live(&family(1, None), at(30)));
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
