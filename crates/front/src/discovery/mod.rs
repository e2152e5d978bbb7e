//! Documents for programs: `/openapi.json` (OpenAPI 3.1), the metadata of RFC 8414, that of
//! protected resources (RFC 9728), and the keys of signed answers. They are public, as is what they
//! describe.

mod metadata;
mod public_url;
mod resource;

use http::StatusCode;
use http::request::Parts;
use introspectd_service::refusal::RequestFault;
use introspectd_service::{Resource, Service};

use crate::reply::{self, Reply};

use metadata::Metadata;
pub use public_url::{InvalidPublicUrl, PublicUrl};
use resource::ResourceMetadata;

/// Public document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Document {
    OpenApi,
    Metadata,
    /// Keys that sign answers.
    Jwks,
    /// Metadata of a protected resource.
    Resource,
}

/// Address of the API, as its documents give it.
#[derive(Debug)]
pub(crate) struct Discovery {
    public_url: Option<PublicUrl>,
}

/// OpenAPI document, written by hand; tests compare it with the server.
const OPENAPI: &str = include_str!("openapi.json");

/// Media type of RFC 7517 section 8.5.2.
const JWK_SET: &str = "application/jwk-set+json";

/// Seconds for which caches may keep the keys. A key is to be published so long before it signs.
const KEYS_KEPT: u32 = 300;

const METADATA_PATH: &str = "/.well-known/oauth-authorization-server";

impl Discovery {
    pub(crate) fn new(public_url: Option<PublicUrl>) -> Self {
        Self { public_url }
    }

    /// Returns the path of the metadata for each of its spellings, and any other path as it is.
    ///
    /// RFC 8414 section 3.1 puts an issuer's path behind the well-known one. If a proxy in front of
    /// us removes the issuer's path, the well-known one remains.
    pub(crate) fn canonical<'a>(&self, path: &'a str) -> &'a str {
        let issuer_path = self.public_url.as_ref().map_or("", PublicUrl::path);
        let rest = path.strip_prefix(METADATA_PATH);
        if rest.is_some_and(|rest| rest == issuer_path) {
            METADATA_PATH
        } else {
            path
        }
    }

    /// Replies with a document. `certificate` says whether a client's certificate identifies it.
    ///
    /// # Errors
    /// [`RequestFault::NotFound`] for keys if there are none, and for a resource of no policy.
    pub(crate) fn reply(
        &self,
        document: Document,
        head: &Parts,
        tls: bool,
        certificate: bool,
        service: &Service,
    ) -> Result<Reply, RequestFault> {
        let signing = service.signing();
        Ok(match document {
            Document::Resource => {
                let path = head.uri.path().strip_prefix(Resource::WELL_KNOWN);
                // A resource without a path may be asked for with a slash.
                let path = path.filter(|path| *path != "/").unwrap_or_default();
                let policy = service.rules().policies.with_resource_at(path);
                let policy = policy.ok_or(RequestFault::NotFound)?;
                let resource = policy.resource().ok_or(RequestFault::NotFound)?;
                reply::public_json(&ResourceMetadata::of(policy, resource))
            }
            Document::OpenApi => reply::raw_json(OPENAPI),
            Document::Jwks => {
                let keys = signing.ok_or(RequestFault::NotFound)?.jwk_set();
                reply::kept_document(JWK_SET, keys, KEYS_KEPT)
            }
            Document::Metadata => {
                let configured = self.public_url.as_ref().map(|url| url.as_str().to_owned());
                let issuer = configured.unwrap_or_else(|| public_url::as_reached(tls, head));
                reply::json(StatusCode::OK, &Metadata::of(&issuer, certificate, signing))
            }
        })
    }
}

/// Lists the codes of refusals in the document.
#[cfg(test)]
pub(crate) fn codes() -> std::collections::BTreeSet<String> {
    let document: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
    let words = document["components"]["schemas"]["ErrorCode"]["enum"].clone();
    serde_json::from_value(words).unwrap()
}
