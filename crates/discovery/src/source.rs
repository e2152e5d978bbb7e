use async_trait::async_trait;
use http::Uri;
use introspectd_core::Failure;
use introspectd_upstream::{Issuer, Refused, Request, Upstream};

use crate::document::{Fetch, NotFetched};
use crate::metadata::{Member, Metadata};

/// Documents in which an issuer may publish its metadata.
#[derive(Debug, Clone)]
pub struct Source {
    issuer: Issuer,
    documents: Vec<Uri>,
    needed: Member,
}

/// Metadata at its source, fetched without credentials.
#[derive(Debug)]
pub struct Remote {
    source: Source,
    upstream: Upstream,
}

impl Source {
    /// Metadata of an authorization server: that of RFC 8414, and what is needed and not there from
    /// that of OpenID Connect.
    ///
    /// # Errors
    /// [`Refused`] for an issuer that is too long for a URL.
    pub fn of_server(issuer: Issuer, needed: Member) -> Result<Self, Refused> {
        let documents = vec![
            issuer.inserted("oauth-authorization-server")?,
            issuer.appended("openid-configuration")?,
        ];
        Ok(Self {
            issuer,
            documents,
            needed,
        })
    }

    /// Metadata under one well-known name, between host and path of the issuer.
    ///
    /// # Errors
    /// [`Refused`] for an issuer that is too long for a URL.
    pub fn well_known(issuer: Issuer, name: &str, needed: Member) -> Result<Self, Refused> {
        let documents = vec![issuer.inserted(name)?];
        Ok(Self {
            issuer,
            documents,
            needed,
        })
    }

    /// Identifier of the issuer.
    pub fn issuer(&self) -> &str {
        self.issuer.identifier()
    }

    /// Fetches the metadata. The needed member is in it.
    ///
    /// # Errors
    /// [`NotFetched`], for the document that says most.
    pub async fn fetch(&self, upstream: &Upstream) -> Result<Metadata, NotFetched> {
        let mut found: Option<Metadata> = None;
        let mut reason = NotFetched::OtherIssuer;
        let mut has_other = false;
        for document in &self.documents {
            match self.fetch_one(upstream, document).await {
                Ok(Some(metadata)) => {
                    found = Some(match found {
                        Some(before) => before.or(metadata),
                        None => metadata,
                    });
                    if found.as_ref().is_some_and(|it| it.has(self.needed)) {
                        break;
                    }
                }
                Ok(None) => has_other = true,
                Err(failed) => reason = failed,
            }
        }
        match found {
            Some(metadata) if metadata.has(self.needed) => Ok(metadata),
            Some(_) => Err(NotFetched::Address(self.needed.name())),
            None if has_other => Err(NotFetched::OtherIssuer),
            None => Err(reason),
        }
    }

    async fn fetch_one(
        &self,
        upstream: &Upstream,
        document: &Uri,
    ) -> Result<Option<Metadata>, NotFetched> {
        let response = upstream.send(Request::get(document.clone())).await?;
        let body = response.ok().map_err(Failure::from)?;
        Ok(Metadata::read(&body, &self.issuer).map_err(Failure::from)?)
    }
}

impl Remote {
    /// Fetches from this source by this client.
    pub fn new(source: Source, upstream: Upstream) -> Self {
        Self { source, upstream }
    }
}

#[async_trait]
impl Fetch<Metadata> for Remote {
    async fn fetch(&self) -> Result<Metadata, NotFetched> {
        self.source.fetch(&self.upstream).await
    }
}
