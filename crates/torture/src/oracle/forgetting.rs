//! Moments after which introspectd may use nothing that it knew before.

use std::time::Duration;

/// A purge, a restart, or a reload that changed a provider.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forgetting {
    /// Begun at this moment: what was asked before may be forgotten, what is asked later is not.
    pub(crate) begun: Duration,
    /// Done at this moment: no request from here on is answered by what was known at `begun`.
    pub(crate) done: Duration,
    pub(crate) cause: Cause,
}

/// Cause of a forgetting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Takes an answer away from whoever waits for it, who may then be refused.
    Purge,
    /// Refuses nobody.
    Reload,
    /// A fault of its own, which explains more.
    Restart,
}

impl Forgetting {
    /// Returns true if a fact older than `fact` cannot answer a request that was sent at `sent`.
    pub(crate) fn rules_out(&self, fact: Duration, sent: Duration) -> bool {
        self.begun >= fact && self.done <= sent
    }

    /// Returns true if it may refuse a request that was under way between these moments.
    pub(crate) fn refuses(&self, from: Duration, to: Duration) -> bool {
        self.cause == Cause::Purge && self.begun <= to && self.done >= from
    }
}
