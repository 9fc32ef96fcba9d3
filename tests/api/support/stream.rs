//! A stream of server-sent events, as a backend reads it.

use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::time::timeout;

use super::secrets::Secrets;

/// Longer than any event takes, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(20);

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub name: String,
    pub id: i64,
    pub data: Value,
}

/// The events of one connection.
#[derive(Debug)]
pub struct Stream {
    body: Body,
    buffer: String,
    secrets: Secrets,
    /// What a client would send as `Last-Event-ID`.
    pub last_id: Option<i64>,
}

impl Stream {
    pub fn new(body: Body, secrets: Secrets) -> Self {
        Self { body, buffer: String::new(), secrets, last_id: None }
    }

    /// The lines up to the next empty one; none when the server has ended the stream.
    pub async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.buffer = rest;
                assert_eq!(self.secrets.shown_in(&block), None, "a stream shows no secret");
                return Some(block);
            }
            let frame = timeout(PATIENCE, self.body.frame()).await.expect("something within reason")?;
            let data = frame.expect("no fault").into_data().expect("data");
            self.buffer += std::str::from_utf8(&data).expect("whole characters");
        }
    }

    /// The next event, whatever comes between; none when the server has ended the stream.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            if let Some(id) = field("id") {
                self.last_id = Some(id.parse().expect("a number"));
            }
            let Some(data) = field("data") else { continue };
            let data = serde_json::from_str(data).expect("JSON");
            let name = field("event").expect("a name").to_owned();
            return Some(Event { name, id: self.last_id.expect("an id"), data });
        }
    }

    /// The next event, which must come.
    pub async fn event(&mut self) -> Event {
        self.next().await.expect("the stream goes on")
    }

    /// The next event, which must be this one.
    #[track_caller]
    pub fn expect(&mut self, name: &'static str) -> impl Future<Output = Event> + use<'_> {
        let caller = std::panic::Location::caller();
        async move {
            let event = self.event().await;
            assert_eq!(event.name, name, "{event:?}, asked for at {caller}");
            event
        }
    }

    /// Nothing is waiting to be read, and nothing comes for a while.
    pub async fn silence(&mut self) {
        let heard = timeout(Duration::from_millis(150), self.next()).await;
        assert!(heard.is_err(), "{heard:?}");
    }

    /// The server has ended it, or will.
    pub async fn end(&mut self) {
        assert_eq!(self.next().await, None, "the stream ends");
    }
}
