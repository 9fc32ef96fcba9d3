//! One backend's stream: what it missed, then what happens, then a heartbeat now and again. Driven by the connection: a
//! backend that does not read is not written for, and is told `reset` when it has fallen too far behind.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures_util::stream::unfold;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::change::{self, Audience};
use super::feed::{StreamSeat, Subscription, Told};
use super::store;
use crate::app::App;
use crate::base::error::Result;
use crate::gate::Backend;
use crate::platform::metrics::GaugeGuard;

/// How many changes are read at a time from the log.
const PAGE: i32 = 1000;

/// About how much is written at a time, in bytes.
const CHUNK: usize = 16 * 1024;

pub(super) struct ChangeStream {
    app: App,
    backend: Backend,
    subscription: Subscription,
    /// All up to here has been told, or does not concern this backend.
    position: i64,
    /// Where the log ended when the stream began.
    up_to: i64,
    phase: Phase,
    heartbeat: Interval,
    _seat: StreamSeat,
    _counted: GaugeGuard,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Nothing has been said.
    Greeting,
    /// What was missed is being told.
    Replaying,
    Live,
    /// More came than the buffer holds.
    Lost,
    Over,
}

impl ChangeStream {
    /// From the log what comes after the first position and up to the second, then what `subscription` brings beyond.
    pub(super) fn new(
        app: App,
        backend: Backend,
        subscription: Subscription,
        (position, up_to): (i64, i64),
        seat: StreamSeat,
    ) -> Self {
        let every = app.changes.inner().pace.heartbeat;
        let mut heartbeat = interval_at(Instant::now() + every, every);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let phase = Phase::Greeting;
        let counted = app.changes.inner().measured.client();
        Self { app, backend, subscription, position, up_to, phase, heartbeat, _seat: seat, _counted: counted }
    }

    pub(super) fn into_body(self) -> Body {
        Body::from_stream(unfold(self, async |mut stream| {
            let text = stream.next().await.filter(|_| !stream.backend.is_over(&stream.app))?;
            stream.heartbeat.reset();
            Some((Ok::<_, Infallible>(text), stream))
        }))
    }

    async fn next(&mut self) -> Option<Bytes> {
        match self.phase {
            Phase::Greeting => {
                self.phase = Phase::Replaying;
                let text = if self.position == self.up_to { self.ready() } else { String::new() };
                Some((change::GREETING.to_owned() + &text).into())
            }
            Phase::Replaying => match self.replay().await {
                Ok(text) => Some(text.into()),
                Err(error) => {
                    tracing::debug!(%error, "could not replay what changed: the stream ends");
                    None
                }
            },
            Phase::Live => self.live().await,
            Phase::Lost => self.catch_up(),
            Phase::Over => None,
        }
    }

    fn ready(&mut self) -> String {
        self.phase = Phase::Live;
        change::ready(self.position, self.backend.service)
    }

    fn reset(&mut self, position: i64, reason: &str) -> String {
        self.position = position;
        self.app.changes.inner().measured.reset();
        change::reset(position, reason, self.app.clock.now())
    }

    /// A page of the log. All of it is there up to where the stream began.
    async fn replay(&mut self) -> Result<String> {
        if self.position > self.up_to {
            return Ok(self.reset(self.up_to, "unknown_position") + &self.ready());
        }
        let mut conn = self.app.db.read().await?;
        let page = store::page(&mut conn, self.position, self.up_to, Some(self.backend.service), PAGE.into()).await?;
        drop(conn);
        if self.position < page.pruned {
            return Ok(self.reset(self.up_to, "too_old") + &self.ready());
        }
        self.app.changes.inner().measured.sent(page.changes.len() as u64);
        let mut text: String = page.changes.iter().map(change::Change::event).collect();
        match page.changes.last() {
            Some(last) if page.changes.len() >= PAGE as usize => self.position = last.position,
            _ => {
                self.position = self.up_to;
                text += &self.ready();
            }
        }
        Ok(text)
    }

    async fn live(&mut self) -> Option<Bytes> {
        let (app, backend) = (self.app.clone(), self.backend);
        loop {
            let told = tokio::select! {
                told = self.subscription.receiver.recv() => told,
                _ = self.heartbeat.tick() => return Some(change::heartbeat(self.position).into()),
                () = app.stopping.cancelled() => return None,
                () = backend.over(&app) => return None,
            };
            match told {
                Ok(told) => {
                    let text = self.tell(told);
                    match self.phase {
                        _ if !text.is_empty() => return Some(text.into()),
                        Phase::Lost => return self.catch_up(),
                        Phase::Over => return None,
                        Phase::Greeting | Phase::Replaying | Phase::Live => {}
                    }
                }
                Err(RecvError::Lagged(_)) => return self.catch_up(),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Goes on from now, and says so.
    fn catch_up(&mut self) -> Option<Bytes> {
        self.subscription = self.app.changes.join()?;
        self.phase = Phase::Live;
        Some(self.reset(self.subscription.position, "too_slow").into())
    }

    /// What this backend hears of `told`, and of what waits behind it.
    fn tell(&mut self, told: Arc<Told>) -> Vec<u8> {
        let mut text = Vec::new();
        let mut events = 0;
        let mut next = Some(told);
        while let Some(told) = next {
            // What was replayed already.
            if told.position > self.position {
                self.position = told.position;
                match told.audience {
                    Audience::EndsStreamsOf(key) if key.is_none_or(|key| key == self.backend.key) => {
                        self.phase = Phase::Over;
                        break;
                    }
                    Audience::Service(service) if service != self.backend.service => {}
                    Audience::All | Audience::Service(_) | Audience::EndsStreamsOf(_) => {
                        text.extend_from_slice(&told.text);
                        events += 1;
                    }
                }
            }
            if text.len() >= CHUNK {
                break;
            }
            next = match self.subscription.receiver.try_recv() {
                Ok(told) => Some(told),
                Err(TryRecvError::Lagged(_)) => {
                    self.phase = Phase::Lost;
                    None
                }
                // If it is closed, the next turn hears so.
                Err(TryRecvError::Empty | TryRecvError::Closed) => None,
            };
        }
        self.app.changes.inner().measured.sent(events);
        text
    }
}
