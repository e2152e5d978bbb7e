//! Work that is measured while something else goes on.

use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::thread::scope;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};

/// End of what goes on beside the work. Nothing is sent: the sender is gone once the work is done.
pub(crate) struct Stop(Receiver<()>);

/// Does `work` while `act` goes on, on a thread of its own, until it is told to stop. Returns both
/// results; a failure of either is one of the whole.
pub(crate) fn beside<T, A: Send>(
    act: impl FnOnce(&Stop) -> Result<A> + Send,
    work: impl FnOnce() -> Result<T>,
) -> Result<(T, A)> {
    scope(|scope| {
        let (working, stop) = channel();
        let acting = scope.spawn(move || act(&Stop(stop)));
        let worked = work();
        drop(working);
        let panicked = |_| Err(Failure::new("what went on beside the work panicked"));
        let acted = acting.join().unwrap_or_else(panicked);
        Ok((worked?, acted?))
    })
}

impl Stop {
    pub(crate) fn is_given(&self) -> bool {
        self.0.try_recv() == Err(TryRecvError::Disconnected)
    }

    /// Repeats this until the stop, this often at most.
    pub(crate) fn repeat(
        &self,
        every: Duration,
        mut act: impl FnMut() -> Result<()>,
    ) -> Result<()> {
        while !self.is_given() {
            let next = Instant::now() + every;
            act()?;
            let rest = next.saturating_duration_since(Instant::now());
            if self.0.recv_timeout(rest) != Err(RecvTimeoutError::Timeout) {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn act_is_repeated_until_the_work_is_done() {
        let (acted, acts) = channel();
        let send = || acted.send(()).map_err(|_| Failure::new("nobody counts"));
        let act = |stop: &Stop| stop.repeat(Duration::ZERO, send);
        let work = || {
            assert_eq!(acts.iter().take(3).count(), 3);
            Ok(7)
        };
        assert_eq!(beside(act, work).map(|(worked, ())| worked).ok(), Some(7));
    }

    #[test]
    fn long_rest_ends_with_the_work() {
        let hour = Duration::from_secs(3600);
        assert!(beside(|stop| stop.repeat(hour, || Ok(())), || Ok(())).is_ok());
    }

    #[test]
    fn failure_of_either_is_one_of_the_whole() {
        let failed = || Err::<(), _>(Failure::new("no"));
        assert!(beside(|_| failed(), || Ok(())).is_err());
        assert!(beside(|stop| stop.repeat(Duration::ZERO, || Ok(())), failed).is_err());
        let (_working, stop) = channel();
        assert!(Stop(stop).repeat(Duration::ZERO, failed).is_err());
    }
}
