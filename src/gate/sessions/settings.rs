use super::{FamilyLifetime, Lifetime};

/// How long sessions live, and how many a person may have.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// `TOKEN_TTL_SECONDS`, `TOKEN_RENEW_THRESHOLD_SECONDS`, `TOKEN_MAX_AGE_SECONDS`.
    pub lifetime: Lifetime,
    /// `REFRESH_TTL_SECONDS`, `REFRESH_MAX_AGE_SECONDS`, `REFRESH_GRACE_SECONDS`.
    pub families: FamilyLifetime,
    /// `SESSIONS_PER_PERSON`: beyond it, those that have gone unused longest end.
    ///
    /// Few enough that to end them all is told session by session: of more than a thousand at once every backend would hear
    /// that it is to forget all that it keeps.
    pub per_person: i32,
}
