use time::OffsetDateTime;

use super::{FamilyLifetime, Lifetime};

/// How long sessions live, and how many a person may have.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// `TOKEN_TTL_SECONDS`, `TOKEN_RENEW_THRESHOLD_SECONDS`, `TOKEN_MAX_AGE_SECONDS`.
    pub lifetime: Lifetime,
    /// `REFRESH_TTL_SECONDS`, `REFRESH_MAX_AGE_SECONDS`, `REFRESH_GRACE_SECONDS`.
    pub families: FamilyLifetime,
    /// `SESSIONS_PER_PERSON`.
    pub per_person: i32,
}

/// How many sessions a person may have at once, and which count. Beyond it, those that have gone unused longest end.
///
/// Few enough that to end them all is told session by session: of more than a thousand at once every backend would hear
/// that it is to forget all that it keeps.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// So many.
    pub most: i32,
    /// What was not used since, or began before, is over: a session alone,
    pub session_used: OffsetDateTime,
    /// from its login;
    pub session_begun: OffsetDateTime,
    /// one with refresh tokens,
    pub family_used: OffsetDateTime,
    /// from its login.
    pub family_begun: OffsetDateTime,
}

impl Bounds {
    /// Those of the settings, at a moment.
    pub fn at(now: OffsetDateTime, settings: &Settings) -> Self {
        Self {
            most: settings.per_person,
            session_used: now - settings.lifetime.sliding,
            session_begun: now - settings.lifetime.absolute,
            family_used: now - settings.families.idle,
            family_begun: now - settings.families.absolute,
        }
    }
}
