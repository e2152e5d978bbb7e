//! Messages of other servers about their subjects: security event tokens (SET, RFC 8417), logout
//! tokens (OpenID Connect Back-Channel Logout 1.0), and requests of Global Token Revocation.
//!
//! A message is read strictly into a [`SecurityEvent`], a [`Logout`] or a [`SubjectId`], whose
//! [`Subjects`] say which facts it is about. Signatures are `introspectd_jose`'s to verify, before
//! anything here sees a claim. Delivery by polling (RFC 8936) has its messages in [`poll`].

#![warn(missing_docs)]

mod fault;
mod kind;
mod logout;
pub mod poll;
mod revocation;
mod set;
mod subject;

use introspectd_jose::{Algorithm, Claims, Objection};

pub use fault::{ClaimFault, Fault};
pub use kind::EventKind;
pub use logout::Logout;
pub use revocation::revoked_subject;
pub use set::SecurityEvent;
pub use subject::{InvalidSubject, Mark, SubjectId, Subjects};

/// Algorithms that a transmitter may sign with.
pub const ALGORITHMS: [Algorithm; 4] = [
    Algorithm::Rs256,
    Algorithm::Ps256,
    Algorithm::Es256,
    Algorithm::EdDsa,
];

/// Claims that a transmitter's tokens must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Value of `iss`, to the letter.
    pub issuer: String,
    /// Audiences of which `aud` must have one.
    pub audience: Vec<String>,
}

/// Longest `jti` in bytes.
const MAX_JTI: usize = 512;

/// Reads `jti`, which names a message.
fn read_jti(claims: &Claims) -> Result<String, ClaimFault> {
    let jti = claims.text("jti")?.ok_or(ClaimFault::missing("jti"))?;
    if jti.is_empty() || jti.len() > MAX_JTI {
        return Err(ClaimFault::invalid("jti"));
    }
    Ok(jti.to_owned())
}

/// Checks `iss` and `aud`.
fn check_parties(claims: &Claims, expected: &Expected) -> Result<(), Objection> {
    claims.check_iss(&expected.issuer)?;
    claims.check_aud(&expected.audience)
}
