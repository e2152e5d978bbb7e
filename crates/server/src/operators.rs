use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::open::{Counted, Open};

/// Pause between two signs of life.
const BEAT: Duration = Duration::from_millis(50);

/// Silence after which the thread counts as starved.
const STARVED: Duration = Duration::from_millis(200);

/// Thread of the operators' lane.
///
/// It runs only while a processor is free, so that no caller waits for what operators ask for. On a
/// machine without a free one it starves: connections then leave it for a worker.
#[derive(Debug)]
pub(crate) struct Operators {
    pub(crate) runtime: Handle,
    life: Arc<Life>,
}

/// Signs of life of the thread, as long as it serves connections.
#[derive(Debug)]
struct Life {
    started: Instant,
    connections: Open,
    is_beating: AtomicBool,
    /// Milliseconds after `started`.
    last: AtomicU64,
}

/// Connection that counts as the thread's until it is dropped.
#[derive(Debug)]
pub(crate) struct Attended {
    life: Arc<Life>,
    _counted: Counted,
}

impl Operators {
    pub(crate) fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            life: Arc::new(Life {
                started: Instant::now(),
                connections: Open::default(),
                is_beating: AtomicBool::new(false),
                last: AtomicU64::new(0),
            }),
        }
    }

    /// Counts a further connection; `None` if the thread is starved.
    pub(crate) fn attend(&self) -> Option<Attended> {
        let attended = Attended {
            life: Arc::clone(&self.life),
            _counted: self.life.connections.one_more(),
        };
        if !self.life.is_beating.swap(true, Relaxed) {
            self.life.beat();
            self.runtime.spawn(beat(Arc::clone(&self.life)));
        }
        (!attended.is_starved()).then_some(attended)
    }
}

impl Life {
    fn beat(&self) {
        self.last.store(self.age(), Relaxed);
    }

    fn age(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Beats while there are connections.
async fn beat(life: Arc<Life>) {
    loop {
        life.beat();
        tokio::time::sleep(BEAT).await;
        if life.connections.count() > 0 {
            continue;
        }
        life.is_beating.store(false, Relaxed);
        // One that arrived meanwhile may have seen it still beating.
        if life.connections.count() == 0 || life.is_beating.swap(true, Relaxed) {
            return;
        }
    }
}

impl Attended {
    /// Returns true if the thread has not run for a while.
    pub(crate) fn is_starved(&self) -> bool {
        let silence = self.life.age().saturating_sub(self.life.last.load(Relaxed));
        Duration::from_millis(silence) >= STARVED
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn wait_until(mut is_so: impl FnMut() -> bool) {
        let started = std::time::Instant::now();
        while !is_so() {
            assert!(started.elapsed() < Duration::from_secs(30), "in vain");
            std::thread::yield_now();
        }
    }

    #[test]
    fn thread_that_does_not_run_is_starved_and_takes_no_more_connections() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let operators = Operators::new(runtime.handle().clone());
        let first = operators.attend().unwrap();

        let (resume, resumed) = mpsc::channel::<()>();
        runtime.spawn(async move { resumed.recv() });
        wait_until(|| first.is_starved());
        assert!(operators.attend().is_none());
        resume.send(()).unwrap();
        wait_until(|| !first.is_starved());
        assert!(operators.attend().is_some());

        drop(first);
        wait_until(|| !operators.life.is_beating.load(Relaxed));
        assert!(operators.attend().is_some());
    }
}
