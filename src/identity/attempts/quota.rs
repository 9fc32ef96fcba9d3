use std::fmt;

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::store;
use crate::base::error::{Error, Result};
use crate::platform::http::rate_limit;
use crate::platform::shares::Left;

/// How often somebody may do what is kept for ever, or told to everybody: so often at once, and after that as often in
/// each such time. Postgres counts, so that it is one bound for all instances.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// What it bounds.
    pub of: &'static str,
    /// What a refusal is called.
    pub code: &'static str,
    /// So often
    pub most: u32,
    /// in so long.
    pub within: Duration,
}

impl Quota {
    /// Changes of one's own name, username or address: every backend hears of them, and the trail keeps them.
    pub const OWN_CHANGES: Self =
        Self { of: "own-changes", code: "too_many_changes", most: 10, within: Duration::HOUR };

    /// New passwords of one's own.
    pub const OWN_PASSWORDS: Self =
        Self { of: "own-passwords", code: "too_many_changes", most: 10, within: Duration::HOUR };

    /// New API keys of one person, or of one robot: each is told by mail, and the trail keeps it.
    pub const API_KEYS: Self = Self { of: "api-keys", code: "too_many_changes", most: 50, within: Duration::DAY };

    /// Logins of one person, to which each event that begins and ends a session is owed.
    pub const LOGINS: Self = Self { of: "logins", code: "too_many_logins", most: 2000, within: Duration::DAY };

    /// How long one takes to be forgotten.
    pub fn each(&self) -> Duration {
        self.within / self.most
    }

    /// Refuses (429) whose bucket, empty at that moment, has no room.
    pub fn must_have_room(&self, empty_at: Option<OffsetDateTime>, now: OffsetDateTime) -> Result<()> {
        let wait = empty_at.map_or(Duration::ZERO, |empty_at| empty_at + self.each() - self.within - now);
        if wait.is_positive() { Err(self.full(wait)) } else { Ok(()) }
    }

    fn full(&self, wait: Duration) -> Error {
        let (wait, within) = (wait.unsigned_abs(), Some(self.within.unsigned_abs()));
        let left = Left { policy: self.of, quota: self.most, window: within, remaining: 0, reset: wait };
        rate_limit::refusal(self.code, "you have done this too often", &[left], wait)
    }

    /// One more of `whose`, in the transaction of what it is: what is rolled back does not count.
    ///
    /// # Errors
    /// 429.
    pub async fn take(&self, conn: &mut PgConnection, whose: impl fmt::Display, now: OffsetDateTime) -> Result<()> {
        let key = format!("{}:{whose}", self.of);
        match store::fill_quota(conn, &key, self.each(), self.within, now).await? {
            None => Ok(()),
            Some(empty_at) => Err(self.full((empty_at + self.each() - self.within - now).max(Duration::ZERO))),
        }
    }
}
