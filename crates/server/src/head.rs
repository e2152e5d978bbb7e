use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE};
use http::{Extensions, HeaderName, Request};

/// Reason of a refusal, for proxies that see a status and headers but no body.
pub const X_INTROSPECTD_ERROR: HeaderName = HeaderName::from_static("x-introspectd-error");

/// Value of `error` and `X-Introspectd-Error` for a head over the limit.
pub const HEAD_TOO_LONG: &str = "head_too_long";

/// Description of [`HEAD_TOO_LONG`] in English.
pub const HEAD_TOO_LONG_DESCRIPTION: &str =
    "The request's head is too long, or has too many fields.";

/// Excess of an HTTP/2 head, in bytes, up to which we refuse it ourselves.
///
/// The h2 crate answers what is over its own limit with a bare 431.
pub(crate) const EXCESS: usize = 32 * 1024;

/// Mark of an HTTP/2 request whose head is over the limit.
#[derive(Debug, Clone, Copy)]
pub struct LongHead(());

impl LongHead {
    /// Returns true if a request bears the mark.
    pub fn marks(extensions: &Extensions) -> bool {
        extensions.get::<Self>().is_some()
    }

    /// Marks a request whose head is longer than `limit` bytes.
    pub(crate) fn mark<B>(request: &mut Request<B>, limit: usize) {
        if size(request) > limit {
            request.extensions_mut().insert(Self(()));
        }
    }
}

/// Size of an HTTP/2 head as RFC 9113 section 6.5.2 counts it, in bytes.
fn size<B>(request: &Request<B>) -> usize {
    const OVERHEAD: usize = 32;
    let field = |name: &str, value: usize| name.len() + value + OVERHEAD;
    let uri = request.uri();
    let method = field(":method", request.method().as_str().len());
    let scheme = uri
        .scheme_str()
        .map_or(0, |scheme| field(":scheme", scheme.len()));
    let authority = uri
        .authority()
        .map_or(0, |authority| field(":authority", authority.as_str().len()));
    let path = uri
        .path_and_query()
        .map_or(0, |path| field(":path", path.as_str().len()));
    let fields = request
        .headers()
        .iter()
        .map(|(name, value)| field(name.as_str(), value.len()));
    method + scheme + authority + path + fields.sum::<usize>()
}

/// Completes hyper's own answer to an HTTP/1.1 head that is over the limit. `None` for any other
/// bytes.
///
/// hyper answers before there is a request that a handler could refuse, with a bare status.
pub(crate) fn completed(written: &[u8]) -> Option<Bytes> {
    const STATUS: usize = "HTTP/1.1 ".len();
    // First the byte that differs from an answer to a valid request.
    if written.get(STATUS) != Some(&b'4') {
        return None;
    }
    if !written.starts_with(b"HTTP/1.1 431 ") && !written.starts_with(b"HTTP/1.1 414 ") {
        return None;
    }
    let (head, rest) = std::str::from_utf8(written)
        .ok()?
        .split_once("content-length: 0\r\n")?;
    let body = format!(
        r#"{{"error":"{HEAD_TOO_LONG}","error_description":"{HEAD_TOO_LONG_DESCRIPTION}"}}"#
    );
    let length = body.len();
    let fields = format!(
        "{CONTENT_TYPE}: application/json\r\n{CONTENT_LANGUAGE}: en\r\n{CACHE_CONTROL}: \
            no-store\r\n\
         {X_INTROSPECTD_ERROR}: {HEAD_TOO_LONG}\r\n{CONTENT_LENGTH}: {length}\r\n"
    );
    Some([head, &fields, rest, &body].concat().into())
}
