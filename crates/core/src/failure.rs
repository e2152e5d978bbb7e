use std::time::Duration;
/// Reason why a token's state is unknown. Never an answer about the token, never cached.
///
/// The variants are grouped by who must act. None of them can hold a token, a credential or a part
/// of an upstream's body, so each may be logged as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The provider gave no answer before the deadline. Answered as 504.
    #[error("the provider gave no answer in time")]
    Timeout,

    /// No connection to the provider before the deadline. Answered as 504.
    #[error("no connection to the provider in time")]
    ConnectTimeout,

    /// No connection by way of the proxy before the deadline. Answered as 504.
    #[error("the proxy opened no connection to the provider in time")]
    ProxyTimeout,

    /// No place among the provider's concurrent requests before the deadline. Answered as 504.
    #[error("too many concurrent requests to the provider: no place before the deadline")]
    QueueTimeout,

    /// Temporary outage of the provider or of ours. Answered as 503.
    #[error("{outage}")]
    Unavailable {
        /// Reason for the outage.
        outage: Outage,
        /// The provider's `Retry-After`.
        retry_after: Option<Duration>,
    },

    /// The provider's response is invalid. Answered as 502.
    #[error("{0}")]
    BadAnswer(#[from] BadAnswer),

    /// The provider does not support the operation. Answered as 501.
    #[error("the provider does not support this operation")]
    Unsupported,
}

/// Reason for a temporary outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Outage {
    /// No connection can be opened.
    #[error("the provider cannot be reached: {0}")]
    Unreachable(Unreachable),
    /// The connection ended before an answer began.
    #[error("the provider closed the connection without an answer")]
    Closed,
    /// Status 429, 502, 503 or 504.
    #[error("the provider answered with status {0}")]
    Status(u16),
    /// The provider's limits of concurrent and of waiting requests are reached.
    #[error("too many concurrent requests to the provider")]
    Overloaded,
    /// The provider's circuit breaker is open, so it was not asked.
    #[error("the provider failed too often of late and is not asked (circuit breaker open)")]
    BreakerOpen,
    /// The provider named a time (`Retry-After`) before which it is not asked.
    #[error("the provider asked for a pause (Retry-After) and is not asked until its end")]
    Throttled,
    /// The provider's endpoints are not known yet, so it was not asked.
    #[error("the provider's metadata could not be fetched, so it is not asked (see the log)")]
    NoMetadata,
    /// Purges removed the provider's answer, and that of the retry too.
    #[error("purges removed the provider's answer before it could be used")]
    Purged,
    /// The issuer's keys cannot be had, so a token's signature cannot be verified.
    #[error("the issuer's keys are missing: they could not be fetched")]
    KeysMissing,
    /// The process is shutting down, or the request's task ended.
    #[error("the request was abandoned")]
    Abandoned,
    /// The bindings store failed, so a token's record is unknown.
    #[error(transparent)]
    Bindings(#[from] BindingsFailed),
    /// The revocations store failed, so a revocation lasts until the restart only.
    #[error("the revocation is confirmed, but could not be saved for a restart")]
    NotSaved,
    /// The shared cache failed, so only this replica has dropped the fact as yet.
    #[error("purged at this replica only: the shared cache could not be reached in time")]
    NotShared,
}

