use std::fmt::Write as _;

/// URL of a request without query and fragment, in one spelling (RFC 3986 section 6.2.2, 6.2.3).
///
/// Two spellings that a server has to take for one are equal: case of scheme and host, the default
/// port, percent-encoding of what needs none, dot segments. Nothing else is: `//`, a slash at the
/// end, `%2F` and a dot after the host are read differently by servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(String);

/// Longest URL in bytes. A proof has 16 KiB at most.
const MAX_BYTES: usize = 16 * 1024;

impl Target {
    /// Reads an absolute URL, such as `htu`.
    pub fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        Self::of(scheme, authority, path)
    }

    /// Reads the parts of a request: scheme, host with its port, and path with or without query.
    pub fn of_request(scheme: &str, host: &str, path: &str) -> Option<Self> {
        // In a request's target a fragment is malformed, and some servers take it for a path.
        let is_origin_form = path.starts_with('/') && !path.contains('#');
        is_origin_form
            .then(|| Self::of(scheme, host, path))
            .flatten()
    }

    fn of(scheme: &str, authority: &str, path: &str) -> Option<Self> {
        if scheme.len() + authority.len() + path.len() > MAX_BYTES {
            return None;
        }
        let default_port = match scheme {
            _ if scheme.eq_ignore_ascii_case("https") => 443,
            _ if scheme.eq_ignore_ascii_case("http") => 80,
            _ => return None,
        };
        let (host, port) = split_port(authority)?;
        let is_other_port = port.filter(|port| *port != default_port);
        let mut spelled = String::with_capacity(scheme.len() + authority.len() + path.len() + 4);
        spelled.push_str(scheme);
        spelled.push_str("://");
        spelled.push_str(host);
        spelled.make_ascii_lowercase();
        if let Some(port) = is_other_port {
            // Writing to a string never fails.
            let _ = write!(spelled, ":{port}");
        }
        let path = path.split(['?', '#']).next().unwrap_or_default();
        push_path(&mut spelled, &decoded(path)?);
        Some(Self(spelled))
    }

    /// Returns the spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Splits an authority into host and port. Anything that only a lenient reader takes is refused:
/// user names, escapes, empty hosts.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, port) = authority.split_at_checked(end)?;
    let name = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_host = match name {
        Some(address) => {
            !address.is_empty()
                && address
                    .bytes()
                    .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))
        }
        None => !host.is_empty() && host.bytes().all(is_unreserved),
    };
    if !is_host {
        return None;
    }
    let Some(port) = port.strip_prefix(':') else {
        return port.is_empty().then_some((host, None));
    };
    if port.is_empty() {
        return Some((host, None));
    }
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = is_number.then(|| port.parse().ok()).flatten()?;
    Some((host, Some(port)))
}

/// Decodes escapes of characters that need none, and spells the others in upper case. `None` for
/// what no path has.
fn decoded(path: &str) -> Option<Vec<u8>> {
    let mut spelled = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
                let value = u8::try_from(high * 16 + low).ok()?;
                if is_unreserved(value) {
                    spelled.push(value);
                } else {
                    spelled.extend(format!("%{value:02X}").into_bytes());
                }
            }
            _ if is_unreserved(byte) || is_plain(byte) => spelled.push(byte),
            _ => return None,
        }
    }
    Some(spelled)
}

/// Appends a path without its dot segments (RFC 3986 section 5.2.4).
fn push_path(spelled: &mut String, path: &[u8]) {
    let path = String::from_utf8_lossy(path);
    let begin = spelled.len();
    let mut is_dot = false;
    for segment in path.split('/').skip(1) {
        is_dot = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => {
                let above = spelled.get(begin..).and_then(|path| path.rfind('/'));
                spelled.truncate(begin + above.unwrap_or(0));
            }
            _ => {
                spelled.push('/');
                spelled.push_str(segment);
            }
        }
    }
    if is_dot || spelled.len() == begin {
        spelled.push('/');
    }
}

