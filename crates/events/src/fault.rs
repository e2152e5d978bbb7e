use introspectd_jose::{Malformed, Objection, Refusal, Unreadable};

use crate::subject::InvalidSubject;

/// Reason why a message of a transmitter is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No signed token that can be read.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// Another type of token: its `typ` says so.
    #[error("the typ is another one")]
    Type,
    /// Algorithm, key or signature that is not accepted.
    #[error("{0}")]
    Key(#[from] Refusal),
    /// Issuer that is no transmitter here.
    #[error("the issuer is no transmitter")]
    Issuer,
    /// Audience that is not us.
    #[error("the audience is another one")]
    Audience,
    /// Claims that are not those of such a message.
    #[error("{0}")]
    Claim(#[from] ClaimFault),
}

/// Defect of the claims of a verified message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimFault {
    /// No JSON object, or a repeated member.
    #[error("the payload is {0}")]
    Unreadable(#[from] Unreadable),
    /// A claim that is missing, of the wrong type or out of time.
    #[error("{0}")]
    Objection(#[from] Objection),
    /// A claim that such a message never has.
    #[error("the claim {0} is not allowed here")]
    Forbidden(&'static str),
    /// A subject identifier that cannot be read.
    #[error("the subject identifier {0}")]
    Subject(#[from] InvalidSubject),
    /// `events` without exactly one event, or without the expected one.
    #[error("the claim events does not have the one event")]
    Events,
    /// A logout that names neither a subject nor a session.
    #[error("neither sub nor sid is there")]
    Nobody,
    /// A `jti` other than the one that the message was delivered under.
    #[error("the jti is another one than it was delivered under")]
    OtherJti,
}

impl Fault {
    /// Returns the error code of RFC 8935 section 2.4.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed(Malformed::Algorithm) | Self::Key(_) => "invalid_key",
            Self::Malformed(_) | Self::Type | Self::Claim(_) => "invalid_request",
            Self::Issuer => "invalid_issuer",
            Self::Audience => "invalid_audience",
        }
    }
}

impl ClaimFault {
    /// The issuer is missing, so that nobody's keys can be tried.
    pub const NO_ISSUER: Self = Self::missing("iss");

    pub(crate) const fn missing(claim: &'static str) -> Self {
        Self::Objection(Objection::Missing(claim))
    }

    pub(crate) const fn invalid(claim: &'static str) -> Self {
        Self::Objection(Objection::Invalid(claim))
    }
}

impl From<Unreadable> for Fault {
    fn from(unreadable: Unreadable) -> Self {
        Self::Claim(unreadable.into())
    }
}

impl From<Objection> for Fault {
    fn from(objection: Objection) -> Self {
        match objection {
            Objection::Issuer => Self::Issuer,
            Objection::Audience => Self::Audience,
            Objection::Missing(_)
            | Objection::Invalid(_)
            | Objection::Expired
            | Objection::NotYetValid
            | Objection::IssuedInFuture
            | Objection::Stale => Self::Claim(objection.into()),
        }
    }
}

impl From<InvalidSubject> for Fault {
    fn from(invalid: InvalidSubject) -> Self {
        Self::Claim(invalid.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_its_code_of_rfc_8935() {
        for (fault, code) in [
            (Fault::Malformed(Malformed::Parts), "invalid_request"),
            (Fault::Malformed(Malformed::Algorithm), "invalid_key"),
            (Fault::Type, "invalid_request"),
            (Fault::Key(Refusal::UnknownKey), "invalid_key"),
            (Fault::Key(Refusal::Signature), "invalid_key"),
            (Fault::Issuer, "invalid_issuer"),
            (Fault::Audience, "invalid_audience"),
            (Fault::Claim(ClaimFault::Events), "invalid_request"),
            (Objection::Missing("aud").into(), "invalid_request"),
        ] {
            assert_eq!(fault.code(), code, "{fault}");
        }
    }
}
