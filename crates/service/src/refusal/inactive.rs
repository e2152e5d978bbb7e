use introspectd_core::{NotBearer, State, Timestamp};
use introspectd_resolver::Resolution;

/// Reason why a token is inactive, or does not authorize its bearer, as far as is known.
///
/// It is for operators; the client does not get it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inactive {
    /// Characters that a header cannot carry.
    Malformed,
    /// No provider that the caller may ask.
    NoProvider,
    /// Unknown to its provider, or inactive for a reason that the provider does not give.
    NotKnown,
    /// [`State::Expired`].
    Expired,
    /// [`State::Revoked`].
    Revoked,
    /// [`State::NotYetValid`].
    NotYetValid,
    /// [`State::Unknown`].
    Unknown,
    /// Active, but not an access token for a bearer.
    NotBearer(NotBearer),
    /// Active, and bound to no key, where one is needed: by the policy, or for a DPoP proof.
    NotBound,
    /// Active, and bound to a certificate, of which the client shows none.
    NoCertificate,
    /// Active, and bound to another key than that of the client.
    OtherKey,
    /// Active, and bound by a method that is not known here.
    UnknownConfirmation,
}

impl Inactive {
    /// Returns the reason of a token that is not active at `now`.
    pub fn of<K>(resolution: &Resolution<'_, K>, now: Timestamp) -> Self {
        let record = resolution
            .fact
            .as_ref()
            .and_then(|(_, fact)| fact.record.as_ref());
        match record.map(|record| record.validity.state(now)) {
            None => Self::NotKnown,
            Some(State::Expired) => Self::Expired,
            Some(State::Revoked) => Self::Revoked,
            Some(State::NotYetValid) => Self::NotYetValid,
            Some(State::Unknown | State::Active) => Self::Unknown,
        }
    }

    /// Returns true if an active token is refused, for what it is or what its client did not show.
    pub fn is_of_active(self) -> bool {
        match self {
            Self::NotBearer(_)
            | Self::NotBound
            | Self::NoCertificate
            | Self::OtherKey
            | Self::UnknownConfirmation => true,
            Self::Malformed
            | Self::NoProvider
            | Self::NotKnown
            | Self::Expired
            | Self::Revoked
            | Self::NotYetValid
            | Self::Unknown => false,
        }
    }

    /// Returns the word for it in logs and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::NoProvider => "no_provider",
            Self::NotKnown => "inactive",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::NotYetValid => "not_yet_valid",
            Self::Unknown => "unknown",
            Self::NotBearer(NotBearer::OtherUse) => "not_access_token",
            Self::NotBearer(NotBearer::OtherScheme) => "not_bearer",
            Self::NotBearer(NotBearer::Unproved) => "proof_required",
            Self::NotBound => "not_bound",
            Self::NoCertificate => "certificate_required",
            Self::OtherKey => "other_key",
            Self::UnknownConfirmation => "unknown_confirmation",
        }
    }
}
