//! Who asks, what it may, and how it shows who it is.

mod authentication;
mod callers;
mod certificate;

pub(crate) use authentication::{Peer, credentials};
pub use callers::{Caller, Callers, Permission, SecretDigest};
pub(crate) use certificate::names;
pub use certificate::{CertificateName, InvalidCertificateName};
pub use introspectd_core::Selection;
