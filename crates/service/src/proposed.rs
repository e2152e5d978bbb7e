//! Ids that a request proposes, by its headers.

use introspectd_core::trace::TraceParent;
use secrecy::{ExposeSecret, SecretString};

/// Request id and credentials that a request came with.
pub trait RequestIds {
    /// Returns the id that the request proposes, if there is exactly one.
    fn proposed(&self) -> Option<&str>;

    /// Lists all credentials of the request, valid or not.
    fn credentials(&self) -> Vec<SecretString>;

    /// Returns the trace that the request is part of, if it names exactly one.
    fn traceparent(&self) -> Option<TraceParent> {
        None
    }
}

pub(crate) const MAX_BYTES: usize = 128;

/// Length in common with a secret below which it is chance and reveals nothing.
const MIN_PIECE: usize = 8;

/// Returns the id that a request proposes: 1 to 128 visible ASCII characters that reveal none of
/// its credentials.
pub(crate) fn proposed_id(request: &(impl RequestIds + ?Sized)) -> Option<String> {
    let id = request.proposed().filter(|id| is_sane(id))?;
    (!reveals_credentials(request, id)).then(|| id.to_owned())
}

/// Returns the trace that a request names, unless its id reveals its credentials.
pub(crate) fn named_trace(request: &(impl RequestIds + ?Sized)) -> Option<TraceParent> {
    let named = request.traceparent()?;
    (!reveals_credentials(request, named.trace_id())).then_some(named)
}

fn reveals_credentials(request: &(impl RequestIds + ?Sized), id: &str) -> bool {
    let credentials = request.credentials();
    let mut credentials = credentials.iter().map(ExposeSecret::expose_secret);
    credentials.any(|secret| reveals(id, secret))
}

/// Returns true if an id holds a secret, or is a piece of it.
pub(crate) fn reveals(id: &str, secret: &str) -> bool {
    !secret.is_empty() && id.contains(secret) || id.len() >= MIN_PIECE && secret.contains(id)
}

fn is_sane(id: &str) -> bool {
    (1..=MAX_BYTES).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}
