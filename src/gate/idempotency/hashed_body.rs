use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use sha2::{Digest, Sha256};

use super::key::Hash;

/// What has been read of a body so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Read(Arc<Mutex<Progress>>);

#[derive(Debug, Default)]
struct Progress {
    sha: Sha256,
    ended: bool,
}

impl Read {
    /// The SHA-256 of the whole body; `None` when its reader left off before the end.
    pub(super) fn whole(&self) -> Option<Hash> {
        let progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        progress.ended.then(|| progress.sha.clone().finalize().into())
    }
}

/// A body that is hashed while somebody reads it: it need not be held in memory to be known again.
#[derive(Debug)]
pub(super) struct HashedBody {
    body: Body,
    read: Read,
}

impl HashedBody {
    pub(super) fn new(body: Body) -> (Self, Read) {
        let read = Read::default();
        let watched = Self { body, read: read.clone() };
        watched.note(None);
        (watched, read)
    }

    fn note(&self, bytes: Option<&Bytes>) {
        let mut progress = self.read.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = bytes {
            progress.sha.update(bytes);
        }
        progress.ended = self.body.is_end_stream();
    }
}

impl HttpBody for HashedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => self.note(frame.data_ref()),
            Some(Err(_)) => {}
            None => self.read.0.lock().unwrap_or_else(PoisonError::into_inner).ended = true,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
