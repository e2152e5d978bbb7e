//! Documents for programs: `/openapi.json` (OpenAPI 3.1) and the metadata of RFC 8414. Both are
//! public, as is what they describe.

mod metadata;
mod public_url;

use http::StatusCode;
use http::request::Parts;

use crate::reply::{self, Reply};

use metadata::Metadata;
pub use public_url::{InvalidPublicUrl, PublicUrl};

/// Public document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Document {
    OpenApi,
    Metadata,
}

/// Address of the API, as its documents give it.
#[derive(Debug)]
pub(crate) struct Discovery {
    public_url: Option<PublicUrl>,
}

/// OpenAPI document, written by hand; tests compare it with the server.
const OPENAPI: &str = include_str!("openapi.json");

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
    pub(crate) fn reply(
        &self,
        document: Document,
        head: &Parts,
        tls: bool,
        certificate: bool,
    ) -> Reply {
        match document {
            Document::OpenApi => reply::raw_json(OPENAPI),
            Document::Metadata => {
                let configured = self.public_url.as_ref().map(|url| url.as_str().to_owned());
                let issuer = configured.unwrap_or_else(|| public_url::as_reached(tls, head));
                reply::json(StatusCode::OK, &Metadata::of(&issuer, certificate))
            }
        }
    }
}

/// Lists the codes of refusals in the document.
#[cfg(test)]
pub(crate) fn codes() -> std::collections::BTreeSet<String> {
    let document: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
    let words = document["components"]["schemas"]["ErrorCode"]["enum"].clone();
    serde_json::from_value(words).unwrap()
}
