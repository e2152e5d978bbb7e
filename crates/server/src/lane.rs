use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use introspectd_core::{give_way, run_while_idle};

/// Niceness of the strangers' thread, above that of the process: beside a busy worker it gets three
/// hundredths of a processor, and all that is left.
pub(crate) const STRANGERS_NICENESS: i32 = 15;

/// Threads that serve a connection, by what it was last asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Lane {
    /// Workers: requests of callers about tokens, and whatever comes first on a connection.
    #[default]
    Callers,
    /// Requests of operators, which may take long and can wait.
    Operators,
    /// Requests without a caller.
    Strangers,
}

impl Lane {
    /// Gives the current thread the priority of the lane.
    pub(crate) fn prioritize_thread(self) {
        let lowered = match self {
            Self::Callers => Ok(()),
            Self::Operators => run_while_idle(),
            // Not so low that a health check without credentials starves.
            Self::Strangers => give_way(STRANGERS_NICENESS),
        };
        if let Err(error) = lowered {
            tracing::warn!(%error, lane = ?self, "cannot lower the priority of a thread");
        }
    }
}

/// Lane of one connection, shared by its task and its requests.
#[derive(Debug, Default)]
pub(crate) struct SharedLane(AtomicU8);

impl SharedLane {
    pub(crate) fn is(&self, lane: Lane) -> bool {
        self.0.load(Relaxed) == lane as u8
    }

    pub(crate) fn get(&self) -> Lane {
        [Lane::Operators, Lane::Strangers]
            .into_iter()
            .find(|lane| self.is(*lane))
            .unwrap_or_default()
    }

    pub(crate) fn set(&self, lane: Lane) {
        self.0.store(lane as u8, Relaxed);
    }
}