/// Reason why there is no connection, in fixed words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// DNS knows no such name.
    #[error("its name does not exist")]
    NoSuchName,
    /// DNS gave no usable answer.
    #[error("its name could not be resolved")]
    Unresolved,
    /// Nothing listens there, or a firewall says so.
    #[error("connection refused")]
    Refused,
    /// Neither network nor host can be reached.
    #[error("no route to it")]
    NoRoute,
    /// The connection ended by a reset.
    #[error("connection reset")]
    Reset,
    /// No descriptor or port left on this machine, or no permission.
    #[error("this machine could not open a connection")]
    NotOpened,
    /// Certificate from an unknown authority.
    #[error("its certificate is from an unknown authority")]
    UnknownAuthority,
    /// Certificate of another host.
    #[error("its certificate is for another name")]
    WrongName,
    /// Expired certificate.
    #[error("its certificate has expired")]
    Expired,
    /// Certificate that is not valid yet, by our clock.
    #[error("its certificate is not valid yet")]
    NotYetValid,
    /// Certificate of an authority (CA:TRUE) used as a server's, as many self-signed ones are.
    #[error("its certificate is an authority's (CA:TRUE), not a server's")]
    AuthorityCertificate,
    /// Any other fault of the certificate.
    #[error("its certificate is not acceptable")]
    Certificate,
    /// Client certificate demanded, and none shown.
    #[error("it demands a client certificate")]
    CertificateDemanded,
    /// Client certificate refused.
    #[error("it refuses our client certificate")]
    CertificateRefused,
    /// Another protocol than TLS.
    #[error("it does not speak TLS")]
    NotTls,
    /// Any other failure of the handshake.
    #[error("the TLS handshake failed")]
    Tls,
    /// Failure of the proxy on the way.
    #[error("{0}")]
    Proxy(ProxyFault),
}

/// Reason why a proxy gives no connection, in fixed words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyFault {
    /// DNS gave no address of the proxy.
    #[error("the name of its proxy cannot be resolved")]
    Name,
    /// No connection to the proxy itself.
    #[error("its proxy cannot be reached")]
    Unreachable,
    /// Status 407, or 401 as tinyproxy says it.
    #[error("its proxy refuses our credentials: check `proxy`")]
    Credentials,
    /// Any other status than 200 to CONNECT.
    #[error("its proxy refuses the connection with status {0}")]
    Status(u16),
    /// No answer in HTTP to CONNECT.
    #[error("its proxy gives no valid answer")]
    Answer,
}

/// Reason why a provider's response is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// Status 401 or 403, which concerns our credentials, never the token.
    #[error("the provider refused our credentials with status {0}: check `credentials`")]
    Credentials(u16),
    /// Status that the vendor does not document for this request.
    #[error("the provider answered with the undocumented status {0}")]
    Status(u16),
    /// Answer that a description calls neither active nor inactive, or both.
    #[error("the provider's answer with status {0} fits neither `active` nor `inactive`, or both")]
    Undecided(u16),
    /// Redirect, which is never followed: it would send our credentials elsewhere.
    #[error("the provider answered with a redirect, status {0}: check its address")]
    Redirect(u16),
    /// Body over the limit.
    #[error("the provider's answer is larger than 1 MiB")]
    TooLarge,
    /// Element of a list over the limit of a body.
    #[error("a record of the provider's list is larger than 1 MiB")]
    ElementTooLarge,
    /// Bytes that are not HTTP.
    #[error("the provider does not answer in HTTP")]
    NotHttp,
    /// Body that ended early.
    #[error("the provider's answer is truncated")]
    Truncated,
    /// Compression that was not requested and cannot be undone.
    #[error("the provider's answer is compressed and cannot be read")]
    Compressed,
    /// Bytes that are not UTF-8, anywhere in the body.
    #[error("the provider's answer is not UTF-8")]
    NotUtf8,
    /// Body that is not a JSON object.
    #[error("the provider's answer is not a JSON object")]
    NotAnObject,
    /// Body that is not a list of JSON objects.
    #[error("the provider's answer is not a JSON array of objects")]
    NotAnArray,
    /// Deciding member that is missing, repeated, of the wrong type or out of range. The name comes
    /// from the adapter, never from the provider.
    #[error("the provider's answer has no usable `{0}`")]
    Member(Box<str>),
    /// Error body that the vendor does not document.
    #[error("the provider's status {0} came without a documented error")]
    UndocumentedError(u16),
    /// Signed answer that is not accepted, or one that is not signed.
    #[error("the provider's signed answer is not accepted: {0}")]
    Signed(#[from] SignedFault),
    /// Answer about another token than the requested one.
    #[error("the provider answered about another token")]
    OtherToken,
    /// List of more records than this, which could only be sorted as a whole.
    #[error("the provider has more than {0} records of this kind: narrow the filters")]
    TooMany(usize),
    /// The token endpoint refused our client.
    #[error("the provider's token endpoint refused our client: check `credentials`")]
    Grant,
    /// Token response that RFC 6749 section 5.1 does not allow. The name is one of ours.
    #[error("the provider's token endpoint gave no usable `{0}`")]
    GrantMember(&'static str),
}

/// Fault of an answer that is to be signed (RFC 9701).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignedFault {
    /// JSON where a signature is required.
    #[error("it has no signature")]
    Unsigned,
    /// Text that is no JWS, or an encrypted one.
    #[error("it is no JWT that can be verified")]
    Malformed,
    /// Another `typ`.
    #[error("its type is not token-introspection+jwt")]
    Type,
    /// Signature by a key that is not the issuer's.
    #[error("no key of the issuer made its signature")]
    Signature,
    /// Another `iss`.
    #[error("its iss is not the provider's issuer")]
    Issuer,
    /// An `aud` that lacks us.
    #[error("its aud lacks our client id")]
    Audience,
    /// An `iat` that is not of the time of the request.
    #[error("its iat is more than a minute off")]
    Time,
}

