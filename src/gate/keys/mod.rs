//! How a backend becomes a caller: its service key is looked up at each use, and dead as soon as it is revoked.

mod check;
pub mod store;

use time::OffsetDateTime;

use crate::base::id::{KeyId, ServiceId};

pub use check::{LastUses, check, passed};

/// A key that was presented and is live.
#[derive(Clone, Copy, Debug)]
pub struct CheckedKey {
    pub id: KeyId,
    pub service: ServiceId,
    /// When it was last used, to the minute.
    pub last_used_at: Option<OffsetDateTime>,
    /// When it ends, if it does.
    pub expires_at: Option<OffsetDateTime>,
}

impl CheckedKey {
    /// Whether it is over at `now`.
    pub fn is_over(&self, now: OffsetDateTime) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}
