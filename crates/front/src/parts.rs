//! What a hit is made of here, for benchmarks alone.

use http::HeaderMap;
use introspectd_core::Timestamp;
use introspectd_resolver::Source;

use crate::api::Session;
use crate::form::IntrospectForm;
use crate::reply::{self, Reply};
use introspectd_service::KeptAnswer;

/// Reads a form. Whether it is one.
pub fn form(body: &[u8]) -> bool {
    IntrospectForm::parse(body).is_ok()
}

/// Checks the caller. Whether it is known.
pub fn caller(session: &Session, headers: &HeaderMap) -> bool {
    session.knows(headers)
}

/// Writes the answer of a hit.
pub fn reply(room: HeaderMap, rendered: &KeptAnswer) -> Reply {
    reply::introspection(room, Some(rendered), Source::Hit, Timestamp::MIN)
}