/// Failure of the bindings store, which has logged the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bindings store failed")]
pub struct BindingsFailed;

impl BadAnswer {
    /// Creates a [`BadAnswer::Member`] of this name.
    pub fn member(name: &str) -> Self {
        Self::Member(name.into())
    }
}

impl From<BindingsFailed> for Failure {
    fn from(failed: BindingsFailed) -> Self {
        Self::outage(failed.into())
    }
}

impl Failure {
    /// Creates a failure without `Retry-After`.
    pub const fn outage(outage: Outage) -> Self {
        Self::Unavailable {
            outage,
            retry_after: None,
        }
    }

    /// Returns true if the failure counts against the provider as a whole.
    ///
    /// Only what cannot depend on the requested token may: otherwise a client that sends odd tokens
    /// would decide over the tokens of others.
    pub const fn trips_breaker(&self) -> bool {
        match self {
            Self::Timeout | Self::ConnectTimeout | Self::ProxyTimeout => true,
            Self::Unavailable { outage, .. } => match outage {
                Outage::Unreachable(_)
                | Outage::Closed
                | Outage::Status(_)
                | Outage::KeysMissing => true,
                Outage::Overloaded
                | Outage::BreakerOpen
                | Outage::Throttled
                | Outage::NoMetadata
                | Outage::Purged
                | Outage::Abandoned
                | Outage::Bindings(_)
                | Outage::NotSaved
                | Outage::NotShared => false,
            },
            Self::BadAnswer(BadAnswer::Status(status)) => *status >= 500,
            Self::BadAnswer(_) | Self::QueueTimeout | Self::Unsupported => false,
        }
    }

    /// Returns true if a stale fact may be used in place of the failure: one that cannot depend on
    /// the token.
    ///
    /// A missing place does not, either: it shows a provider that is too slow for its requests, and
    /// before a breaker opens, most requests of a crowd meet nothing else. Whoever sends such a
    /// crowd lets stale facts be used, which `stale_if_error` bounds.
    pub const fn allows_stale(&self) -> bool {
        self.trips_breaker() || self.is_unasked()
    }

    /// Returns true if the provider was not asked, to spare it or since its endpoints are unknown.
    pub const fn is_unasked(&self) -> bool {
        match self {
            Self::QueueTimeout => true,
            Self::Unavailable { outage, .. } => matches!(
                outage,
                Outage::Overloaded | Outage::BreakerOpen | Outage::Throttled | Outage::NoMetadata
            ),
            Self::Timeout
            | Self::ConnectTimeout
            | Self::ProxyTimeout
            | Self::BadAnswer(_)
            | Self::Unsupported => false,
        }
    }

    /// Returns true if the provider or its token endpoint refused our credentials.
    pub const fn refuses_credentials(&self) -> bool {
        matches!(
            self,
            Self::BadAnswer(BadAnswer::Credentials(_) | BadAnswer::Grant)
        )
    }
}
