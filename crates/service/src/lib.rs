//! Operations on tokens, without HTTP: who may ask, what is answered, why a request is refused.
//!
//! A presentation (HTTP, gRPC) reads a request, and calls an operation with the caller and the
//! request. What comes back is an answer or a [`refusal`], grouped by who is at fault.

#![warn(missing_docs)]

mod access;
mod answer;
pub mod refusal;

pub use access::{
    Caller, Callers, CertificateName, DEFAULT_POLICY, InvalidCertificateName, Permission, Policies, Policy,
    Requirements, Rules, SecretDigest, Unavailable, certificate_names,
};
pub use answer::{Claims, KeptAnswer, Record};
pub use introspectd_core::Selection;
