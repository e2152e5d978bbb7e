//! Faults as the oracle knows them: which, where, from when to when.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::cast::Which;

/// Kind of a fault that explains failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Answers later than the timeout, or never.
    Hangs,
    /// Refuses or ends connections.
    Cut,
    /// Answers that are no answer.
    Lies,
    /// Some answers in time, some not, some wrong.
    Flaps,
    /// 429.
    Throttles,
    /// 500, 502, 503, 504.
    Fails,
    /// Refuses our credentials, or shows a certificate that nobody trusts.
    Estranged,
    /// Ends connections that rest, as any server may at any time. Explains only the failure of what
    /// must not be sent twice.
    Turns,
    /// The process was killed, and is not back yet.
    Down,
    /// The process was asked to stop, and is not back yet.
    Stopping,
    /// The process has few descriptors left.
    Crowded,
    /// The disk of bindings and audit log is full.
    DiskFull,
    /// Redis is not well, and may have lost all that it had. Explains only that purges are refused.
    Redis,
    /// The replica's way to Redis is not well. Explains the same.
    Way,
    /// The machine itself gave the oracle no time.
    Starved,
}

/// A fault's time and place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spell {
    pub(crate) kind: Kind,
    /// `None`: the process or the machine.
    pub(crate) provider: Option<Which>,
    pub(crate) from: Duration,
    /// `None`: not over yet.
    pub(crate) to: Option<Duration>,
}

impl Spell {
    /// Returns true if it was on at some moment between these.
    pub(crate) fn is_on_between(&self, from: Duration, to: Duration) -> bool {
        self.from <= to && self.to.is_none_or(|end| end >= from)
    }
}

/// Names of failures that a fault explains: the `error` of RFC 6749 section 5.2, with its status.
pub(crate) type Names = &'static [(u16, &'static str)];

pub(crate) const UPSTREAM: (u16, &str) = (502, "upstream_error");
pub(crate) const UNAVAILABLE: (u16, &str) = (503, "temporarily_unavailable");
pub(crate) const TIMEOUT: (u16, &str) = (504, "upstream_timeout");

impl Kind {
    /// Failures while it lasts.
    pub(crate) const fn names(self) -> Names {
        match self {
            // 503 where the breaker opened, or the limit of questions was reached.
            Self::Hangs => &[TIMEOUT, UNAVAILABLE],
            Self::Cut
            | Self::Turns
            | Self::Throttles
            | Self::Crowded
            | Self::DiskFull
            | Self::Redis
            | Self::Way => &[UNAVAILABLE],
            Self::Lies | Self::Fails | Self::Estranged => &[UPSTREAM, UNAVAILABLE],
            Self::Flaps => &[UPSTREAM, UNAVAILABLE, TIMEOUT],
            Self::Starved => &[UNAVAILABLE, TIMEOUT],
            // A request that the process did answer was answered by a process in good order, but
            // its last ones may have been abandoned.
            Self::Down | Self::Stopping => &[UNAVAILABLE],
        }
    }
}

/// All spells of the last minutes.
#[derive(Debug, Default)]
pub(crate) struct Weather {
    spells: Mutex<Vec<Spell>>,
}

/// Spells that ended so long ago explain nothing any more: longer than a token lives.
const KEPT: Duration = Duration::from_secs(300);

impl Weather {
    /// Begins a spell.
    pub(crate) fn begin(&self, kind: Kind, provider: Option<Which>, from: Duration) {
        let mut spells = self.locked();
        spells.retain(|spell| spell.to.is_none_or(|to| to + KEPT > from));
        spells.push(Spell {
            kind,
            provider,
            from,
            to: None,
        });
    }

    /// Ends the spells of this kind and place.
    pub(crate) fn end(&self, kind: Kind, provider: Option<Which>, to: Duration) {
        for spell in self.locked().iter_mut() {
            if (spell.kind, spell.provider) == (kind, provider) && spell.to.is_none() {
                spell.to = Some(to);
            }
        }
    }

    /// Spells between these moments, those over since at most `lag` included.
    pub(crate) fn between(&self, from: Duration, to: Duration, lag: Duration) -> Vec<Spell> {
        let overlaps =
            |spell: &&Spell| spell.from <= to && spell.to.is_none_or(|end| end + lag >= from);
        self.locked().iter().filter(overlaps).copied().collect()
    }

    /// All spells that are kept.
    pub(crate) fn all(&self) -> Vec<Spell> {
        self.locked().clone()
    }

    /// Spells that are not over.
    pub(crate) fn now(&self) -> Vec<Spell> {
        self.locked()
            .iter()
            .filter(|spell| spell.to.is_none())
            .copied()
            .collect()
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Spell>> {
        self.spells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
