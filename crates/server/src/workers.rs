use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

/// Runtimes that serve connections: each connection goes to the one with the fewest, across all
/// listeners.
///
/// Each is one thread with its own poll of the kernel: a request wakes no other thread and never
/// migrates.
#[derive(Debug, Clone)]
pub struct Workers {
    workers: Arc<[Worker]>,
    turn: Arc<AtomicUsize>,
    /// Dropped with the last clone, which ends the threads.
    _running: Arc<watch::Sender<()>>,
}

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    connections: Arc<AtomicUsize>,
}

/// Connection that counts as its worker's until it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Worker {
    fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            connections: Arc::default(),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Workers {
    /// Starts `count` threads.
    ///
    /// # Errors
    /// System errors.
    pub fn start(count: NonZeroUsize) -> io::Result<Self> {
        let (running, end) = watch::channel(());
        let workers = (0..count.get()).map(|number| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let handle = runtime.handle().clone();
            let mut end = end.clone();
            thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || {
                    // Never sent to, so this resolves when the sender is dropped.
                    let _ = runtime.block_on(end.changed());
                    // Dropping it would wait for blocking threads.
                    runtime.shutdown_background();
                })?;
            Ok(Worker::new(handle))
        });
        let workers = workers.collect::<io::Result<_>>()?;
        Ok(Self {
            workers,
            turn: Arc::default(),
            _running: Arc::new(running),
        })
    }

    /// Uses the current runtime in place of threads: for tests, which control its time.
    pub fn here() -> Self {
        let workers = Arc::new([Worker::new(Handle::current())]);
        Self {
            workers,
            turn: Arc::default(),
            _running: Arc::new(watch::channel(()).0),
        }
    }

    /// Runtime of each worker, in the order of their numbers.
    pub(super) fn runtimes(&self) -> impl Iterator<Item = &Handle> {
        self.workers.iter().map(|worker| &worker.runtime)
    }

    /// Spawns a connection on the worker with the fewest; among equals, in turns.
    pub(crate) fn spawn(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let turn = self.turn.fetch_add(1, Relaxed) % self.workers.len().max(1);
        let (before, from) = self.workers.split_at_checked(turn).unwrap_or_default();
        let in_turn = from.iter().chain(before);
        let Some(worker) = in_turn.min_by_key(|worker| worker.connections.load(Relaxed)) else {
            return;
        };
        worker.connections.fetch_add(1, Relaxed);
        let counted = Counted(Arc::clone(&worker.connections));
        worker.runtime.spawn(async move {
            connection.await;
            drop(counted);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn two() -> Workers {
        Workers::start(NonZeroUsize::new(2).unwrap()).unwrap()
    }

    /// Name of the worker on which a connection runs that stays open as long as the sender.
    fn open(workers: &Workers) -> (String, watch::Sender<()>) {
        let (sender, receiver) = mpsc::channel();
        let (opened, mut closed) = watch::channel(());
        workers.spawn(async move {
            sender
                .send(thread::current().name().unwrap().to_owned())
                .unwrap();
            let _ = closed.changed().await;
        });
        (receiver.recv().unwrap(), opened)
    }

    fn wait_for_connections(workers: &Workers, count: usize) {
        let open = || {
            workers
                .workers
                .iter()
                .map(|worker| worker.connections.load(Relaxed))
                .sum::<usize>()
        };
        while open() != count {
            thread::yield_now();
        }
    }

    #[test]
    fn connection_goes_to_the_worker_with_the_fewest_over_all_listeners() {
        let one = two();
        let another = one.clone();
        let (first, _kept) = open(&one);
        for _ in 0..3 {
            let (second, gone) = open(&another);
            assert_ne!(first, second);
            drop(gone);
            wait_for_connections(&one, 1);
        }
        let many: Vec<_> = (0..7).map(|_| open(&another)).collect();
        assert_eq!(many.iter().filter(|(name, _)| *name == first).count(), 3);
    }

    #[test]
    fn short_connections_are_distributed_in_turns_and_end_with_their_worker() {
        let workers = two();
        let mut names: Vec<_> = (0..4)
            .map(|_| {
                let (name, gone) = open(&workers);
                drop(gone);
                wait_for_connections(&workers, 0);
                name
            })
            .collect();
        names.sort();
        assert_eq!(names, ["worker-0", "worker-0", "worker-1", "worker-1"]);

        let (held, dropped) = mpsc::channel::<()>();
        workers.spawn(async move {
            let _held = held;
            std::future::pending().await
        });
        drop(workers);
        assert_eq!(dropped.recv(), Err(mpsc::RecvError));
    }
}
