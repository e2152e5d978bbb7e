use std::time::Duration;

/// Rules of a policy for tokens that are bound to a key.
#[derive(Debug, Default)]
pub struct ProofRules {
    /// Need of a proof, and who checks it.
    pub binding: Binding,
    /// Longest age of a nonce of ours, which every DPoP proof then needs.
    pub nonce: Option<Duration>,
    /// Headers by which a proxy says what its client asks for. Without them, no DPoP proof can be
    /// judged over HTTP.
    pub request: Option<RequestHeaders>,
    /// Header by which a proxy shows its client's certificate over HTTP.
    pub certificate: Option<CertificateHeader>,
}

/// Handling of tokens that are bound to a key, by a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Binding {
    /// A client has to prove possession of the key, if its token is bound to one.
    #[default]
    Enforce,
    /// Every token has to be bound.
    Require,
    /// The application checks, and not this server.
    Pass,
}

/// Names of the headers that say method and URL of a client's request, which the proxy overwrites.
#[derive(Debug, PartialEq, Eq)]
pub struct RequestHeaders {
    /// Header with the method.
    pub method: String,
    /// Headers with the URL.
    pub url: UrlHeaders,
}

/// Names of the headers that together make a URL.
#[derive(Debug, PartialEq, Eq)]
pub enum UrlHeaders {
    /// One header with the whole URL.
    Whole(String),
    /// Scheme, host with its port, and path.
    Parts([String; 3]),
}

/// Header with a client's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateHeader {
    /// `Client-Cert` (RFC 9440).
    ClientCert,
    /// `X-Forwarded-Client-Cert`, as Envoy writes it.
    ForwardedClientCert,
}

impl ProofRules {
    /// Returns true if clients are to be told that tokens may be bound by DPoP.
    pub const fn offers_dpop(&self) -> bool {
        match self.binding {
            Binding::Require => true,
            Binding::Enforce => self.request.is_some() || self.nonce.is_some(),
            Binding::Pass => false,
        }
    }

    /// Returns true if clients may use the scheme `Bearer`, under which tokens are shown that are
    /// bound to a certificate, too.
    pub const fn offers_bearer(&self) -> bool {
        match self.binding {
            Binding::Require => self.request.is_none() || self.certificate.is_some(),
            Binding::Enforce | Binding::Pass => true,
        }
    }
}

impl Binding {
    /// Returns true if proofs are checked here.
    pub const fn is_checked(self) -> bool {
        match self {
            Self::Enforce | Self::Require => true,
            Self::Pass => false,
        }
    }
}
