use time::OffsetDateTime;

use crate::app::config::Config;

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
    pub fn at(now: OffsetDateTime, config: &Config) -> Self {
        Self {
            most: config.sessions_per_person,
            session_used: now - config.lifetime.sliding,
            session_begun: now - config.lifetime.absolute,
            family_used: now - config.families.idle,
            family_begun: now - config.families.absolute,
        }
    }
}
