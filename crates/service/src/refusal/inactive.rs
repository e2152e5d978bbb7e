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
        }
    }
}
