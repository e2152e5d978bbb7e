use async_trait::async_trait;
use http::Uri;
use introspectd_core::Failure;
use introspectd_discovery::{Fetch, Member, NotFetched, Source as MetadataSource};
use introspectd_jose::JwkSet;
use introspectd_upstream::{Request, Upstream};

/// Place of the keys at a server.
#[derive(Debug, Clone)]
pub enum Source {
    /// Address of the set.
    Url(Uri),
    /// Metadata of the issuer, which names the address of the set ([`Member::Jwks`]).
    Metadata(MetadataSource),
}

/// Keys at a server, fetched without credentials.
#[derive(Debug)]
pub struct Remote {
    source: Source,
    upstream: Upstream,
}

impl Remote {
    /// Fetches from this source by this client.
    pub fn new(source: Source, upstream: Upstream) -> Self {
        Self { source, upstream }
    }

    async fn address(&self) -> Result<Uri, NotFetched> {
        let metadata = match &self.source {
            Source::Url(uri) => return Ok(uri.clone()),
            Source::Metadata(source) => source.fetch(&self.upstream).await?,
        };
        let address = metadata.jwks.map(|address| address.uri().clone());
        address.ok_or(NotFetched::Address(Member::Jwks.name()))
    }
}

#[async_trait]
impl Fetch<JwkSet> for Remote {
    async fn fetch(&self) -> Result<JwkSet, NotFetched> {
        let address = self.address().await?;
        let response = self.upstream.send(Request::get(address)).await?;
        let body = response.ok().map_err(Failure::from)?;
        JwkSet::parse(&body).map_err(|invalid| NotFetched::Invalid(invalid.to_string()))
    }
}
