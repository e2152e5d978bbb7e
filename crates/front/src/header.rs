use http::{HeaderMap, HeaderName, HeaderValue};

/// Returns the only value of a header. Given two, a proxy and we might each believe another one.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}
