//! A file as its sender sends it: held in memory until it is whole, so that nothing else waits for a slow one.

use std::io::Cursor;
use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt;
use http_body_util::Limited;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{Format, LineBatch, LineBatches, PasswordRules, PeopleFile};
use crate::base::error::{Error, Result};
use crate::platform::http::unreadable;

/// The largest file, in bytes.
const MAX_FILE: usize = 32 * 1024 * 1024;

/// What a file of so many bytes took is worth giving back.
const LARGE: usize = 1024 * 1024;

/// Who sends nothing for so long has given up.
const SILENCE: Duration = Duration::from_secs(30);

/// How many batches of lines may wait to be written.
const AHEAD: usize = 1;

/// A whole file. It may hold passwords.
pub(super) struct Received(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Received {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Received {
    /// Reads it from a request's body.
    ///
    /// # Errors
    /// 408 when nothing came for half a minute; 413 when it is too large.
    pub(super) async fn from(body: Body) -> Result<Self> {
        Self::unless_silent(body, SILENCE).await
    }

    async fn unless_silent(body: Body, silence: Duration) -> Result<Self> {
        let mut body = Body::new(Limited::new(body, MAX_FILE)).into_data_stream();
        let mut file = Zeroizing::new(Vec::new());
        while let Some(bytes) = timeout(silence, body.next()).await.map_err(|_| Error::too_slow())? {
            file.extend_from_slice(&bytes.map_err(|error| unreadable(&error, MAX_FILE))?);
        }
        Ok(Self(file))
    }

    /// Looks at its lines, a batch at a time, on a thread of its own that lets everybody else go first and ends with
    /// `wanted`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn look_at(
        self,
        format: Format,
        rules: PasswordRules,
        wanted: CancellationToken,
    ) -> Result<mpsc::Receiver<anyhow::Result<LineBatch>>> {
        let (sender, batches) = mpsc::channel(AHEAD);
        let is_large = self.0.len() > LARGE;
        let look = move || {
            let_others_go_first();
            match PeopleFile::new("the body".to_owned(), Cursor::new(self), None, format) {
                Ok(file) => send(LineBatches::of(file, rules).while_wanted(wanted), &sender),
                Err(error) => send(std::iter::once(Err(error)), &sender),
            }
            if is_large {
                crate::platform::memory::give_back_now();
            }
        };
        let thread = std::thread::Builder::new().name("import".to_owned()).spawn(look);
        thread.map_err(|error| Error::Internal(error.into()))?;
        Ok(batches)
    }
}

/// On Linux each thread has a nice value.
fn let_others_go_first() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, 19) {
        tracing::debug!(%error, "an import goes at the pace of all else");
    }
}

/// Until all is sent, something fails, or nobody listens any more.
fn send(batches: impl Iterator<Item = anyhow::Result<LineBatch>>, sender: &mpsc::Sender<anyhow::Result<LineBatch>>) {
    for batch in batches {
        let failed = batch.is_err();
        if sender.blocking_send(batch).is_err() || failed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use futures_util::stream;

    use super::*;
    use crate::platform::passwords::Policy;

    #[tokio::test]
    async fn whoever_sends_no_more_is_given_up() {
        let beginning = stream::once(std::future::ready(Ok::<_, std::io::Error>("username,name\n")));
        let body = Body::from_stream(beginning.chain(stream::pending()));
        let given_up = Received::unless_silent(body, Duration::from_millis(20)).await.err().expect("a refusal");
        assert_eq!(given_up.status(), StatusCode::REQUEST_TIMEOUT);
        let whole = Received::from(Body::from("username,name\n")).await.expect("a file");
        assert_eq!(whole.as_ref(), b"username,name\n");
    }

    #[tokio::test]
    async fn nobody_looks_at_what_nobody_wants() {
        let line = "ada,Ada,correct horse battery staple\n".repeat(10_000);
        let file = Received::from(Body::from(format!("username,name,password\n{line}"))).await.expect("a file");
        let rules =
            PasswordRules::new(Policy::at_least(Policy::DEFAULT_MIN_LENGTH), false, time::OffsetDateTime::UNIX_EPOCH);
        let wanted = CancellationToken::new();
        let mut batches = file.look_at(Format::Csv, rules, wanted.clone()).expect("a thread");
        wanted.cancel();
        assert!(
            batches.recv().await.is_some_and(|batch| batch.is_err()),
            "not even the first batch is looked at whole"
        );
        assert!(batches.recv().await.is_none());
    }
}
