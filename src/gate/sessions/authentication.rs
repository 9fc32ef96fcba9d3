use time::{Duration, OffsetDateTime};

use crate::base::amr::Amr;

/// When and by what means somebody proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authentication {
    pub at: OffsetDateTime,
    pub amr: Amr,
}

impl Authentication {
    /// So long it does for what a thief of the session must not do: they would make the account their own (ASVS 5.0, 7.5.1).
    pub const RECENT: Duration = Duration::minutes(15);

    /// Whether it was lately.
    pub fn is_recent(&self, now: OffsetDateTime) -> bool {
        now - self.at < Self::RECENT
    }
}
