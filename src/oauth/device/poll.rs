use time::{Duration, OffsetDateTime};

use crate::base::id::AuthorizationId;

/// So many seconds are between two polls at first (`interval`, RFC 8628 section 3.2).
pub const FASTEST: i32 = 5;

/// And at most.
const SLOWEST: i32 = 60;

/// So much later than the client means to, one poll may arrive after another.
const JITTER: Duration = Duration::milliseconds(500);

/// What stands of a device's request when it polls.
#[derive(Clone, Copy, Debug)]
pub struct Polled {
    /// Its row.
    pub id: i64,
    /// How many seconds are to be between two polls.
    pub interval: i32,
    /// The poll before.
    pub last_polled_at: Option<OffsetDateTime>,
    /// When the person said yes or no.
    pub answered_at: Option<OffsetDateTime>,
    /// What came of a yes.
    pub authorization: Option<AuthorizationId>,
    /// When its code was redeemed.
    pub redeemed_at: Option<OffsetDateTime>,
    /// When it is over.
    pub expires_at: OffsetDateTime,
}

/// What a poll is answered (RFC 8628 section 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// It came too soon: this many seconds from now on.
    SlowDown(i32),
    /// Nobody has answered yet.
    Pending,
    /// They said no, or took it back.
    Denied,
    /// Nobody answered in time, or the device came too late.
    Expired,
    /// The code was used.
    Used,
    /// They said yes.
    Allowed(AuthorizationId),
}

impl Polled {
    /// What a poll at `now` is answered. One that comes too soon hears nothing else.
    pub fn decide(&self, now: OffsetDateTime) -> Poll {
        let next = self.last_polled_at.map(|last| last + Duration::seconds(self.interval.into()) - JITTER);
        if self.redeemed_at.is_some() {
            Poll::Used
        } else if next.is_some_and(|next| now < next) {
            Poll::SlowDown((self.interval + 5).min(SLOWEST))
        } else if now >= self.expires_at {
            Poll::Expired
        } else {
            match (self.answered_at, self.authorization) {
                (None, _) => Poll::Pending,
                (Some(_), None) => Poll::Denied,
                (Some(_), Some(authorization)) => Poll::Allowed(authorization),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    fn polled() -> Polled {
        Polled {
            id: 1,
            interval: FASTEST,
            last_polled_at: None,
            answered_at: None,
            authorization: None,
            redeemed_at: None,
            expires_at: at(600),
        }
    }

    #[test]
    fn whoever_polls_too_soon_is_to_wait_longer_each_time_and_never_too_long() {
        assert_eq!(polled().decide(at(0)), Poll::Pending, "the first may come at once");
        let mut polled = Polled { last_polled_at: Some(at(0)), ..polled() };
        assert_eq!(polled.decide(at(5)), Poll::Pending);
        let mut intervals = Vec::new();
        for _ in 0..13 {
            let Poll::SlowDown(interval) = polled.decide(at(4)) else { panic!("too soon") };
            polled.interval = interval;
            intervals.push(interval);
        }
        assert_eq!(intervals, [10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 60, 60]);
    }

    #[test]
    fn an_answer_is_told_until_the_code_is_over_or_used() {
        let no = Polled { answered_at: Some(at(9)), ..polled() };
        let yes = Polled { authorization: Some(AuthorizationId(7)), ..no };
        assert_eq!((no.decide(at(10)), yes.decide(at(599))), (Poll::Denied, Poll::Allowed(AuthorizationId(7))));
        for polled in [polled(), no, yes] {
            assert_eq!(polled.decide(at(600)), Poll::Expired);
        }
        let used = Polled { redeemed_at: Some(at(10)), last_polled_at: Some(at(10)), ..yes };
        assert_eq!(used.decide(at(10)), Poll::Used);
    }
}
