use std::io;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

use crate::activity::Activity;
use crate::lane::Lane;
use crate::open::Open;
use crate::operators::{Attended, Operators};

/// Runtimes that serve connections: each connection goes to the one with the fewest, across all
/// listeners.
///
/// Each is one thread with its own poll of the kernel: a request wakes no other thread. Only a
/// connection whose [`Lane`] changes is moved, by its task alone: its socket stays registered where
/// it arrived.
#[derive(Debug, Clone)]
pub struct Workers {
    pool: Arc<Pool>,
    /// Dropped with the last clone, which ends the threads.
    _running: Arc<watch::Sender<()>>,
}

#[derive(Debug)]
struct Pool {
    workers: Vec<Worker>,
    /// `None`: one thread for all lanes.
    others: Option<Others>,
    turn: AtomicUsize,
}

/// Threads of the lanes that give way to workers.
#[derive(Debug)]
struct Others {
    operators: Operators,
    strangers: Handle,
}

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    connections: Open,
}

/// Connection on one thread.
struct Served {
    connection: Pin<Box<dyn Future<Output = ()> + Send>>,
    activity: Arc<Activity>,
    lane: Lane,
    /// Among operators: the thread's signs of life.
    attended: Option<Attended>,
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
            connections: Open::default(),
        }
    }
}

impl Served {
    fn is_starved(&self) -> bool {
        self.attended.as_ref().is_some_and(Attended::is_starved)
    }
}

impl Future for Served {
    type Output = Left;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Left> {
        match self.connection.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Left::Ended),
            Poll::Pending if self.activity.lane.is(self.lane) && !self.is_starved() => {
                Poll::Pending
            }
            // Whoever polls it next is woken for what it waits for.
            Poll::Pending => Poll::Ready(Left::Moves),
        }
    }
}

/// Threads that serve requests beside the workers: operators, strangers, admin.
const OTHER_THREADS: usize = 3;

impl Workers {
    /// Starts `count` threads for callers, and one for each other lane.
    ///
    /// # Errors
    /// System errors.
    pub fn start(count: NonZeroUsize) -> io::Result<Self> {
        let (running, end) = watch::channel(());
        let start = |name: &str, lane| start(name.to_owned(), lane, end.clone());
        let workers = (0..count.get())
            .map(|number| start(&format!("worker-{number}"), Lane::Callers).map(Worker::new))
            .collect::<io::Result<_>>()?;
        let others = Others {
            operators: Operators::new(start("operators", Lane::Operators)?),
            strangers: start("strangers", Lane::Strangers)?,
        };
        Ok(Self {
            pool: Arc::new(Pool {
                workers,
                others: Some(others),
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
                others: None,
                turn: AtomicUsize::new(0),
            }),
            _running: Arc::new(watch::channel(()).0),
        }
    }

    /// Number of threads that serve requests, in all lanes and on the admin listeners.
    pub(crate) fn threads(&self) -> NonZeroUsize {
        let workers = NonZeroUsize::new(self.pool.workers.len()).unwrap_or(NonZeroUsize::MIN);
        workers.saturating_add(OTHER_THREADS)
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
        let (mut attended, mut counted) = (None, None);
        if let (Some(others), Lane::Operators) = (&self.others, activity.lane.get()) {
            attended = others.operators.attend();
            if attended.is_none() {
                activity.lane.set(Lane::Callers);
            }
        }
        let lane = activity.lane.get();
        let runtime = match (&self.others, lane) {
            (Some(others), Lane::Operators) => &others.operators.runtime,
            (Some(others), Lane::Strangers) => &others.strangers,
            (None, _) | (_, Lane::Callers) => {
                let Some(worker) = self.least_loaded() else {
                    return;
                };
                counted = Some(worker.connections.one_more());
                &worker.runtime
            }
        };
        let mut served = Served {
            connection,
            activity,
            lane,
            attended,
        };
        let pool = Arc::clone(self);
        runtime.spawn(async move {
            let left = (&mut served).await;
            drop(counted);
            if left == Left::Moves {
                pool.place(served.connection, served.activity);
            }
        });
    }

    fn least_loaded(&self) -> Option<&Worker> {
        let turn = self.turn.fetch_add(1, Relaxed) % self.workers.len().max(1);
        let (before, from) = self.workers.split_at_checked(turn).unwrap_or_default();
        let in_turn = from.iter().chain(before);
        in_turn.min_by_key(|worker| worker.connections.count())
    }
}

/// Starts a thread with a runtime of its own, which ends with the sender of `end`.
fn start(name: String, lane: Lane, mut end: watch::Receiver<()>) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new().name(name).spawn(move || {
        lane.prioritize_thread();
        // Never sent to, so this resolves when the sender is dropped.
        let _ = runtime.block_on(end.changed());
        // Dropping it would wait for blocking threads.
        runtime.shutdown_background();
    })?;
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::sync::mpsc;

    use crate::lane::STRANGERS_NICENESS;
    use crate::places::Places;

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
    fn connection_moves_to_the_threads_of_its_lane() {
        let (workers, places) = (two(), Places::new(1));
        let place = places.take().now_or_never().unwrap();
        let (standing, activity) = (place.standing(), place.activity());
        let (sender, receiver) = mpsc::channel();
        let (poke, mut poked) = tokio::sync::mpsc::unbounded_channel();
        workers.spawn(activity, async move {
            while poked.recv().await.is_some() {
                sender.send(thread_and_nice()).unwrap();
            }
        });
        let served_by = || {
            poke.send(()).unwrap();
            receiver.recv().unwrap()
        };
        // What is under way ends where it began. More than a thread serves at a stretch, and few:
        // on a busy machine each takes its time on a thread that gives way to all others.
        let moves_to = |name: &str| (0..500).any(|_| served_by().0.starts_with(name));
        let (worker, nice) = served_by();
        assert!(worker.starts_with("worker-"), "{worker}");

        activity.begin().give_way().now_or_never();
        assert!(moves_to("strangers"));
        assert_eq!(served_by().1, (nice + STRANGERS_NICENESS).min(19));
        assert_eq!(count(&workers), 0, "a stranger counts for no worker");
        standing.serve_on(Lane::Operators);
        assert!(!moves_to("operators"), "a stranger stays one");

        standing.recognize();
        assert!(moves_to("worker-"));
        activity.begin().give_way().now_or_never();
        assert!(!moves_to("strangers"), "a caller stays");
        assert_eq!(count(&workers), 1);

        standing.serve_on(Lane::Operators);
        assert!(moves_to("operators"));
        assert_eq!(served_by().1, nice);
        standing.serve_on(Lane::Callers);
        assert!(moves_to("worker-"));
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
        counts.map(|worker| worker.connections.count()).sum()
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
