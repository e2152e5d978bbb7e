use std::io;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::thread;

use rustix::process::{getpriority_process, setpriority_process};
use rustix::thread::gettid;
use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

use crate::activity::Activity;

/// Niceness of the thread that serves strangers, above that of the workers. Beside a busy worker it gets a tenth of a
/// processor, and all that is left.
const STRANGERS_NICE: i32 = 10;

/// Runtimes that serve connections: each connection goes to the one with the fewest, across all
/// listeners.
///
/// Each is one thread with its own poll of the kernel: a request wakes no other thread. A
/// connection whose requests show no caller is moved to the strangers' thread, which gives way to
/// all others, and back once a caller authenticates on it.
#[derive(Debug, Clone)]
pub struct Workers {
    pool: Arc<Pool>,
    /// Dropped with the last clone, which ends the threads.
    _running: Arc<watch::Sender<()>>,
}

#[derive(Debug)]
struct Pool {
    workers: Vec<Worker>,
    /// `None`: strangers stay where they are.
    strangers: Option<Handle>,
    turn: AtomicUsize,
}

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    connections: Arc<AtomicUsize>,
}

/// Connection that counts as its worker's until it is dropped.
struct Counted(Arc<AtomicUsize>);

/// Connection on one thread.
struct Served {
    connection: Pin<Box<dyn Future<Output = ()> + Send>>,
    activity: Arc<Activity>,
    is_among_strangers: bool,
}

/// Reason why a thread no longer serves a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Ended,
    Moves,
}

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

