/// Reason why a proof of possession is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofFault {
    /// No `DPoP` header.
    Missing,
    /// More than one `DPoP` header.
    Repeated,
    /// Not a signature that can be read.
    Malformed,
    /// A `typ` other than `dpop+jwt`.
    Type,
    /// An algorithm that is not allowed.
    Algorithm,
    /// A `jwk` that is missing, private or unfit.
    Key,
    /// A signature that the key did not make.
    Signature,
    /// Another method than that of the request.
    Method,
    /// Another URL than that of the request.
    Url,
    /// Made too long ago, or in the future.
    Time,
    /// Made for another token.
    Token,
    /// A claim that is missing or of the wrong type.
    Claim,
    /// Seen before, or so old that this is not known any more.
    Replayed,
    /// Request of which the proxy does not clearly say method and URL.
    RequestUnknown,
}

impl ProofFault {
    /// Returns the word for it in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "proof_missing",
            Self::Repeated => "proof_repeated",
            Self::Malformed => "proof_malformed",
            Self::Type => "proof_type",
            Self::Algorithm => "proof_algorithm",
            Self::Key => "proof_key",
            Self::Signature => "proof_signature",
            Self::Method => "proof_method",
            Self::Url => "proof_url",
            Self::Time => "proof_time",
            Self::Token => "proof_token",
            Self::Claim => "proof_claim",
            Self::Replayed => "proof_replayed",
            Self::RequestUnknown => "request_unknown",
        }
    }
}
