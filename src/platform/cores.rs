//! A runtime for each core. A connection is served on one of them from its first byte to its last, and lanes that ask Postgres are
//! there, too. All else runs on the runtime that starts them.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{io, thread};

use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// More of them would only make batches smaller.
const MOST: usize = 16;

thread_local! {
    static HERE: OnceCell<Here> = const { OnceCell::new() };
}

/// What a thread knows of itself, if it is a core's.
#[derive(Debug)]
struct Here {
    number: usize,
    /// The runtime that started it.
    beside: Handle,
}

/// The cores, or none, as in tools and tests: then everything runs where it is started. A clone is the same ones.
#[derive(Clone, Debug, Default)]
pub struct Cores(Option<Arc<Running>>);

#[derive(Debug)]
struct Running {
    cores: Vec<Core>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Core {
    runtime: Handle,
    /// What it serves now.
    serves: Arc<AtomicUsize>,
}

/// Something that is served, until this is dropped.
struct Served(Arc<AtomicUsize>);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many a machine of so many processors has.
pub fn count() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(MOST)
}

/// The core that runs this, if one does.
pub fn current() -> Option<usize> {
    HERE.with(|here| here.get().map(|here| here.number))
}

/// Runs what goes on beside the requests, or takes long, where it keeps no connection waiting.
pub fn spawn_beside<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    match HERE.with(|here| here.get().map(|here| here.beside.clone())) {
        Some(beside) => beside.spawn(work),
        None => tokio::spawn(work),
    }
}

impl Cores {
    /// Starts so many, on a runtime that outlives them.
    pub fn start(count: usize) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let cores = (0..count).map(|number| Core::start(number, stop.clone())).collect::<io::Result<_>>()?;
        Ok(Self(Some(Arc::new(Running { cores, stop }))))
    }

    /// Ends them, and whatever still runs on them.
    pub fn stop(&self) {
        if let Some(running) = &self.0 {
            running.stop.cancel();
        }
    }

    /// How many there are; one where everything runs on the one runtime.
    pub fn count(&self) -> usize {
        self.0.as_ref().map_or(1, |running| running.cores.len())
    }

    /// Runs something on one of them.
    pub fn spawn_on(&self, number: usize, work: impl Future<Output = ()> + Send + 'static) {
        match self.0.as_ref().and_then(|running| running.cores.get(number)) {
            Some(core) => core.runtime.spawn(work),
            None => tokio::spawn(work),
        };
    }

    /// Serves a connection on the core that serves the fewest.
    pub fn serve(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let Some(running) = &self.0 else {
            tokio::spawn(connection);
            return;
        };
        let Some(core) = running.least_busy() else { return };
        let served = core.serves();
        core.runtime.spawn(async move {
            connection.await;
            drop(served);
        });
    }
}

impl Running {
    /// Of those that are equally busy the first: lanes begin there, and who is alone is answered without waking another core.
    fn least_busy(&self) -> Option<&Core> {
        self.cores.iter().min_by_key(|core| core.serves.load(Ordering::Relaxed))
    }
}

impl Core {
    fn start(number: usize, stop: CancellationToken) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, beside) = (runtime.handle().clone(), Handle::current());
        thread::Builder::new().name(format!("core-{number}")).spawn(move || {
            let _ = HERE.with(|here| here.set(Here { number, beside }));
            runtime.block_on(stop.cancelled());
            runtime.shutdown_background();
        })?;
        Ok(Self { runtime: handle, serves: Arc::default() })
    }

    fn serves(&self) -> Served {
        self.serves.fetch_add(1, Ordering::Relaxed);
        Served(Arc::clone(&self.serves))
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::{mpsc, oneshot};

    use super::*;

    /// Serves `count` connections that last until what this gives back is dropped; tells where each is.
    async fn serve(cores: &Cores, count: usize) -> (Vec<Option<usize>>, Vec<oneshot::Sender<()>>) {
        let (tell, mut told) = mpsc::unbounded_channel();
        let mut last = Vec::new();
        for _ in 0..count {
            let (end, until) = oneshot::channel::<()>();
            let tell = tell.clone();
            cores.serve(async move {
                let _ = tell.send(current());
                let _ = until.await;
            });
            last.push(end);
        }
        drop(tell);
        let mut places = Vec::new();
        while places.len() < count {
            places.push(told.recv().await.expect("each runs"));
        }
        (places, last)
    }

    #[tokio::test]
    async fn each_serves_as_many_as_the_others() {
        for count in [1, 3, MOST] {
            let cores = Cores::start(count).expect("cores");
            let (places, _open) = serve(&cores, 10 * count).await;
            for number in 0..count {
                assert_eq!(places.iter().filter(|place| **place == Some(number)).count(), 10);
            }
            cores.stop();
        }
    }

    #[tokio::test]
    async fn whoever_is_alone_is_served_where_the_lanes_are() {
        let cores = Cores::start(3).expect("cores");
        for _ in 0..5 {
            let (places, open) = serve(&cores, 1).await;
            assert_eq!(places, [Some(0)]);
            drop(open);
            let running = cores.0.as_ref().expect("cores");
            while running.cores[0].serves.load(Ordering::Relaxed) > 0 {
                tokio::task::yield_now().await;
            }
        }
        cores.stop();
    }

    #[tokio::test]
    async fn a_panic_ends_one_connection_and_not_its_core() {
        let cores = Cores::start(1).expect("cores");
        for _ in 0..3 {
            cores.serve(async { panic!("as it was asked to") });
        }
        let (places, _open) = serve(&cores, 5).await;
        assert_eq!(places, [Some(0); 5]);
        let running = cores.0.as_ref().expect("cores");
        assert_eq!(running.cores[0].serves.load(Ordering::Relaxed), 5, "those that panicked are no longer counted");
        cores.stop();
    }

    #[tokio::test]
    async fn what_takes_long_runs_beside() {
        let cores = Cores::start(2).expect("cores");
        let (tell, told) = oneshot::channel();
        cores.spawn_on(1, async move {
            assert_eq!(current(), Some(1));
            let beside = spawn_beside(async { thread::current().name().map(str::to_owned) }).await;
            let _ = tell.send((thread::current().name().map(str::to_owned), beside.expect("no panic")));
        });
        let (core, beside) = told.await.expect("an answer");
        assert_eq!(core.as_deref(), Some("core-1"));
        assert_ne!(beside, core);
        cores.stop();
    }

    #[tokio::test]
    async fn without_cores_everything_runs_here() {
        let cores = Cores::default();
        assert_eq!((cores.count(), current()), (1, None));
        let (places, _open) = serve(&cores, 2).await;
        assert_eq!(places, [None, None]);
        cores.stop();
    }
}
