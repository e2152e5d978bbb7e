use introspectd_core::TokenValue;

use super::confirmation::Thumbprint;
use super::fault::ProofFault;
use super::url::Target;

/// Scheme under which a client shows its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `Bearer` (RFC 6750), of tokens bound to a certificate as well.
    Bearer,
    /// `DPoP` (RFC 9449 section 7.1).
    Dpop,
}

/// Request of a client, as whoever passes it on saw it.
pub struct ClientRequest<'a> {
    /// Method, to the letter.
    pub method: &'a str,
    /// URL without query.
    pub target: Target,
}

/// Evidence that a client shows beside its token. It is read where it is needed, and nowhere else.
pub trait Evidence: Sync {
    /// Returns the one DPoP proof of the request.
    ///
    /// # Errors
    /// [`ProofFault`] if there is none, or more than one.
    fn proof(&self) -> Result<&str, ProofFault>;

    /// Returns the client's method and URL.
    ///
    /// # Errors
    /// [`ProofFault`] if whoever passes the request on did not say, or not clearly.
    fn request(&self) -> Result<ClientRequest<'_>, ProofFault>;

    /// Returns the thumbprint of the client's certificate, if exactly one is shown.
    fn certificate(&self) -> Option<Thumbprint>;
}

/// No evidence: a question about a token alone.
pub struct NoEvidence;

impl Evidence for NoEvidence {
    fn proof(&self) -> Result<&str, ProofFault> {
        Err(ProofFault::Missing)
    }

    fn request(&self) -> Result<ClientRequest<'_>, ProofFault> {
        Err(ProofFault::RequestUnknown)
    }

    fn certificate(&self) -> Option<Thumbprint> {
        None
    }
}

impl Scheme {
    /// Returns the name in `Authorization` and in challenges.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

/// Token, and the scheme under which it is shown.
#[derive(Debug)]
pub struct Presented {
    /// Scheme.
    pub scheme: Scheme,
    /// Token.
    pub token: TokenValue,
}
