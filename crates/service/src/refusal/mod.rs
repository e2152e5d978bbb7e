//! Reasons for a refusal, grouped by who is at fault.
//!
//! Each has a `code`, which callers, log and audit log get alike. A presentation adds the status
//! and the words.

mod failure;
mod inactive;
mod missing;
mod request;

use std::borrow::Cow;
use std::sync::Arc;

use introspectd_core::Failure;
use introspectd_events::Fault;

use crate::proof::{ProofFault, Scheme};

pub use failure::{failure_code, is_ours};
pub use inactive::Inactive;
pub use missing::Missing;
pub use request::{InvalidQuery, InvalidRequest, RequestFault};

/// Reason why a request gets no answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// The request: it cannot be read, or names nothing that exists.
    Request(RequestFault),
    /// The caller.
    Caller(CallerFault),
    /// The client of a proxy, which asks whether to let it pass.
    Client(ClientFault),
    /// The record that the request names.
    Record(RecordFault),
    /// A provider, or the way to it.
    Provider(ProviderFault),
    /// Message of a transmitter.
    Event(EventFault),
    /// Service itself.
    Service(ServiceFault),
}

/// Fault of the caller: a mistake in its configuration, or an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallerFault {
    /// Unknown caller, or a wrong secret.
    Unauthenticated,
    /// Unknown proxy, or a wrong secret. Its own client reads the answer.
    UnauthenticatedProxy,
    /// Missing permission.
    AccessDenied,
    /// More requests than its rate allows.
    RateLimited {
        /// Seconds until the next request is allowed, rounded up, at least 1.
        retry_after: u32,
    },
}

/// Fault of what a proxy has to have decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientFault {
    /// Unknown policy.
    NoPolicy,
    /// No bearer token.
    MissingToken,
    /// Token that is inactive, or does not authorize its bearer.
    InvalidToken(Inactive),
    /// Proof of possession that is missing or wrong.
    InvalidProof(ProofFault),
    /// Proof without a nonce of ours, or with an old one.
    NonceNeeded {
        /// Nonce for the next proof.
        nonce: String,
    },
    /// Active token that does not meet the policy.
    InsufficientScope {
        /// Scopes that the policy requires, separated by spaces.
        scope: Arc<str>,
        /// Requirements that are not met.
        missing: Missing,
        /// Scheme under which the token was shown.
        scheme: Scheme,
    },
}

/// Fault of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordFault {
    /// No active token that another token could be bound to.
    NoSuchToken,
    /// Bound to another record, which the request does not replace.
    BoundToOtherId,
    /// Revoked token: no binding makes it active again.
    Revoked,
    /// Subject by a name that facts may not know.
    NoSuchSubject,
}

/// Fault of a transmitter's message, which is not to be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventFault {
    /// Token that is not accepted.
    Token(Fault),
    /// `Authorization` that is not the transmitter's.
    NotAuthenticated,
    /// Pushed by a transmitter whose events are polled.
    NotPushed,
}

/// Fault of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderFault {
    /// No definite answer.
    Failed(Failure),
    /// Revocation that the provider did not confirm. The token is out of the cache.
    NotRevoked(Failure),
    /// Token that was issued and could not be bound, so that it stays inactive here.
    NotBound(Failure),
}

/// Fault of this service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceFault {
    /// Purge that is in force, of which the removed entries could not be counted.
    NotCounted,
    /// Purge that is in force at this replica, and not known to the others yet.
    NotShared,
    /// Request over the limit of requests in flight, which was not read.
    Shed,
    /// Answer that could not be signed: the system has no random bytes.
    NotSigned,
    /// Keys of a transmitter that are not there yet.
    KeysMissing {
        /// Seconds until they may be, at least 1.
        retry_after: u32,
    },
}

impl Refusal {
    /// Returns true if the request showed no valid credentials.
    pub fn is_of_stranger(&self) -> bool {
        matches!(
            self,
            Self::Caller(CallerFault::Unauthenticated | CallerFault::UnauthenticatedProxy)
        )
    }

    /// Returns the `error` of RFC 6749, or a word of ours.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Request(fault) => fault.code(),
            Self::Caller(fault) => fault.code(),
            Self::Client(fault) => fault.code(),
            Self::Record(fault) => fault.code(),
            Self::Provider(fault) => fault.code(),
            Self::Event(fault) => fault.code(),
            Self::Service(ServiceFault::NotCounted | ServiceFault::NotSigned) => "server_error",
            Self::Service(
                ServiceFault::Shed | ServiceFault::NotShared | ServiceFault::KeysMissing { .. },
            ) => "temporarily_unavailable",
        }
    }

    /// Returns what the code leaves open. It is for operators only.
    pub fn reason(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Request(fault) => fault.reason().map(Cow::Borrowed),
            Self::Client(fault) => fault.reason(),
            Self::Record(fault) => fault.reason().map(Cow::Borrowed),
            Self::Provider(fault) => Some(fault.failure().to_string().into()),
            Self::Event(fault) => Some(fault.reason()),
            Self::Service(ServiceFault::Shed) => Some("shed".into()),
            Self::Service(ServiceFault::NotSigned) => Some("the answer cannot be signed".into()),
            Self::Service(ServiceFault::KeysMissing { .. }) => {
                Some("the transmitter's keys are missing".into())
            }
            Self::Service(ServiceFault::NotShared) => {
                Some("the shared cache could not be reached in time".into())
            }
            Self::Caller(_) | Self::Service(ServiceFault::NotCounted) => None,
        }
    }

    /// Returns true if the caller is at fault.
    pub fn is_of_caller(&self) -> bool {
        matches!(self, Self::Caller(_))
    }

    /// Returns true if a transmitter's message is at fault.
    pub fn is_of_event(&self) -> bool {
        matches!(self, Self::Event(_))
    }

    /// Returns true if there were too many requests, and this one was one too many. Such refusals
    /// come in floods.
    pub fn is_of_too_many(&self) -> bool {
        matches!(
            self,
            Self::Caller(CallerFault::RateLimited { .. }) | Self::Service(ServiceFault::Shed)
        )
    }

    /// Returns true if the request is at fault, before it asks about any token.
    pub fn is_of_request(&self) -> bool {
        matches!(self, Self::Request(_))
    }

    /// Returns why the token is invalid, if that is the reason.
    pub fn inactive(&self) -> Option<Inactive> {
        if let Self::Client(ClientFault::InvalidToken(why)) = self {
            Some(*why)
        } else {
            None
        }
    }
}

