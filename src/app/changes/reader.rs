//! The one task of an instance that reads the log, while anybody listens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use super::feed::Inner;
use super::listener::Ears;
use super::{Change, ChangeKind, store};
use crate::base::clock::Clock;
use crate::base::error::{Error, Result};

/// How many changes are placed, and read, at a time.
const PAGE: i32 = 1000;

/// After a failure.
const RETRY: Duration = Duration::from_millis(100);

/// Reading takes milliseconds. What takes so long is tried again on another connection.
const TOO_LONG: Duration = Duration::from_secs(2);

/// Reads until nobody listens, or the log can't be read, or Portero stops.
pub(super) async fn read(feed: Arc<Inner>, number: u64, clock: Clock) {
    let end = EndFeedOnDrop(Arc::clone(&feed), number);
    let ears = Ears::open(&feed);
    let mut last_success = Instant::now();
    let mut announced = true;
    loop {
        let step = timeout(feed.pace.patience.min(TOO_LONG), step(&feed, &clock)).await;
        let wait = match step.unwrap_or_else(|_| Err(Error::Unavailable("the log can't be read".to_owned()))) {
            Ok(None) => {
                tracing::warn!("what changes is written anew, as after a restore: the streams end");
                break;
            }
            Ok(Some(found)) => {
                last_success = Instant::now();
                if found > 0 && !announced {
                    ears.distrust();
                }
                if found >= PAGE as usize {
                    continue;
                }
                if ears.are_trusted() { feed.pace.trusting } else { feed.pace.deaf }
            }
            // A standby that answers says that somebody else is the primary now, or nobody.
            Err(error) if matches!(error, Error::NoPrimary(_)) || last_success.elapsed() >= feed.pace.patience => {
                tracing::warn!(%error, "can't read what changes: the streams end");
                break;
            }
            Err(error) => {
                tracing::debug!(%error, "could not read what changes; trying again");
                RETRY
            }
        };
        if feed.end_unless_heard() {
            break;
        }
        announced = tokio::select! {
            () = ears.heard() => true,
            () = sleep(wait) => false,
            () = feed.stopping.cancelled() => break,
        };
    }
    drop(end);
}

/// Also when the reader panics: a stream that nobody feeds must end.
struct EndFeedOnDrop(Arc<Inner>, u64);

impl Drop for EndFeedOnDrop {
    fn drop(&mut self) {
        self.0.end(self.1);
    }
}

/// Places what was written, sends what is new, a page at most; answers how much. `None`: the log ends before what was
/// read of it, so the database is another one.
async fn step(feed: &Inner, clock: &Clock) -> Result<Option<usize>> {
    let mut conn = feed.db.read().await?;
    let head = store::place(&mut conn, clock.now(), PAGE).await?;
    conn.keep().await?;
    let position = feed.position();
    if head == position {
        return Ok(Some(0));
    }
    let mut conn = feed.db.read().await?;
    let page = store::page(&mut conn, position, i64::MAX, None, PAGE.into()).await?;
    drop(conn);
    if page.placed < position {
        // Who comes back with an id from beyond its end is told so.
        return Ok(None);
    }
    if page.pruned > position {
        // It went before we got there.
        let lost = Change { position: page.placed, at: clock.now(), what: ChangeKind::Reset };
        feed.send(vec![lost], page.placed, clock.now());
        return Ok(Some(1));
    }
    let found = page.changes.len();
    let position = match page.changes.last() {
        Some(last) if found >= PAGE as usize => last.position,
        _ => page.placed,
    };
    feed.send(page.changes, position, clock.now());
    Ok(Some(found))
}
