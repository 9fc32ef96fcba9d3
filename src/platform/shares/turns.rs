use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::fair::Fair;
use super::{Asker, too_many_at_once};
use crate::base::error::Error;

type Answer = Result<Turn, Refused>;

/// So many at a time, and so many who wait for it, in turns that go round among whoever asks.
#[derive(Clone)]
pub struct Turns(Arc<Mutex<Fair<oneshot::Sender<Answer>>>>);

/// Why there is no turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Who asks, or their network, has more than their share.
    HasMore,
    /// Nobody has more than their share, and there are too many.
    Full,
}

impl Refused {
    /// 429 `too_many_at_once`, or 503.
    pub fn because(self, what: &'static str) -> Error {
        match self {
            Self::HasMore => too_many_at_once("too many at once from you or from your network; try again in 1 s"),
            Self::Full => Error::Busy(what),
        }
    }
}

impl Turns {
    /// `seats` at a time, and `places` for who waits.
    pub fn new(seats: usize, places: usize) -> Self {
        Self(Arc::new(Mutex::new(Fair::new(seats, places))))
    }

    /// Waits for a turn. Whoever stops waiting gives the place up.
    ///
    /// # Errors
    /// When all places are taken, and none by anybody who has more.
    pub async fn take(&self, asker: Asker) -> Result<Turn, Refused> {
        let (give, given) = oneshot::channel();
        let (place, evicted) = self.lock().join(asker, give);
        let _place = Place { turns: self, place };
        if let Some(evicted) = evicted {
            let _ = evicted.item.send(Err(if evicted.had_more { Refused::HasMore } else { Refused::Full }));
        }
        self.advance();
        given.await.unwrap_or(Err(Refused::Full))
    }

    fn lock(&self) -> MutexGuard<'_, Fair<oneshot::Sender<Answer>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills the seats that are free.
    fn advance(&self) {
        loop {
            let next = self.lock().next();
            let Some((asker, give)) = next else { return };
            // One that nobody takes is over at once, and fills its seat again.
            let _ = give.send(Ok(Turn { turns: self.clone(), asker }));
        }
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turns")
    }
}

/// A place in the queue, given up when this is dropped before its turn.
struct Place<'a> {
    turns: &'a Turns,
    place: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.turns.lock().leave(self.place);
    }
}

/// Somebody's turn, until this is dropped.
#[derive(Debug)]
#[must_use = "the turn is over when this is dropped"]
pub struct Turn {
    turns: Turns,
    asker: Asker,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.lock().done(&self.asker);
        self.turns.advance();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn asker(who: &str) -> Asker {
        Asker::strangers(who, Some([192, 0, 2, 1].into()))
    }

    #[tokio::test]
    async fn who_stops_waiting_leaves_no_trace() {
        let turns = Turns::new(1, 4);
        let turn = turns.take(asker("ada")).await.expect("a seat");
        for _ in 0..100 {
            let waiting = tokio::time::timeout(Duration::from_millis(1), turns.take(asker("bob"))).await;
            assert!(waiting.is_err(), "the seat is taken");
        }
        let waits = turns.take(asker("eva"));
        let over = async { drop(turn) };
        let (eva, ()) = tokio::join!(waits, over);
        drop(eva.expect("a turn"));
        assert!(turns.lock().next().is_none());
    }

    #[tokio::test]
    async fn turns_given_to_those_who_left_go_on_to_the_next() {
        let turns = Turns::new(2, 64);
        let served = Arc::new(Mutex::new(0));
        let tasks: Vec<_> = (0..60)
            .map(|n| {
                let (turns, served) = (turns.clone(), Arc::clone(&served));
                tokio::spawn(async move {
                    let turn = turns.take(asker(&n.to_string())).await.expect("a turn");
                    tokio::task::yield_now().await;
                    *served.lock().expect("nobody panics") += 1;
                    drop(turn);
                })
            })
            .collect();
        tokio::task::yield_now().await;
        for task in tasks.iter().step_by(3) {
            task.abort();
        }
        for task in tasks {
            let ended = task.await;
            assert!(ended.is_ok() || ended.is_err_and(|error| error.is_cancelled()));
        }
        assert!(*served.lock().expect("nobody panics") >= 40);
        let _turn = turns.take(asker("last")).await.expect("all seats are free again");
    }
}
