use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

/// Runtimes to which connections are dealt out in turns.
///
/// Each is one thread with its own poll of the kernel: a request wakes no other thread and moves between none.
#[derive(Debug, Clone)]
pub struct Workers {
    runtimes: Vec<Handle>,
    turn: usize,
    /// Dropped with the last clone, which ends the threads.
    _running: Arc<watch::Sender<()>>,
}

impl Workers {
    /// Starts so many threads.
    ///
    /// # Errors
    /// As the system says.
    pub fn start(count: NonZeroUsize) -> io::Result<Self> {
        let (running, end) = watch::channel(());
        let runtimes = (0..count.get()).map(|number| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let handle = runtime.handle().clone();
            let mut end = end.clone();
            thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
                // Never sent to, so this is the end of the sender.
                let _ = runtime.block_on(end.changed());
                // To drop it would wait for threads that resolve a provider's name.
                runtime.shutdown_background();
            })?;
            Ok(handle)
        });
        Ok(Self { runtimes: runtimes.collect::<io::Result<_>>()?, turn: 0, _running: Arc::new(running) })
    }

    /// The runtime that this is called in, and no thread: for tests, which move its time.
    pub fn here() -> Self {
        Self { runtimes: vec![Handle::current()], turn: 0, _running: Arc::new(watch::channel(()).0) }
    }

    /// Runtime of each worker, in the order of their numbers.
    pub(super) fn runtimes(&self) -> impl Iterator<Item = &Handle> {
        self.runtimes.iter()
    }

    /// Spawns a connection on the one whose turn it is.
    pub(crate) fn spawn(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        self.turn = (self.turn + 1) % self.runtimes.len().max(1);
        if let Some(runtime) = self.runtimes.get(self.turn) {
            runtime.spawn(connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn connections_are_dealt_out_in_turns_and_end_with_their_worker() {
        let mut workers = Workers::start(NonZeroUsize::new(2).unwrap()).unwrap();
        let (tell, told) = mpsc::channel();
        for _ in 0..4 {
            let tell = tell.clone();
            workers.spawn(async move { tell.send(thread::current().name().map(str::to_owned)).unwrap() });
        }
        let mut names: Vec<_> = told.iter().take(4).flatten().collect();
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
