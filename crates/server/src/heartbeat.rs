use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use introspectd_core::Clock;

use crate::workers::Workers;

/// Pause between two heartbeats of a worker.
const BEAT: Duration = Duration::from_millis(500);

/// Silence after which a worker counts as stalled.
const STALLED: Duration = Duration::from_secs(5);

/// Heartbeats of the workers, behind `/livez`. A blocked worker has none.
#[derive(Debug, Clone)]
pub struct Heartbeats {
    clock: Arc<dyn Clock>,
    /// Time of each worker's last heartbeat, in milliseconds of [`Clock::elapsed`].
    last: Arc<[AtomicU64]>,
}

/// Worker that has not run a task for some seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stalled {
    number: usize,
    silence: Duration,
}

impl Heartbeats {
    /// Starts a heartbeat task on each worker.
    pub fn start(workers: &Workers, clock: Arc<dyn Clock>) -> Self {
        let now = millis(clock.elapsed());
        let last: Arc<[AtomicU64]> = workers.runtimes().map(|_| AtomicU64::new(now)).collect();
        for (number, runtime) in workers.runtimes().enumerate() {
            let (last, clock) = (Arc::clone(&last), Arc::clone(&clock));
            runtime.spawn(async move {
                while let Some(last) = last.get(number) {
                    last.store(millis(clock.elapsed()), Relaxed);
                    tokio::time::sleep(BEAT).await;
                }
            });
        }
        Self { clock, last }
    }

    /// Returns the worker that has been silent for longest, if that is too long.
    pub fn stalled(&self) -> Option<Stalled> {
        let now = millis(self.clock.elapsed());
        let silence =
            |last: &AtomicU64| Duration::from_millis(now.saturating_sub(last.load(Relaxed)));
        let silent = self.last.iter().map(silence).enumerate();
        let (number, silence) = silent.max_by_key(|(_, silence)| *silence)?;
        (silence >= STALLED).then_some(Stalled { number, silence })
    }
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "worker-{} has not run for {} s",
            self.number,
            self.silence.as_secs()
        )
    }
}

fn millis(elapsed: Duration) -> u64 {
    elapsed.as_millis().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_core::{ManualClock, Timestamp};
    use std::num::NonZeroUsize;
    use std::sync::mpsc;
    use std::time::Instant;

    #[test]
    fn blocked_worker_is_named_until_it_runs_again() {
        let clock = Arc::new(ManualClock::at(
            Timestamp::from_seconds(1_700_000_000).unwrap(),
        ));
        let workers = Workers::start(NonZeroUsize::new(2).unwrap()).unwrap();
        let heartbeats = Heartbeats::start(&workers, Arc::clone(&clock) as Arc<dyn Clock>);
        assert_eq!(heartbeats.stalled(), None);

        // Connections are distributed in some order: the one that blocks reports its worker.
        let (sender, receiver) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        workers.spawn(&crate::activity::Activity::new(), async move {
            sender
                .send(std::thread::current().name().map(str::to_owned))
                .unwrap();
            released.recv().unwrap();
        });
        let name = receiver.recv().unwrap().unwrap();
        clock.advance(5);
        let stalled = until(|| {
            heartbeats
                .stalled()
                .filter(|stalled| stalled.to_string().starts_with(&name))
        });
        assert_eq!(stalled.to_string(), format!("{name} has not run for 5 s"));
        release.send(()).unwrap();
        until(|| heartbeats.stalled().is_none().then_some(()));
    }

    /// The other worker may need a moment to see that the clock has moved.
    fn until<T>(mut is_so: impl FnMut() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(value) = is_so() {
                return value;
            }
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "waited in vain"
            );
            std::thread::yield_now();
        }
    }
}
