//! Answers, whatever way they came by.

/// Answer as a client saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The token is good. The text by which it is recognized, where the answer has one.
    Active(Option<String>),
    /// The token is not good.
    Inactive,
    /// The token is good, and has not enough for the policy.
    Insufficient,
    /// The caller is unknown.
    Unknown,
    /// The caller may not do this.
    Forbidden,
    /// The caller is over its rate, and may come back after so many seconds.
    Limited(u64),
    /// A failure with its status and name, and whether it says when to come back.
    Failed {
        status: u16,
        name: String,
        retry_after: bool,
    },
    /// No answer: the connection could not be opened, or ended, or nothing came in time.
    Lost {
        why: String,
        /// Nothing had been answered on this connection, so that no caller was known there.
        is_fresh: bool,
    },
    /// An answer that is none of these.
    Odd(String),
}

impl Seen {
    /// Word for counts.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Active(_) => "active",
            Self::Inactive => "inactive",
            Self::Insufficient => "insufficient",
            Self::Unknown => "caller unknown",
            Self::Forbidden => "caller forbidden",
            Self::Limited(_) => "rate limited",
            Self::Failed { status: 502, .. } => "502",
            Self::Failed { status: 503, .. } => "503",
            Self::Failed { status: 504, .. } => "504",
            Self::Failed { .. } => "other status",
            Self::Lost { .. } => "no answer",
            Self::Odd(_) => "odd",
        }
    }
}
