use std::time::Duration;

use crate::BindingsFailed;

/// Why we do not know whether a token is good. Never an answer about the token, never cached.
///
/// The variants are grouped by who must act. None of them can hold a token, a credential or a part
/// of an upstream's body, so each may be logged as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The provider gave no answer before the deadline. Answered as 504.
    #[error("the provider gave no answer in time")]
    Timeout,

    /// There was no connection to the provider before the deadline. Answered as 504.
    #[error("no connection to the provider in time")]
    ConnectTimeout,

    /// The provider, or we, cannot answer at present; later may go well. Answered as 503.
    #[error("{outage}")]
    Unavailable {
        /// What is out.
        outage: Outage,
        /// When the provider asks to be asked again.
        retry_after: Option<Duration>,
    },

    /// The provider answered, and its answer is none. Answered as 502.
    #[error("{0}")]
    BadAnswer(#[from] BadAnswer),

    /// The provider cannot do what was asked at all. Answered as 501.
    #[error("the provider has no such call")]
    Unsupported,
}

/// What is out of order for the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Outage {
    /// No connection.
    #[error("the provider cannot be reached: {0}")]
    Unreachable(Unreachable),
    /// The connection ended before an answer began.
    #[error("the provider closed the connection without an answer")]
    Closed,
    /// 429, 502, 503 or 504.
    #[error("the provider answered with status {0}")]
    Status(u16),
    /// As many questions as the provider's configuration allows are under way.
    #[error("too many questions to the provider are under way")]
    Overloaded,
    /// Purges removed what the provider answered, also when it was asked once more.
    #[error("purges removed the provider's answer before it could be used")]
    Purged,
    /// The process ends, or the question's task did.
    #[error("the question was abandoned")]
    Abandoned,
    /// The store of bindings, so that nobody can tell which record is a token's.
    #[error(transparent)]
    Bindings(#[from] BindingsFailed),
    /// The store that keeps revocations over a restart, so that one holds until then only.
    #[error("the revocation is confirmed, but could not be saved for a restart")]
    NotSaved,
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
    /// There is no way to its network or host.
    #[error("no route to it")]
    NoRoute,
    /// The connection ended by a reset.
    #[error("connection reset")]
    Reset,
    /// No descriptor or port left on this machine, or no permission.
    #[error("this machine could not open a connection")]
    NotOpened,
    /// No known authority vouches for its certificate.
    #[error("its certificate is from an unknown authority")]
    UnknownAuthority,
    /// Certificate of another host.
    #[error("its certificate is for another name")]
    WrongName,
    /// Certificate past its end.
    #[error("its certificate has expired")]
    Expired,
    /// Certificate that begins in the future, by our clock.
    #[error("its certificate is not valid yet")]
    NotYetValid,
    /// Certificate of an authority shown as a server's, as many self-signed ones are.
    #[error("its certificate is an authority's (CA:TRUE), not a server's")]
    AuthorityCertificate,
    /// Any other fault of the certificate.
    #[error("its certificate is not acceptable")]
    Certificate,
    /// Client certificate demanded, and none shown.
    #[error("it demands a client certificate")]
    CertificateDemanded,
    /// Client certificate shown, and not accepted.
    #[error("it refuses our client certificate")]
    CertificateRefused,
    /// Another protocol than TLS.
    #[error("it does not speak TLS")]
    NotTls,
    /// Any other failure of the handshake.
    #[error("the TLS handshake failed")]
    Tls,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// 401 or 403, which is about our credential and never about the token.
    #[error("the provider refused our credentials with status {0}: check `credentials`")]
    Credentials(u16),
    /// A status that the vendor does not document for this question.
    #[error("the provider answered with the undocumented status {0}")]
    Status(u16),
    /// A redirect, which is never followed: it would take our credential elsewhere.
    #[error("the provider answered with a redirect, status {0}: check its address")]
    Redirect(u16),
    /// Over the cap on bodies.
    #[error("the provider's answer is larger than 1 MiB")]
    TooLarge,
    /// One element of a list is over that cap.
    #[error("a record of the provider's list is larger than 1 MiB")]
    ElementTooLarge,
    /// What came back is not HTTP.
    #[error("the provider does not answer in HTTP")]
    NotHttp,
    /// The body ended early.
    #[error("the provider's answer breaks off")]
    Truncated,
    /// Compressed, which we did not ask for, and in a way that cannot be undone.
    #[error("the provider's answer is compressed and cannot be read")]
    Compressed,
    /// Bytes that are no UTF-8, wherever in the answer.
    #[error("the provider's answer is not UTF-8")]
    NotUtf8,
    /// Not JSON, or not a JSON object.
    #[error("the provider's answer is no JSON object")]
    NotAnObject,
    /// Not a list of JSON objects.
    #[error("the provider's answer is no JSON array of objects")]
    NotAnArray,
    /// A member that decides is missing, doubled, of the wrong type, or no possible value. The name is
    /// one of the adapter's, never the provider's.
    #[error("the provider's answer has no usable `{0}`")]
    Member(Box<str>),
    /// The vendor's error body is none of the documented ones.
    #[error("the provider's status {0} came without a documented error")]
    UndocumentedError(u16),
    /// The answer is about another token than the one asked about.
    #[error("the provider answered about another token")]
    OtherToken,
    /// A list that can only be put in order whole has more records than this.
    #[error("the provider has more than {0} records of this kind: narrow the filters")]
    TooMany(usize),
    /// The token endpoint refused our client.
    #[error("the provider's token endpoint refused our client: check `credentials`")]
    Grant,
    /// The token endpoint's answer is none that RFC 6749 section 5.1 knows. The name is one of ours.
    #[error("the provider's token endpoint gave no usable `{0}`")]
    GrantMember(&'static str),
}

impl BadAnswer {
    /// [`BadAnswer::Member`] of this name.
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
    /// An outage that came without a hint when to ask again.
    pub const fn outage(outage: Outage) -> Self {
        Self::Unavailable { outage, retry_after: None }
    }

    /// Whether the failure could not depend on which token was asked about.
    ///
    /// Only such a failure may count against the provider as a whole, or let an older fact stand in:
    /// otherwise whoever sends odd tokens would decide over the tokens of others.
    pub const fn is_about_provider(&self) -> bool {
        match self {
            Self::Timeout | Self::ConnectTimeout => true,
            Self::Unavailable { outage, .. } => match outage {
                Outage::Unreachable(_) | Outage::Closed | Outage::Status(_) => true,
                Outage::Overloaded
                | Outage::Purged
                | Outage::Abandoned
                | Outage::Bindings(_)
                | Outage::NotSaved => false,
            },
            Self::BadAnswer(BadAnswer::Status(status)) => *status >= 500,
            Self::BadAnswer(_) | Self::Unsupported => false,
        }
    }
}
