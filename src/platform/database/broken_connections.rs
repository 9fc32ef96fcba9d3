//! When a connection was last found to be of no use: every connection that is older is replaced before it is used again.
//!
//! What one connection has shown is true of others made before it: the server was stopped, is read-only now, or has
//! another schema than their prepared statements know. One moment for the whole process, since an error does not say
//! which connection it came from.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::PgDatabaseError;
use tokio::sync::watch;

use crate::base::no_primary::NOT_WRITABLE;

static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// In nanoseconds after the origin; 0 is never.
static LAST: AtomicU64 = AtomicU64::new(0);

/// When it was last found that Postgres had hung.
static HUNG: LazyLock<watch::Sender<Option<Instant>>> = LazyLock::new(watch::Sender::default);

/// What began so shortly before that was found uses connections that work.
const RECENT: Duration = Duration::from_secs(1);

fn at(moment: Instant) -> u64 {
    u64::try_from(moment.saturating_duration_since(*ORIGIN).as_nanos()).unwrap_or(u64::MAX)
}

/// There is trouble now.
pub(super) fn mark() {
    LAST.fetch_max(at(Instant::now()).max(1), Ordering::Relaxed);
}

/// Whether there has been any since then: a connection that was made at that moment is of no use any more.
pub fn came_after(moment: Instant) -> bool {
    let last = LAST.load(Ordering::Relaxed);
    last != 0 && last >= at(moment)
}

/// Postgres hung, and answers again, or another one does: whoever still waits on a connection from before waits in vain.
pub(super) fn it_has_hung() {
    mark();
    HUNG.send_replace(Some(Instant::now()));
}

/// What comes of `work`, unless it is found to wait for a Postgres that hangs: then `None`.
pub async fn unless_hung<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut hangs = HUNG.subscribe();
    let fresh_until = Instant::now() + RECENT;
    tokio::select! {
        done = work => Some(done),
        Ok(_) = hangs.wait_for(|hung| hung.is_some_and(|hung| hung > fresh_until)) => None,
    }
}

/// Whether the connection that answered this is of no further use, which is then known of all that are as old.
pub(super) fn is_seen_in(error: &sqlx::Error) -> bool {
    let seen = match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(database) => {
            let routine = database.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::routine);
            database.code().is_some_and(|state| ends(&state, database.message(), routine))
        }
        _ => false,
    };
    if seen {
        mark();
    }
    seen
}

/// Which SQLSTATEs say so (PostgreSQL, appendix A).
fn ends(state: &str, message: &str, routine: Option<&str>) -> bool {
    match state {
        // It writes no more: a standby, or made read-only. Prepared statements went (DISCARD, DEALLOCATE, a pooler), or
        // somebody else's are there.
        "25006" | "26000" | "42P05" => true,
        // The result of a prepared statement has other types since a migration. The message is in the server's language.
        "0A000" => routine == Some("RevalidateCachedQuery"),
        // A type went that is known by its id, as when a schema is restored.
        "XX000" => message.starts_with("cache lookup failed"),
        "22P02" => message.contains(NOT_WRITABLE),
        // Connection trouble, and a server that stops or starts.
        _ => state.starts_with("08") || state.starts_with("57P"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn trouble_concerns_what_was_made_before() {
        let before = Instant::now();
        mark();
        assert!(came_after(before));
        assert!(!came_after(Instant::now() + Duration::from_hours(1)));
    }

    #[tokio::test]
    async fn who_waits_for_what_hung_is_told() {
        assert_eq!(unless_hung(async { 7 }).await, Some(7));
        let waiting = tokio::spawn(unless_hung(std::future::pending::<()>()));
        while !waiting.is_finished() {
            it_has_hung();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(waiting.await.expect("no panic"), None);
    }

    #[test]
    fn what_callers_can_bring_about_is_no_trouble() {
        for (state, message, routine, expected) in [
            ("25006", "cannot execute UPDATE in a read-only transaction", None, true),
            ("0A000", "el plan almacenado no debe cambiar el tipo de resultado", Some("RevalidateCachedQuery"), true),
            ("0A000", "something is not supported", Some("transformStmt"), false),
            ("26000", "prepared statement \"sqlx_s_1\" does not exist", None, true),
            ("57P01", "terminating connection due to administrator command", None, true),
            ("57014", "canceling statement due to statement timeout", None, false),
            ("08006", "connection failure", None, true),
            ("XX000", "cache lookup failed for type 16412", None, true),
            ("23505", "duplicate key value", None, false),
            ("40P01", "deadlock detected", None, false),
            ("55P03", "canceling statement due to lock timeout", None, false),
            ("22P02", "invalid input syntax for type integer: \"x\"", None, false),
        ] {
            assert_eq!(ends(state, message, routine), expected, "{state} {message}");
        }
    }
}
