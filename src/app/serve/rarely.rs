//! Waiting beside what wakes its task often, for what hardly ever comes.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A future that is polled only once it has been woken itself, however often its task is: what waits for a signal costs no request
/// anything.
pub(super) struct Rarely<F> {
    signal: Pin<Box<F>>,
    bell: Option<Arc<Bell>>,
}

struct Bell {
    rung: AtomicBool,
    task: Waker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

/// Polls `signal` as rarely as can be.
pub(super) fn rarely<F: Future>(signal: F) -> Rarely<F> {
    Rarely { signal: Box::pin(signal), bell: None }
}

impl<F: Future> Future for Rarely<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let bell = match self.bell.take() {
            Some(bell) if bell.task.will_wake(context.waker()) => {
                // Looked at first, since nearly always nothing has come.
                if !bell.rung.load(Ordering::Relaxed) || !bell.rung.swap(false, Ordering::Acquire) {
                    self.bell = Some(bell);
                    return Poll::Pending;
                }
                bell
            }
            _ => Arc::new(Bell { rung: AtomicBool::new(false), task: context.waker().clone() }),
        };
        let waker = Waker::from(Arc::clone(&bell));
        self.bell = Some(bell);
        self.signal.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::ready;

    use futures_util::FutureExt;
    use tokio::sync::oneshot;
    use tokio_util::sync::CancellationToken;

    use super::*;

    /// Whether it has come, asked by the task of the test.
    async fn has_come(signal: &mut Rarely<impl Future>) -> bool {
        poll_fn(|context| Poll::Ready(signal.poll_unpin(context).is_ready())).await
    }

    #[tokio::test]
    async fn a_signal_is_heard_however_often_nobody_looked() {
        let stop = CancellationToken::new();
        let mut signal = rarely(stop.cancelled());
        for _ in 0..10 {
            assert!(!has_come(&mut signal).await);
        }
        stop.cancel();
        assert!(has_come(&mut signal).await);
    }

    #[tokio::test]
    async fn it_is_polled_only_when_it_has_been_woken() {
        let (tell, told) = oneshot::channel::<()>();
        let mut told = told.fuse();
        let mut polls = 0;
        let mut signal = rarely(poll_fn(|context| {
            polls += 1;
            let _ = ready!(told.poll_unpin(context));
            Poll::Ready(())
        }));
        for _ in 0..10 {
            assert!(!has_come(&mut signal).await);
        }
        drop(tell);
        assert!(has_come(&mut signal).await);
        drop(signal);
        assert_eq!(polls, 2);
    }

    #[tokio::test]
    async fn another_task_may_take_it_over() {
        let stop = CancellationToken::new();
        let (tell, told) = oneshot::channel();
        let signal = stop.clone();
        let mut signal = rarely(async move { signal.cancelled().await });
        assert!(!has_come(&mut signal).await);
        tokio::spawn(async move {
            signal.await;
            let _ = tell.send(());
        });
        tokio::task::yield_now().await;
        stop.cancel();
        told.await.expect("heard there");
    }
}
