use async_trait::async_trait;
use http::Uri;
use introspectd_core::Failure;
use introspectd_jose::{InvalidSet, JwkSet};
use introspectd_upstream::{Address, Refused, Request, Upstream, object};
use serde::Deserialize;

/// Source of the keys of one issuer.
#[async_trait]
pub trait Fetch: Send + Sync + 'static {
    /// Fetches the set that is in force.
    async fn fetch(&self) -> Result<JwkSet, NotFetched>;
}

/// Reason why keys could not be fetched, for an operator. Nothing of a response is in it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NotFetched {
    /// No response, or one without the document.
    #[error("{0}")]
    Failed(#[from] Failure),
    /// The document is no set of keys.
    #[error("{0}")]
    Invalid(#[from] InvalidSet),
    /// The metadata names another issuer.
    #[error("the metadata is of another issuer")]
    OtherIssuer,
    /// The metadata names no address of keys that may be used.
    #[error("the jwks_uri is missing, no URL, or plain http to another machine")]
    Address,
}

/// Place of the keys at a server.
#[derive(Debug, Clone)]
pub enum Source {
    /// Address of the set.
    Url(Uri),
    /// Metadata of the issuer, which names the address of the set.
    Metadata {
        /// Address of the metadata.
        document: Uri,
        /// Issuer that it must name, to the letter.
        issuer: String,
        /// True if the keys may come over plain http from another machine.
        allow_http: bool,
    },
}

/// Keys at a server, fetched without credentials.
#[derive(Debug)]
pub struct Remote {
    source: Source,
    upstream: Upstream,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: Option<String>,
}

impl Source {
    /// Metadata of an issuer under this well-known name, such as `ssf-configuration`.
    ///
    /// # Errors
    /// [`Refused`] for an issuer that is too long for a URL.
    pub fn well_known(
        issuer: String,
        address: &Address,
        name: &str,
        allow_http: bool,
    ) -> Result<Self, Refused> {
        Ok(Self::Metadata {
            document: address.well_known(name)?,
            issuer,
            allow_http,
        })
    }
}

impl Remote {
    /// Fetches from this source by this client.
    pub fn new(source: Source, upstream: Upstream) -> Self {
        Self { source, upstream }
    }

    async fn address(&self) -> Result<Uri, NotFetched> {
        let (document, issuer, allow_http) = match &self.source {
            Source::Url(uri) => return Ok(uri.clone()),
            Source::Metadata {
                document,
                issuer,
                allow_http,
            } => (document, issuer, allow_http),
        };
        let body = self.upstream.send(Request::get(document.clone())).await?;
        let body = body.ok().map_err(Failure::from)?;
        let metadata: Metadata = object(&body).map_err(Failure::from)?;
        if metadata.issuer != *issuer {
            return Err(NotFetched::OtherIssuer);
        }
        let address = metadata.jwks_uri.as_deref().map(Address::parse);
        let address = address.and_then(Result::ok).ok_or(NotFetched::Address)?;
        if address.is_private() || *allow_http {
            Ok(address.uri().clone())
        } else {
            Err(NotFetched::Address)
        }
    }
}

#[async_trait]
impl Fetch for Remote {
    async fn fetch(&self) -> Result<JwkSet, NotFetched> {
        let address = self.address().await?;
        let response = self.upstream.send(Request::get(address)).await?;
        let body = response.ok().map_err(Failure::from)?;
        Ok(JwkSet::parse(&body)?)
    }
}
