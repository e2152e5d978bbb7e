//! Parts of a hit, for benchmarks only.

use http::HeaderMap;
use introspectd_service::Source;

use crate::form;
use crate::handler::Handler;
use crate::reply::{self, Reply, Written};

/// Reads a form. Returns true if it is valid.
pub fn form(body: &[u8]) -> bool {
    form::token_query(body).is_ok()
}

/// Authenticates the caller. Returns true if it is known.
pub fn caller(handler: &Handler, headers: &HeaderMap) -> bool {
    handler.knows(headers)
}

/// Writes the reply of a hit.
pub fn reply(reused: HeaderMap, body: Box<[u8]>) -> Reply {
    reply::introspection(reused, Written::Json(Some(body)), Source::Hit, false)
}
