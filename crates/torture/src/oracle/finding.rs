//! Contradictions between an answer and the truth.

use std::fmt;

/// Rule that an answer broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// A token that is not good was called active.
    WrongActive,
    /// A JWT that its issuer never signed for this use was called active.
    ForgedActive,
    /// A good token was called inactive.
    WrongInactive,
    /// An answer was about another token.
    ForeignAnswer,
    /// A policy let pass what it must not, or refused what it must let pass.
    WrongPolicy,
    /// A caller was let in that must not be, or the other way round.
    WrongAdmission,
    /// A caller was refused under its rate, or let in over it.
    WrongRate,
    /// A good configuration was refused, or one with a mistake was not.
    WrongReload,
    /// A certificate or secret that was replaced was still used.
    NotRotated,
    /// A failure had a name that no fault at that time explains.
    Unexplained,
    /// A failure's status, name and headers do not belong together.
    WrongName,
    /// An answer came after its bound.
    Late,
    /// A request was not answered.
    Lost,
    /// An answer was none of those that the contract knows.
    Odd,
    /// The process ended by itself.
    Died,
    /// The process took more memory than it may.
    Memory,
    /// The process fetched keys more often than it may.
    Fetches,
}

impl Rule {
    pub(crate) const ALL: [Self; 17] = [
        Self::WrongActive,
        Self::ForgedActive,
        Self::WrongInactive,
        Self::ForeignAnswer,
        Self::WrongPolicy,
        Self::WrongAdmission,
        Self::WrongRate,
        Self::WrongReload,
        Self::NotRotated,
        Self::Unexplained,
        Self::WrongName,
        Self::Late,
        Self::Lost,
        Self::Odd,
        Self::Died,
        Self::Memory,
        Self::Fetches,
    ];

    /// Returns true if a fault that becomes known a moment later may explain it.
    pub(crate) fn waits(self) -> bool {
        matches!(self, Self::Unexplained | Self::Late | Self::Lost)
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::WrongActive => "wrong active",
            Self::ForgedActive => "forged token active",
            Self::WrongInactive => "wrong inactive",
            Self::ForeignAnswer => "answer about another token",
            Self::WrongPolicy => "wrong decision of a policy",
            Self::WrongAdmission => "wrong admission of a caller",
            Self::WrongRate => "rate of a caller not kept",
            Self::WrongReload => "reload not whole or not refused",
            Self::NotRotated => "replaced file not used",
            Self::Unexplained => "failure that no fault explains",
            Self::WrongName => "failure with a wrong name",
            Self::Late => "answer after its bound",
            Self::Lost => "request without an answer",
            Self::Odd => "answer out of contract",
            Self::Died => "process ended by itself",
            Self::Memory => "memory over its bound",
            Self::Fetches => "keys fetched too often",
        }
    }
}

/// A broken rule, and how it was seen.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) rule: Rule,
    pub(crate) story: String,
}

impl Finding {
    pub(crate) fn new(rule: Rule, story: impl Into<String>) -> Self {
        Self {
            rule,
            story: story.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}: {}", self.rule.title(), self.story)
    }
}
