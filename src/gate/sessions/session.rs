use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use utoipa::ToSchema;

use crate::base::id::PersonId;

/// Whose token it is: what a check answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Payload {
    /// The person's id.
    #[schema(example = 7)]
    pub user_id: i32,
    /// Their username.
    #[schema(example = "juan")]
    pub username: String,
    /// Their name.
    #[schema(example = "Juan Demo")]
    pub name: String,
}

#[derive(Clone, Debug)]
pub struct Session {
    pub person: PersonId,
    /// What a check answers.
    pub payload: Arc<Payload>,
    /// Login.
    pub created_at: OffsetDateTime,
    /// Login or last renewal.
    pub modified_at: OffsetDateTime,
}

/// How long tokens live.
#[derive(Clone, Copy, Debug)]
pub struct Lifetime {
    /// From login or last renewal (`TOKEN_TTL_SECONDS`).
    pub sliding: Duration,
    /// A check renews when at most this is left (`TOKEN_RENEW_THRESHOLD_SECONDS`).
    pub renew_within: Duration,
    /// From login, whatever the renewals (`TOKEN_MAX_AGE_SECONDS`).
    pub absolute: Duration,
}

/// What a session is at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Over.
    Expired,
    /// Valid.
    Live,
    /// Valid, and near enough to its end to be renewed.
    Due,
}

impl Lifetime {
    /// When a session ends unless it is renewed.
    pub fn expires_at(&self, created_at: OffsetDateTime, modified_at: OffsetDateTime) -> OffsetDateTime {
        (modified_at + self.sliding).min(created_at + self.absolute)
    }

    /// What a session is at `now`. One that a renewal would not lengthen is never due, but for the first use of one that
    /// came with a refresh token: it was last renewed before it began, so that its first renewal says that it was used.
    pub fn state(&self, created_at: OffsetDateTime, modified_at: OffsetDateTime, now: OffsetDateTime) -> State {
        let end = self.expires_at(created_at, modified_at);
        let first_use = modified_at < created_at;
        let gains = end - now <= self.renew_within && self.expires_at(created_at, now) > end;
        if now >= end {
            State::Expired
        } else if first_use || gains {
            State::Due
        } else {
            State::Live
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Lifetime =
        Lifetime { sliding: Duration::seconds(300), renew_within: Duration::seconds(30), absolute: Duration::hours(1) };

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    #[test]
    fn a_session_lives_falls_due_and_ends() {
        let state = |now| LIFETIME.state(at(0), at(0), at(now));
        assert_eq!(state(0), State::Live);
        assert_eq!(state(269), State::Live);
        assert_eq!(state(270), State::Due);
        assert_eq!(state(299), State::Due);
        assert_eq!(state(300), State::Expired);
    }

    #[test]
    fn the_first_use_of_a_pair_is_due_at_once() {
        let unused = at(10) - Duration::MICROSECOND;
        assert_eq!(LIFETIME.state(at(10), unused, at(10)), State::Due);
        assert_eq!(LIFETIME.state(at(10), at(10), at(10)), State::Live);
        assert_eq!(LIFETIME.state(at(10), unused, at(310)), State::Expired);
    }

    #[test]
    fn no_renewal_outlives_the_absolute_lifetime() {
        assert_eq!(LIFETIME.expires_at(at(0), at(3500)), at(3600));
        assert_eq!(LIFETIME.state(at(0), at(3300), at(3590)), State::Live, "nothing to gain");
        assert_eq!(LIFETIME.state(at(0), at(3500), at(3600)), State::Expired);
    }
}
