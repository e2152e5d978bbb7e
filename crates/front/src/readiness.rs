use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Phase of the process behind `/readyz`, shared by all that start and drain it.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicU8>);

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

impl Readiness {
    /// Notes that the listeners answer. A drain that has begun goes on.
    pub fn start(&self) {
        let _ = self
            .0
            .compare_exchange(STARTING, READY, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Notes that the drain has begun.
    pub fn drain(&self) {
        self.0.store(DRAINING, Ordering::Release);
    }

    /// Returns true if new requests are welcome.
    pub fn is_ready(&self) -> bool {
        self.phase() == READY
    }

    /// Checks of the phase: name, and what is wrong if it fails.
    pub(crate) fn checks(&self) -> [(&'static str, Option<&'static str>); 2] {
        let phase = self.phase();
        [
            ("started", (phase == STARTING).then_some("not finished")),
            (
                "not_draining",
                (phase == DRAINING).then_some("shutting down"),
            ),
        ]
    }

    fn phase(&self) -> u8 {
        self.0.load(Ordering::Acquire)
    }
}
