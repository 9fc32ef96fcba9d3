use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_mins(1);

/// Something that may happen thousands of times a second, and is told once a minute.
#[derive(Debug, Default)]
pub(super) struct LogThrottle(Mutex<Since>);

#[derive(Debug, Default)]
struct Since {
    told_at: Option<Instant>,
    times: u64,
}

impl LogThrottle {
    /// It has happened at `now`. If it is to be told, how often it has since it was told last, this time included.
    pub(super) fn times(&self, now: Instant) -> Option<u64> {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.times += 1;
        if since.told_at.is_some_and(|told_at| now.saturating_duration_since(told_at) < MINUTE) {
            return None;
        }
        since.told_at = Some(now);
        Some(std::mem::take(&mut since.times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_often_is_told_once_a_minute_with_how_often() {
        let (throttle, now) = (LogThrottle::default(), Instant::now());
        assert_eq!(throttle.times(now), Some(1));
        for _ in 0..5 {
            assert_eq!(throttle.times(now + Duration::from_secs(59)), None);
        }
        assert_eq!(throttle.times(now + MINUTE), Some(6));
    }
}
