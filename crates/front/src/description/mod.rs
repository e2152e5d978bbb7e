//! What is served here, for programs: `/openapi.json` (OpenAPI 3.1) and `/.well-known/oauth-authorization-server`
//! (RFC 8414). Both are for everybody, as what they tell of is public.

mod metadata;
pub(crate) mod public_url;
pub(crate) mod way;

use http::Method;
use http::request::Parts;

use crate::api::Session;
use crate::problem::Problem;
use crate::reply::{self, Reply};

use metadata::Metadata;
pub use public_url::{InvalidPublicUrl, PublicUrl};
use way::Way;

/// Written by hand; tests hold it against what is served.
const OPENAPI: &str = include_str!("openapi.json");

const METADATA_PATH: &str = "/.well-known/oauth-authorization-server";

impl Session {
    /// The document at this path, if there is one.
    pub(crate) fn description(&self, head: &Parts) -> Option<Result<Reply, Problem>> {
        let path = head.uri.path();
        let is_openapi = path == "/openapi.json";
        if !is_openapi && !self.has_metadata_at(path) {
            return None;
        }
        Some(match head.method {
            Method::GET | Method::HEAD if is_openapi => Ok(reply::written(OPENAPI)),
            Method::GET | Method::HEAD => Ok(self.metadata(head)),
            _ => Err(Problem::MethodNotAllowed { allow: "GET, HEAD" }),
        })
    }

    /// RFC 8414 section 3.1 puts an issuer's path behind the well-known one. Where a proxy in front of us takes the
    /// issuer's path away, the well-known one is left alone.
    fn has_metadata_at(&self, path: &str) -> bool {
        let issuer_path = self.public_url().map_or("", PublicUrl::path);
        path.strip_prefix(METADATA_PATH).is_some_and(|rest| rest.is_empty() || rest == issuer_path)
    }

    fn metadata(&self, head: &Parts) -> Reply {
        let Way { tls, certificate } = self.way();
        let configured = self.public_url().map(|url| url.as_str().to_owned());
        let issuer = configured.unwrap_or_else(|| public_url::as_reached(tls, head));
        reply::json(http::StatusCode::OK, &Metadata::of(&issuer, certificate))
    }
}

/// The words of `error` that the document has.
#[cfg(test)]
pub(crate) fn errors() -> std::collections::BTreeSet<String> {
    let document: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
    let words = document["components"]["schemas"]["ErrorCode"]["enum"].clone();
    serde_json::from_value(words).unwrap()
}
