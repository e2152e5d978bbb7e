use std::fmt;
use std::net::Ipv6Addr;

use http::Uri;
use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use introspectd_core::text::is_loopback;

use crate::header::only;

/// Address that clients reach us by, as configured: the `issuer` of RFC 8414.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    /// URL without a `/` at the end.
    url: String,
    /// Path at its end, which begins with a `/` or is empty.
    path: String,
}

/// Text that is not a URL for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidPublicUrl {
    /// Anything but a scheme, a host and perhaps a path.
    NotAnIssuer,
    /// Plain `http` to another machine.
    Plain,
}

impl fmt::Display for InvalidPublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnIssuer => "is not a scheme, a host and perhaps a path, and nothing else",
            Self::Plain => "is plain http, over which clients would send their secrets",
        })
    }
}

impl std::error::Error for InvalidPublicUrl {}

impl PublicUrl {
    /// Reads a URL. Plain `http` is for the machine itself.
    ///
    /// # Errors
    /// [`InvalidPublicUrl`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidPublicUrl> {
        let wrong = InvalidPublicUrl::NotAnIssuer;
        if text.contains(['?', '#']) {
            return Err(wrong);
        }
        let uri: Uri = text.parse().map_err(|_| wrong)?;
        let scheme = uri.scheme_str().ok_or(wrong)?;
        let authority = uri
            .authority()
            .filter(|authority| is_plain(authority))
            .ok_or(wrong)?;
        match scheme {
            "https" => {}
            "http" if is_loopback(authority.host()) => {}
            "http" => return Err(InvalidPublicUrl::Plain),
            _ => return Err(wrong),
        }
        let path = uri.path().trim_end_matches('/').to_owned();
        Ok(Self {
            url: format!("{scheme}://{authority}{path}"),
            path,
        })
    }

    /// Returns the whole URL.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

/// Returns the address that a request names as ours. Its sender may name any, so it is for the
/// sender only; and it is always a host and a port.
pub(super) fn as_reached(tls: bool, head: &Parts) -> String {
    let scheme = if tls { "https" } else { "http" };
    match authority(head) {
        Some(authority) => format!("{scheme}://{authority}"),
        None => format!("{scheme}://localhost"),
    }
}

/// Returns the authority. In HTTP/2, and for a client that takes us for a proxy, it is in the
/// target, and wins (RFC 9112 section 3.2.2).
fn authority(head: &Parts) -> Option<Authority> {
    let authority = match head.uri.authority() {
        Some(authority) => authority.clone(),
        None => Authority::try_from(only(&head.headers, &HOST)?.as_bytes()).ok()?,
    };
    is_plain(&authority).then_some(authority)
}

/// Returns true for a host, perhaps a port, and nothing else: no user name, nothing with a meaning
/// in a page or a shell.
fn is_plain(authority: &Authority) -> bool {
    let host = authority.host();
    let is_name = !host.is_empty()
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    let is_v6 = bracketed(host).is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    let is_port =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let is_ended = match authority.as_str().strip_prefix(host) {
        Some("") => true,
        Some(rest) => rest.strip_prefix(':').is_some_and(is_port),
        None => false,
    };
    (is_name || is_v6) && is_ended
}

fn bracketed(host: &str) -> Option<&str> {
    host.strip_prefix('[')?.strip_suffix(']')
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, Request};
    use proptest::prelude::*;

    #[test]
    fn an_issuer_is_a_scheme_a_host_and_perhaps_a_path() {
        for (text, url, path) in [
            (
                "https://introspect.example",
                "https://introspect.example",
                "",
            ),
            (
                "https://introspect.example/",
                "https://introspect.example",
                "",
            ),
            (
                "https://a.example:8443/oauth/x/",
                "https://a.example:8443/oauth/x",
                "/oauth/x",
            ),
            ("https://[2001:db8::7]", "https://[2001:db8::7]", ""),
            ("http://localhost:8080", "http://localhost:8080", ""),
            ("http://127.0.0.1", "http://127.0.0.1", ""),
            ("http://[::1]:8080/x", "http://[::1]:8080/x", "/x"),
        ] {
            let public = PublicUrl::parse(text).unwrap();
            assert_eq!((public.as_str(), public.path()), (url, path), "{text}");
        }
    }

    #[test]
    fn what_clients_cannot_be_told_is_refused() {
        for text in [
            "",
            "a.example",
            "/x",
            "https://",
            "https://a.example?x",
            "https://a.example/#x",
            "https://u:p@a.example",
            "https://a.example:99999",
            "https://a.example:",
            "https://a'b.example",
            "ftp://a.example",
            "unix:/run/x.sock",
        ] {
            assert_eq!(
                PublicUrl::parse(text),
                Err(InvalidPublicUrl::NotAnIssuer),
                "{text}"
            );
        }
        for text in [
            "http://a.example",
            "http://127.0.0.1.example",
            "http://10.0.0.1",
        ] {
            assert_eq!(
                PublicUrl::parse(text),
                Err(InvalidPublicUrl::Plain),
                "{text}"
            );
        }
    }

    fn reached(target: &str, hosts: &[&str]) -> String {
        let mut request = Request::get(target);
        for host in hosts {
            request = request.header(HOST, HeaderValue::from_bytes(host.as_bytes()).unwrap());
        }
        as_reached(false, &request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_request_says_where_it_reached_us() {
        assert_eq!(reached("/", &["a.example:8080"]), "http://a.example:8080");
        assert_eq!(reached("/", &["[::1]:8080"]), "http://[::1]:8080");
        assert_eq!(
            reached("http://b.example/", &["a.example"]),
            "http://b.example"
        );
        let (head, ()) = Request::get("https://a.example/")
            .body(())
            .unwrap()
            .into_parts();
        assert_eq!(as_reached(true, &head), "https://a.example");
    }

    #[test]
    fn what_is_no_host_and_port_is_not_repeated() {
        for host in [
            "",
            "a.example/x",
            "u@a.example",
            "a.example:x",
            "a.example:+1",
            "a.example:99999",
            "a.example:",
            "a b",
            "\"><script>",
            "a%2eexample",
            "[zz]",
            "l\u{e9}ger.example",
        ] {
            assert_eq!(reached("/", &[host]), "http://localhost", "{host}");
        }
        assert_eq!(reached("/", &[]), "http://localhost");
        assert_eq!(
            reached("/", &["a.example", "b.example"]),
            "http://localhost"
        );
    }

    proptest! {
        #[test]
        fn whatever_a_host_says_an_issuer_comes_out(
            host in "[ -~]{0,30}|[a-z0-9.:\\[\\]@-]{0,20}"
        ) {
            let reached = reached("/", &[&host]).replace("http://", "https://");
            let parsed = PublicUrl::parse(&reached).map(|url| url.as_str().to_owned());
            prop_assert_eq!(parsed, Ok(reached));
        }
    }
}
