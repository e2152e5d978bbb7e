//! Asks of providers: what each is for, how it ends, and what is counted of them.
//!
//! An ask is one question to a provider, its retries included.

mod context;
mod gauges;
mod meter;
mod outcome;

pub use context::Context;
pub use gauges::{BreakerState, Gauges, KeyGauges};
pub use meter::{BOUNDS, Durations, Meter};
pub use outcome::Outcome;

/// Purpose of an ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Introspection of a token.
    Introspect,
    /// Lookup of a record by its id.
    Lookup,
    /// Batch of a list.
    List,
    /// Revocation, by token or by id.
    Revoke,
    /// Binding of a token to a record.
    Bind,
    /// Issuance of a token.
    Issue,
    /// Grant of a bearer token of our own.
    Grant,
    /// Key set of an issuer.
    Jwks,
}

impl Operation {
    /// All operations.
    pub const ALL: [Self; 8] = [
        Self::Introspect,
        Self::Lookup,
        Self::List,
        Self::Revoke,
        Self::Bind,
        Self::Issue,
        Self::Grant,
        Self::Jwks,
    ];

    /// Word in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Introspect => "introspect",
            Self::Lookup => "lookup",
            Self::List => "list",
            Self::Revoke => "revoke",
            Self::Bind => "bind",
            Self::Issue => "issue",
            Self::Grant => "grant",
            Self::Jwks => "jwks",
        }
    }
}
