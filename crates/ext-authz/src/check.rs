use envoy_types::pb::envoy::service::auth::v3::AttributeContext;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::HttpRequest;
use http::header::{ACCEPT_LANGUAGE, AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue};
use introspectd_front::{Described, X_REQUEST_ID};
use introspectd_service::DEFAULT_POLICY;

/// Proof of a client's key (RFC 9449 section 4.1).
const DPOP: HeaderName = HeaderName::from_static("dpop");

/// The policy that Envoy's configuration names in `context_extensions`, or else the one of
/// `/forward-auth` alone.
pub(crate) fn policy(attributes: &AttributeContext) -> &str {
    attributes
        .context_extensions
        .get("policy")
        .map_or(DEFAULT_POLICY, String::as_str)
}

/// Describes the client's request, for proofs of possession.
pub(crate) fn described(attributes: &AttributeContext) -> Described<'_> {
    let http = http(attributes);
    let source = attributes.source.as_ref();
    let text = |part: fn(&HttpRequest) -> &String| http.map_or("", |http| part(http).as_str());
    Described {
        method: text(|http| &http.method),
        scheme: text(|http| &http.scheme),
        host: text(|http| &http.host),
        path: text(|http| &http.path),
        certificate: source.map_or("", |source| source.certificate.as_str()),
    }
}

/// Selects the client's headers that are read: its token and the proof of its key, its language,
/// and the id that Envoy gave the request, for the audit log.
///
/// Envoy sends them in one of two forms. In the plain one it has joined several of one name by
/// commas, so that two tokens look like one that is malformed; in the raw one they come as they
/// are.
pub(crate) fn client_headers(attributes: &AttributeContext) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs(attributes) {
        for wanted in [AUTHORIZATION, DPOP, ACCEPT_LANGUAGE, X_REQUEST_ID] {
            if name.eq_ignore_ascii_case(wanted.as_str()) {
                headers.append(wanted, read_value(value));
            }
        }
    }
    headers
}

/// The names of all headers that the client sent, each as often as it did.
pub(crate) fn header_names(attributes: &AttributeContext) -> impl Iterator<Item = &str> {
    pairs(attributes).map(|(name, _)| name)
}

fn pairs(attributes: &AttributeContext) -> impl Iterator<Item = (&str, &[u8])> {
    let http = http(attributes);
    let plain = http.into_iter().flat_map(|http| &http.headers);
    let plain = plain.map(|(name, value)| (name.as_str(), value.as_bytes()));
    let raw = http
        .and_then(|http| http.header_map.as_ref())
        .into_iter()
        .flat_map(|map| &map.headers);
    let raw = raw.map(|header| {
        let value = if header.raw_value.is_empty() {
            header.value.as_bytes()
        } else {
            &header.raw_value
        };
        (header.key.as_str(), value)
    });
    plain.chain(raw)
}

fn http(attributes: &AttributeContext) -> Option<&HttpRequest> {
    let request = attributes.request.as_ref()?;
    request.http.as_ref()
}

/// Reads a value. Bytes that a header cannot hold become an invalid token, not a missing one.
fn read_value(value: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(value).unwrap_or(HeaderValue::from_static("Bearer \"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use envoy_types::pb::envoy::service::auth::v3::CheckRequest;
    use prost::Message as _;

    /// No more headers of the client are read than a message has.
    #[test]
    fn any_message_is_read_or_refused() {
        let http = HttpRequest {
            method: "GET".to_owned(),
            headers: [("authorization".to_owned(), "Bearer x".to_owned())].into(),
            ..HttpRequest::default()
        };
        let request = envoy_types::pb::envoy::service::auth::v3::attribute_context::Request {
            http: Some(http),
            ..Default::default()
        };
        let attributes = AttributeContext {
            request: Some(request),
            context_extensions: [("policy".to_owned(), "orders".to_owned())].into(),
            ..AttributeContext::default()
        };
        let sample = CheckRequest {
            attributes: Some(attributes),
        };
        introspectd_fuzz::check!(&[&sample.encode_to_vec()], |bytes: &[u8]| {
            let Ok(request) = CheckRequest::decode(bytes) else {
                return;
            };
            let attributes = request.attributes.unwrap_or_default();
            let _ = (policy(&attributes), described(&attributes));
            let read = client_headers(&attributes).len();
            assert!(read <= header_names(&attributes).count());
        });
    }
}
