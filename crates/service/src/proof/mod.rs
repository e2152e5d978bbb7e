//! Tokens bound to a key, and proof that a client has it: DPoP (RFC 9449), mutual TLS (RFC 8705).
//!
//! What a client shows beside its token is [`Evidence`], which is read only where a token or its
//! scheme asks for it. `operation/prove.rs` has the order of checks.

mod confirmation;
mod dpop;
mod evidence;
mod fault;
mod nonce;
mod possession;
mod replay;
mod rules;
mod url;

pub use confirmation::Thumbprint;
pub(crate) use confirmation::{Confirmation, Unconfirmed};
pub use dpop::ALGORITHMS;
pub(crate) use dpop::Proof;
pub use evidence::{ClientRequest, Evidence, NoEvidence, Presented, Scheme};
pub use fault::ProofFault;
pub(crate) use possession::{NonceNeeded, Possession};
pub use rules::{Binding, CertificateHeader, ProofRules, RequestHeaders, UrlHeaders};
pub use url::Target;
