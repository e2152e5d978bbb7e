//! Reasons for a refusal, grouped by who is at fault.

mod inactive;
mod missing;

pub use inactive::Inactive;
pub use missing::Missing;

/// Fault of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallerFault {
    /// Unknown caller, or a wrong secret.
    Unauthenticated,
    /// Missing permission.
    AccessDenied,
}
