//! Moments after which introspectd may use nothing that it knew before.

use std::time::Duration;

use crate::cast::Replica;

/// A purge, a restart, or a reload that changed a provider.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forgetting {
    /// Begun at this moment: what was asked before may be forgotten, what is asked later is not.
    pub(crate) begun: Duration,
    /// No request after it is answered by what was known at `begun`.
    pub(crate) done: Effect,
    pub(crate) cause: Cause,
}

/// Moment from which something is in force: at the replica where it was done, and at the others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effect {
    pub(crate) by: Replica,
    pub(crate) done: Duration,
    /// `None`: the others may never hear of it.
    pub(crate) elsewhere: Option<Duration>,
}

impl Effect {
    /// Something that concerns this replica only.
    pub(crate) const fn only(by: Replica, done: Duration) -> Self {
        Self {
            by,
            done,
            elsewhere: None,
        }
    }

    /// Returns the moment from which it is surely in force at this replica.
    pub(crate) fn at(&self, replica: Replica) -> Option<Duration> {
        if replica == self.by {
            Some(self.done)
        } else {
            self.elsewhere
        }
    }
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
    /// Returns true if a fact older than `fact` cannot answer a request that was sent to this
    /// replica at `sent`.
    pub(crate) fn rules_out(&self, fact: Duration, replica: Replica, sent: Duration) -> bool {
        self.begun >= fact && self.done.at(replica).is_some_and(|done| done <= sent)
    }

    /// Returns true if it may refuse a request to this replica that was under way between these
    /// moments.
    pub(crate) fn refuses(&self, replica: Replica, from: Duration, to: Duration) -> bool {
        let is_over = self.done.at(replica).is_some_and(|done| done < from);
        self.cause == Cause::Purge && self.begun <= to && !is_over
    }
}
