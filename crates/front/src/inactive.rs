use introspectd_core::{NotBearer, State, Timestamp};
use introspectd_resolver::Resolution;

/// Reason why a token is not active, or authorizes no bearer, as far as is known. For operators: its client learns
/// nothing from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inactive {
    /// It could not be in a header.
    Malformed,
    /// It belongs to no provider that the caller may ask.
    NoProvider,
    /// Its provider has no such token, or says no more.
    NotKnown,
    /// See [`State::Expired`].
    Expired,
    /// See [`State::Revoked`].
    Revoked,
    /// See [`State::NotYetValid`].
    NotYetValid,
    /// See [`State::Unknown`].
    Unknown,
    /// The token is active, and its bearer is not let pass all the same.
    NotBearer(NotBearer),
}

impl Inactive {
    /// Of a token that is not active at `now`.
    pub(crate) fn of<K>(resolution: &Resolution<'_, K>, now: Timestamp) -> Self {
        let record = resolution.fact.as_ref().and_then(|(_, fact)| fact.record.as_ref());
        match record.map(|record| record.validity.state(now)) {
            None => Self::NotKnown,
            Some(State::Expired) => Self::Expired,
            Some(State::Revoked) => Self::Revoked,
            Some(State::NotYetValid) => Self::NotYetValid,
            Some(State::Unknown | State::Active) => Self::Unknown,
        }
    }

    pub(crate) fn word(self) -> &'static str {
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
