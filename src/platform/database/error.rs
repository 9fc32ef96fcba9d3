//! What an error of Postgres means to callers.

use super::broken_connections;
use crate::base::error::{Error, plainly};
use crate::base::no_primary::came_to_an_unfit;

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        if let Some(none) = came_to_an_unfit(&error) {
            broken_connections::mark();
            return Self::NoPrimary(none);
        }
        let transient = broken_connections::is_seen_in(&error)
            || match &error {
                E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed => true,
                E::Database(database) => database.code().is_some_and(|state| is_transient(&state)),
                _ => false,
            };
        if transient { Self::Unavailable(plainly(&error)) } else { Self::Internal(error.into()) }
    }
}

/// SQLSTATEs that mean "not now" rather than "never", and say nothing about the connection: resources, timeouts, lost
/// races, locks (PostgreSQL, appendix A).
fn is_transient(state: &str) -> bool {
    state.starts_with("53") || state.starts_with("57") || state.starts_with("40") || state == "55P03"
}
