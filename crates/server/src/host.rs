use http::header::HOST;
use http::{HeaderMap, Uri, Version};

/// Returns true if a request names exactly one host, as RFC 9112 section 3.2 and RFC 9113 section
/// 8.3.1 demand: otherwise a proxy in front and this server could each believe another one.
pub fn names_one_host(version: Version, uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => false,
        (None, None) => version != Version::HTTP_11,
        (Some(host), None) if version == Version::HTTP_2 => {
            let is_host = |name: &str| name.as_bytes().eq_ignore_ascii_case(host.as_bytes());
            uri.authority()
                .is_none_or(|authority| is_host(authority.as_str()))
        }
        (Some(_), None) => true,
    }
}
