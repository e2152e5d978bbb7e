use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use introspectd_core::Timestamp;

/// Record of the reloads of the configuration, for metrics and `/readyz`.
#[derive(Debug)]
pub struct Reloads {
    applied: AtomicU64,
    refused: AtomicU64,
    last_success: AtomicI64,
    last: Mutex<Option<String>>,
}

impl Reloads {
    /// Creates the record of a process whose configuration was read at `start`. The start counts as
    /// a success and as no reload.
    pub fn new(start: Timestamp) -> Self {
        Self {
            applied: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            last_success: AtomicI64::new(start.seconds()),
            last: Mutex::default(),
        }
    }

    /// Records an applied reload. `summary` is one line for an operator, such as the changed
    /// sections; it holds no secret.
    pub fn note_applied(&self, now: Timestamp, summary: String) {
        self.last_success.store(now.seconds(), Relaxed);
        self.applied.fetch_add(1, Relaxed);
        self.note(summary);
    }

    /// Records a refused reload, after which all stayed as it was.
    pub fn note_refused(&self, summary: String) {
        self.refused.fetch_add(1, Relaxed);
        self.note(summary);
    }

    fn note(&self, summary: String) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(summary);
    }

    /// Returns the number of applied reloads.
    pub fn applied(&self) -> u64 {
        self.applied.load(Relaxed)
    }

    /// Returns the number of refused reloads.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Returns the time of the last successful reading of the configuration: of the last applied
    /// reload, or of the start.
    pub fn last_success(&self) -> Timestamp {
        Timestamp::from_seconds(self.last_success.load(Relaxed)).unwrap_or(Timestamp::MIN)
    }

    /// Returns what the last reload did; `None` before the first.
    pub fn last(&self) -> Option<String> {
        self.last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_counts_as_a_success_and_a_refused_reload_does_not() {
        let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
        let reloads = Reloads::new(at(100));
        assert_eq!((reloads.applied(), reloads.refused()), (0, 0));
        assert_eq!((reloads.last_success(), reloads.last()), (at(100), None));
        reloads.note_refused("refused".to_owned());
        assert_eq!(reloads.last_success(), at(100));
        reloads.note_applied(at(160), "applied".to_owned());
        assert_eq!((reloads.applied(), reloads.refused()), (1, 1));
        assert_eq!(reloads.last_success(), at(160));
        assert_eq!(reloads.last().as_deref(), Some("applied"));
    }
}