impl EventFault {
    fn code(self) -> &'static str {
        match self {
            Self::Token(fault) => fault.code(),
            Self::NotAuthenticated => "authentication_failed",
            Self::NotPushed => "access_denied",
        }
    }

    fn reason(self) -> Cow<'static, str> {
        match self {
            Self::Token(fault) => fault.to_string().into(),
            Self::NotAuthenticated => "the Authorization is not the transmitter's".into(),
            Self::NotPushed => "events of this transmitter are polled".into(),
        }
    }
}

impl CallerFault {
    fn code(self) -> &'static str {
        match self {
            Self::Unauthenticated | Self::UnauthenticatedProxy => "invalid_client",
            Self::AccessDenied => "access_denied",
            Self::RateLimited { .. } => "rate_limited",
        }
    }
}

impl ClientFault {
    fn code(&self) -> &'static str {
        match self {
            Self::NoPolicy => "not_found",
            Self::MissingToken => "missing_token",
            Self::InvalidToken(_) => "invalid_token",
            Self::InvalidProof(_) => "invalid_dpop_proof",
            Self::NonceNeeded { .. } => "use_dpop_nonce",
            Self::InsufficientScope { .. } => "insufficient_scope",
        }
    }

    fn reason(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::NoPolicy => Some("no_policy".into()),
            Self::MissingToken => None,
            Self::InvalidToken(why) => Some(why.as_str().into()),
            Self::InvalidProof(why) => Some(why.as_str().into()),
            Self::NonceNeeded { .. } => None,
            Self::InsufficientScope { missing, .. } => Some(missing.to_string().into()),
        }
    }
}

impl RecordFault {
    fn code(self) -> &'static str {
        match self {
            Self::NoSuchToken | Self::NoSuchSubject => "not_found",
            Self::BoundToOtherId | Self::Revoked => "conflict",
        }
    }

    fn reason(self) -> Option<&'static str> {
        match self {
            Self::NoSuchToken => None,
            Self::NoSuchSubject => Some("no_such_subject"),
            Self::BoundToOtherId => Some("bound_to_another_id"),
            Self::Revoked => Some(Inactive::Revoked.as_str()),
        }
    }
}

impl ProviderFault {
    /// Returns the failure behind it.
    pub fn failure(&self) -> &Failure {
        match self {
            Self::Failed(failure) | Self::NotRevoked(failure) | Self::NotBound(failure) => failure,
        }
    }

    fn code(&self) -> &'static str {
        failure_code(self.failure())
    }
}

impl From<RequestFault> for Refusal {
    fn from(fault: RequestFault) -> Self {
        Self::Request(fault)
    }
}

impl From<InvalidRequest> for Refusal {
    fn from(invalid: InvalidRequest) -> Self {
        Self::Request(RequestFault::Invalid(invalid))
    }
}

impl From<InvalidQuery> for Refusal {
    fn from(invalid: InvalidQuery) -> Self {
        InvalidRequest::Query(invalid).into()
    }
}

impl From<CallerFault> for Refusal {
    fn from(fault: CallerFault) -> Self {
        Self::Caller(fault)
    }
}

impl From<ClientFault> for Refusal {
    fn from(fault: ClientFault) -> Self {
        Self::Client(fault)
    }
}

impl From<ProofFault> for ClientFault {
    fn from(fault: ProofFault) -> Self {
        Self::InvalidProof(fault)
    }
}

impl From<EventFault> for Refusal {
    fn from(fault: EventFault) -> Self {
        Self::Event(fault)
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Event(EventFault::Token(fault))
    }
}

impl From<ServiceFault> for Refusal {
    fn from(fault: ServiceFault) -> Self {
        Self::Service(fault)
    }
}

impl From<RecordFault> for Refusal {
    fn from(fault: RecordFault) -> Self {
        Self::Record(fault)
    }
}

impl From<ProviderFault> for Refusal {
    fn from(fault: ProviderFault) -> Self {
        Self::Provider(fault)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Provider(ProviderFault::Failed(failure))
    }
}

#[cfg(test)]
mod tests;
