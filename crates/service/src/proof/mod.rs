//! Tokens bound to a key, and proof that a client has it: DPoP (RFC 9449), mutual TLS (RFC 8705).
//!
//! What a client shows beside its token is [`Evidence`], which is read only where a token or its
//! scheme asks for it. Its order is fixed: what costs little and says nothing about the token comes
//! first, and a signature is verified once the token is known to be active and bound to the very
//! key of the proof.

mod check;
mod confirmation;
mod dpop;
mod evidence;
mod nonce;
mod replay;
mod rules;
mod url;

pub(crate) use check::{Offered, Possession, Proven, prove};
pub use confirmation::Thumbprint;
pub(crate) use confirmation::{Confirmation, Unconfirmed};
pub use dpop::{ALGORITHMS, ProofFault};
pub use evidence::{ClientRequest, Evidence, NoEvidence, Presented, Scheme};
pub(crate) use nonce::Nonces;
pub(crate) use replay::Replays;
pub use rules::{Binding, CertificateHeader, ProofRules, RequestHeaders, UrlHeaders};
pub use url::Target;