impl Future for Served {
    type Output = Left;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Left> {
        match self.connection.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Left::Ended),
            // Whoever polls it next is woken for what it waits for.
            Poll::Pending if self.activity.is_of_stranger() != self.is_among_strangers => {
                Poll::Ready(Left::Moves)
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Workers {
    /// Starts `count` threads, and one for strangers.
    ///
    /// # Errors
    /// System errors.
    pub fn start(count: NonZeroUsize) -> io::Result<Self> {
        let (running, end) = watch::channel(());
        let workers = (0..count.get())
            .map(|number| {
                Ok(Worker::new(start(
                    format!("worker-{number}"),
                    0,
                    end.clone(),
                )?))
            })
            .collect::<io::Result<_>>()?;
        let strangers = start("strangers".to_owned(), STRANGERS_NICE, end)?;
        Ok(Self {
            pool: Arc::new(Pool {
                workers,
                strangers: Some(strangers),
                turn: AtomicUsize::new(0),
            }),
            _running: Arc::new(running),
        })
    }

    /// Uses the current runtime in place of threads: for tests, which control its time.
    pub fn here() -> Self {
        Self {
            pool: Arc::new(Pool {
                workers: vec![Worker::new(Handle::current())],
                strangers: None,
                turn: AtomicUsize::new(0),
            }),
            _running: Arc::new(watch::channel(()).0),
        }
    }

    /// Runtime of each worker, in the order of their numbers.
    pub(super) fn runtimes(&self) -> impl Iterator<Item = &Handle> {
        self.pool.workers.iter().map(|worker| &worker.runtime)
    }

    /// Spawns a connection on the worker with the fewest; among equals, in turns.
    pub(crate) fn spawn(
        &self,
        activity: &Arc<Activity>,
        connection: impl Future<Output = ()> + Send + 'static,
    ) {
        self.pool.place(Box::pin(connection), Arc::clone(activity));
    }
}

impl Pool {
    fn place(
        self: &Arc<Self>,
        connection: Pin<Box<dyn Future<Output = ()> + Send>>,
        activity: Arc<Activity>,
    ) {
        let mut served = Served {
            is_among_strangers: activity.is_of_stranger(),
            connection,
            activity,
        };
        let (runtime, counted) = match &self.strangers {
            Some(strangers) if served.is_among_strangers => (strangers, None),
            _ => {
                let Some(worker) = self.least_loaded() else {
                    return;
                };
                worker.connections.fetch_add(1, Relaxed);
                let counted = Counted(Arc::clone(&worker.connections));
                (&worker.runtime, Some(counted))
            }
        };
        let pool = Arc::clone(self);
        runtime.spawn(async move {
            while (&mut served).await == Left::Moves {
                if pool.strangers.is_some() {
                    pool.place(served.connection, served.activity);
                    break;
                }
                served.is_among_strangers = !served.is_among_strangers;
            }
            drop(counted);
        });
    }

    fn least_loaded(&self) -> Option<&Worker> {
        let turn = self.turn.fetch_add(1, Relaxed) % self.workers.len().max(1);
        let (before, from) = self.workers.split_at_checked(turn).unwrap_or_default();
        let in_turn = from.iter().chain(before);
        in_turn.min_by_key(|worker| worker.connections.load(Relaxed))
    }
}

/// Starts a thread with a runtime of its own, which ends with the sender of `end`.
fn start(name: String, nice: i32, mut end: watch::Receiver<()>) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new().name(name).spawn(move || {
        if nice != 0 {
            give_way(nice);
        }
        // Never sent to, so this resolves when the sender is dropped.
        let _ = runtime.block_on(end.changed());
        // Dropping it would wait for blocking threads.
        runtime.shutdown_background();
    })?;
    Ok(handle)
}

/// Lowers the priority of the current thread. Without, a flood of strangers costs callers more.
fn give_way(nice: i32) {
    let this = Some(gettid());
    let lowered = getpriority_process(this).and_then(|now| setpriority_process(this, now + nice));
    if let Err(error) = lowered {
        tracing::debug!(%error, "cannot lower the priority of a thread");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::sync::mpsc;

    fn two() -> Workers {
        Workers::start(NonZeroUsize::new(2).unwrap()).unwrap()
    }

    /// Name of the worker on which a connection runs that stays open as long as the sender.
    fn open(workers: &Workers) -> (String, watch::Sender<()>) {
        let (sender, receiver) = mpsc::channel();
        let (opened, mut closed) = watch::channel(());
        workers.spawn(&Activity::new(), async move {
            sender
                .send(thread::current().name().unwrap().to_owned())
                .unwrap();
            let _ = closed.changed().await;
        });
        (receiver.recv().unwrap(), opened)
    }

    #[test]
    fn stranger_is_served_by_a_thread_that_gives_way_until_a_caller_authenticates() {
        let (workers, activity) = (two(), Activity::new());
        let (sender, receiver) = mpsc::channel();
        let (poke, mut poked) = tokio::sync::mpsc::unbounded_channel();
        workers.spawn(&activity, async move {
            while poked.recv().await.is_some() {
                sender.send(thread_and_nice()).unwrap();
            }
        });
        let served_by = || {
            poke.send(()).unwrap();
            receiver.recv().unwrap()
        };
        // What is under way ends where it began.
        let moves_to = |name: &str| (0..10_000).any(|_| served_by().0.starts_with(name));
        let (worker, nice) = served_by();
        assert!(worker.starts_with("worker-"), "{worker}");

        activity.begin().give_way().now_or_never();
        assert!(moves_to("strangers"));
        assert_eq!(served_by().1, (nice + STRANGERS_NICE).min(19));
        assert_eq!(count(&workers), 0, "a stranger counts for no worker");

        activity.recognize();
        assert!(moves_to("worker-"));
        activity.begin().give_way().now_or_never();
        assert!(!moves_to("strangers"), "a caller stays");
        assert_eq!(count(&workers), 1);
    }

    /// Name and niceness of the current thread. The 19th field is the niceness; the name, in
    /// brackets, is the second.
    fn thread_and_nice() -> (String, i32) {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, rest) = stat.rsplit_once(')').unwrap();
        let nice = rest.split_whitespace().nth(16).unwrap().parse().unwrap();
        (thread::current().name().unwrap().to_owned(), nice)
    }

    fn count(workers: &Workers) -> usize {
        let counts = workers.pool.workers.iter();
        counts.map(|worker| worker.connections.load(Relaxed)).sum()
    }

    fn wait_for_connections(workers: &Workers, count: usize) {
        while self::count(workers) != count {
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
        workers.spawn(&Activity::new(), async move {
            let _held = held;
            std::future::pending().await
        });
        drop(workers);
        assert_eq!(dropped.recv(), Err(mpsc::RecvError));
    }
}
