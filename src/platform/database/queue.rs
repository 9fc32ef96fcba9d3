//! Where questions wait for a lane: first come, first asked.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// What waits, up to a bound.
pub(super) struct Queue<T> {
    inside: Mutex<Inside<T>>,
    room: usize,
    changed: Notify,
}

struct Inside<T> {
    waiting: VecDeque<T>,
    is_closed: bool,
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("room", &self.room).finish_non_exhaustive()
    }
}

impl<T> Queue<T> {
    pub(super) fn new(room: usize) -> Self {
        let inside = Inside { waiting: VecDeque::new(), is_closed: false };
        Self { inside: Mutex::new(inside), room, changed: Notify::new() }
    }

    fn inside(&self) -> MutexGuard<'_, Inside<T>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody waits, and whether nobody will join.
    fn state(&self) -> (bool, bool) {
        let inside = self.inside();
        (inside.waiting.is_empty(), inside.is_closed)
    }

    /// Waits at the end of it; answers whether there was room.
    pub(super) fn join(&self, one: T) -> bool {
        let mut inside = self.inside();
        if inside.waiting.len() >= self.room {
            return false;
        }
        inside.waiting.push_back(one);
        drop(inside);
        self.changed.notify_one();
        true
    }

    /// Waits for somebody to wait; answers whether anybody ever will.
    pub(super) async fn is_joined(&self) -> bool {
        loop {
            let changed = self.changed.notified();
            match self.state() {
                (false, _) => return true,
                (true, true) => return false,
                (true, false) => changed.await,
            }
        }
    }

    /// Takes those that have waited longest, until `taken` has so many.
    pub(super) fn take(&self, taken: &mut Vec<T>, most: usize) {
        let mut inside = self.inside();
        let count = most.saturating_sub(taken.len()).min(inside.waiting.len());
        taken.extend(inside.waiting.drain(..count));
    }

    /// Takes those at the front of which this is true.
    pub(super) fn take_while(&self, is_true: impl Fn(&T) -> bool) -> Vec<T> {
        let mut inside = self.inside();
        let count = inside.waiting.iter().take_while(|one| is_true(one)).count();
        inside.waiting.drain(..count).collect()
    }

    /// What is said of whoever has waited longest.
    pub(super) fn first<U>(&self, say: impl Fn(&T) -> U) -> Option<U> {
        self.inside().waiting.front().map(say)
    }

    /// Nobody will join any more.
    pub(super) fn close(&self) {
        self.inside().is_closed = true;
        self.changed.notify_waiters();
    }
}
