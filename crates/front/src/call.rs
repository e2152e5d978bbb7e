use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use introspectd_core::{ProviderName, TokenId};
use introspectd_service::refusal::{Refusal, RequestFault};
use introspectd_service::{Caller, Details, Service};
use percent_encoding::percent_decode_str;

use crate::authentication::Peer;
use crate::reply::Reply;

/// Request of an authenticated caller with the permission, as handlers get it.
pub(crate) struct Call<'a> {
    pub(crate) service: &'a Service,
    pub(crate) caller: &'a Arc<Caller>,
    pub(crate) peer: &'a Peer,
    pub(crate) head: &'a Parts,
    pub(crate) place: Place<'a>,
    /// Body of the type that the route names.
    pub(crate) body: Bytes,
    /// Filled in by the operation.
    pub(crate) details: &'a mut Details,
}

/// Future of a handler.
pub(crate) type Answering<'a> = Pin<Box<dyn Future<Output = Result<Reply, Refusal>> + Send + 'a>>;

/// Variable segments of a path, as they were sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Captures<'a> {
    pub(crate) provider: Option<&'a str>,
    pub(crate) token_id: Option<&'a str>,
}

/// Resource that a path names.
#[derive(Default)]
pub(crate) struct Place<'a> {
    provider: Option<&'a ProviderName>,
    id: Option<TokenId>,
}

impl<'a> Place<'a> {
    /// Finds what a path names. A provider that the caller may not see is as unknown as one that
    /// does not exist.
    pub(crate) fn find(
        service: &'a Service,
        caller: &Caller,
        captures: Captures<'_>,
    ) -> Result<Self, RequestFault> {
        let provider = captures
            .provider
            .map(|name| service.visible_provider(caller, name))
            .transpose()?;
        let id = captures.token_id.map(parse_id).transpose()?;
        Ok(Self { provider, id })
    }

    /// Returns the provider, if the path has one.
    pub(crate) fn known_provider(&self) -> Option<&'a ProviderName> {
        self.provider
    }

    /// Returns the provider of a path that has one.
    pub(crate) fn provider(&self) -> Result<&'a ProviderName, RequestFault> {
        self.provider.ok_or(RequestFault::NotFound)
    }

    /// Takes the token id of a path that has one.
    pub(crate) fn take_id(&mut self) -> Result<TokenId, RequestFault> {
        self.id.take().ok_or(RequestFault::NotFound)
    }
}

/// Decodes the id in a segment. A segment that cannot be one is that of no record.
fn parse_id(segment: &str) -> Result<TokenId, RequestFault> {
    let text = percent_decode_str(segment)
        .decode_utf8()
        .map_err(|_| RequestFault::NotFound)?;
    TokenId::parse(text.into_owned()).map_err(|_| RequestFault::NotFound)
}
