//! Callers, their permissions, and the policies that decide about tokens.

mod caller;
mod certificate;
mod permission;
mod policy;
mod rate;
mod resource;

pub use caller::{Caller, Callers, SecretDigest};
pub use certificate::{CertificateName, InvalidCertificateName, certificate_names};
pub use permission::{Permission, Permissions};
pub use policy::{DEFAULT_POLICY, KeptBy, Policies, Policy, Requirements, Unavailable};
pub use rate::{InvalidRate, MAX_BURST, Rate};
pub use resource::Resource;

/// All access rules of a configuration: one value, which never changes.
#[derive(Debug)]
pub struct Rules {
    /// Callers that may send requests.
    pub callers: Callers,
    /// Policies that decisions are made by.
    pub policies: Policies,
}