/// RFC 3986 section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Characters of a path besides unreserved ones (RFC 3986 section 3.3).
fn is_plain(byte: u8) -> bool {
    matches!(
        byte,
        b'/' | b'!'
            | b'$'
            | b'&'
            | b'\''
            | b'('
            | b')'
            | b'*'
            | b'+'
            | b','
            | b';'
            | b'='
            | b':'
            | b'@'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(url: &str) -> Option<String> {
        Target::parse(url).map(|target| target.0)
    }

    #[test]
    fn spellings_of_one_url_are_equal() {
        for (one, other) in [
            ("https://a.example/x", "HTTPS://A.Example:443/x"),
            ("https://a.example", "https://a.example/"),
            ("https://a.example?y", "https://a.example/#z"),
            ("https://a.example:/x", "https://a.example:0443/x?q=/#f"),
            ("http://a.example:80/x", "http://a.example/x"),
            (
                "https://a.example/%7eme/%2f%c3%a9",
                "https://a.example/~me/%2F%C3%A9",
            ),
            ("https://a.example/a/./b/../c", "https://a.example/a/c"),
            ("https://a.example/a/%2e%2E/c", "https://a.example/c"),
            ("https://a.example/../..", "https://a.example/"),
            ("https://a.example/a/..", "https://a.example/"),
            ("https://a.example/a/.", "https://a.example/a/"),
            ("https://[2001:DB8::1]:443/", "https://[2001:db8::1]"),
        ] {
            let (a, b) = (spelled(one).unwrap(), spelled(other).unwrap());
            assert_eq!(a, b, "{one} {other}");
        }
    }

    #[test]
    fn other_urls_differ() {
        let all = [
            "https://a.example/x",
            "http://a.example/x",
            "https://b.example/x",
            "https://a.example./x",
            "https://a.example:8443/x",
            "https://a.example:80/x",
            "https://a.example/X",
            "https://a.example/x/",
            "https://a.example//x",
            "https://a.example/x%2F",
            "https://a.example/x;y",
            "https://a.example/...",
        ];
        for (number, one) in all.iter().enumerate() {
            for other in &all[..number] {
                assert_ne!(spelled(one).unwrap(), spelled(other).unwrap());
            }
        }
    }

    #[test]
    fn lenient_readers_urls_are_refused() {
        for url in [
            "",
            "/x",
            "a.example/x",
            "https:/a.example",
            "https:///x",
            "https://:443/x",
            "ftp://a.example/x",
            "https://user@a.example/x",
            "https://a.example@b.example/x",
            "https://a.example:x/",
            "https://a.example:+443/",
            "https://a.example:65536/",
            "https://a.example:443:443/",
            "https://a%2eexample/",
            "https://b\u{fc}cher.example/",
            "https://a.example\\@b.example/",
            "https://a.example/%",
            "https://a.example/%2",
            "https://a.example/%zz",
            "https://a.example/\u{e9}",
            "https://a.example/a b",
            "https://a.example/a\\b",
            "https://a.example/a\0",
            " https://a.example/",
            "https://[::1/",
            "https://[::1]x/",
            "https://[]/",
            "https://a.example,b.example/",
        ] {
            assert_eq!(spelled(url), None, "{url}");
        }
        let long = format!("https://a.example/{}", "a".repeat(MAX_BYTES));
        assert_eq!(spelled(&long), None);
    }

    #[test]
    fn parts_of_a_request_are_the_url_that_they_make() {
        let of = |scheme, host, path| Target::of_request(scheme, host, path).map(|it| it.0);
        let whole = spelled("https://a.example/x");
        assert_eq!(of("https", "A.example:443", "/x?y=z"), whole);
        for (scheme, host, path) in [
            ("https", "a.example", "x"),
            ("https", "a.example", ""),
            ("https", "a.example", "*"),
            ("https", "a.example", "/x#y"),
            ("https", "a.example", "https://a.example/x"),
            ("https", "a.example/x", "/"),
            ("https", "a.example?", "/"),
            ("https,http", "a.example", "/x"),
            ("https://", "a.example", "/x"),
            ("", "a.example", "/x"),
            ("https", "", "/x"),
            ("https", "a.example, b.example", "/x"),
        ] {
            assert_eq!(of(scheme, host, path), None, "{scheme} {host} {path}");
        }
    }

    /// A spelling is its own, and no dot segment is left of it.
    #[test]
    fn any_text_is_a_url_in_one_spelling_or_none() {
        let samples: [&[u8]; 3] = [
            b"https://a.example/a/../%2e/%7Ex?y#z",
            b"HTTP://[::1]:80//",
            b"https://a.example/..",
        ];
        introspectd_fuzz::check!(&samples, |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            if let Some(target) = Target::parse(&text) {
                assert_eq!(Target::parse(target.as_str()), Some(target.clone()));
                let dots = |segment: &str| segment == "." || segment == "..";
                assert!(!target.as_str().split('/').skip(3).any(dots), "{target:?}");
            }
        });
    }
}
