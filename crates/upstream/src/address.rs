use http::Uri;
use http::uri::Scheme;
use introspectd_core::text::is_loopback;
use introspectd_settings::Section;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Address of a provider: `http` or `https`, a host, perhaps a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The address byte for byte as written.
    uri: Uri,
    /// Address without its query and without a `/` at the end.
    base: String,
}

/// Reason why a text is no address of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// Invalid URL.
    #[error("is no URL")]
    Unreadable,
    /// Scheme other than `http` and `https`, or none.
    #[error("is no http or https URL")]
    Scheme,
    /// `user:password@`, which would be logged with the address.
    #[error("holds a user name or password")]
    UserInfo,
}

const REMEDY: &str = "Write a URL such as \"https://as.example\".";

impl Address {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`InvalidAddress`] with the reason.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        if text.contains('#') {
            return Err(InvalidAddress::Unreadable);
        }
        let uri: Uri = text.parse().map_err(|_| InvalidAddress::Unreadable)?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(InvalidAddress::Scheme),
        };
        let authority = uri.authority().ok_or(InvalidAddress::Unreadable)?;
        if authority.as_str().contains('@') {
            return Err(InvalidAddress::UserInfo);
        }
        // A port out of range would silently become the scheme's own.
        let has_port = authority.as_str().len() > authority.host().len();
        if authority.host().is_empty() || has_port && authority.port().is_none() {
            return Err(InvalidAddress::Unreadable);
        }
        let scheme = if https { "https" } else { "http" };
        let base = format!("{scheme}://{authority}{}", uri.path().trim_end_matches('/'));
        Ok(Self { uri, base })
    }

    /// Reads a key of the configuration; plain `http` leaves the machine only with `allow_http`.
    pub fn read(section: &mut Section, key: &str, allow_http: bool) -> Option<Self> {
        section
            .required_parsed(key, REMEDY, Self::parse)
            .map(|it| it.judged(section, key, allow_http))
    }

    /// Reads an optional key.
    pub(crate) fn read_optional(
        section: &mut Section,
        key: &str,
        allow_http: bool,
    ) -> Option<Self> {
        section
            .parsed(key, REMEDY, Self::parse)
            .map(|it| it.judged(section, key, allow_http))
    }

    fn judged(self, section: &Section, key: &str, allow_http: bool) -> Self {
        self.judge(section, key, allow_http);
        self
    }

    /// Notes a problem with `key` if plain `http` would leave the machine without `allow_http`.
    pub(crate) fn judge(&self, section: &Section, key: &str, allow_http: bool) {
        if !self.is_private() && !allow_http {
            section.problem(
                key,
                "is plain http, which shows tokens and credentials to the network",
                "Use https, or set allow_http = true if the network is trusted.",
            );
        }
    }

    /// Returns true if the connection is encrypted or does not leave the machine.
    pub fn is_private(&self) -> bool {
        self.is_https() || self.uri.host().is_some_and(is_loopback)
    }

    /// Returns true for an `https` address.
    pub fn is_https(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }

    /// Returns true if a query follows the path.
    pub fn has_query(&self) -> bool {
        self.uri.query().is_some()
    }

    /// Returns true if both addresses probably name the same resource: a `/` at the end makes no
    /// difference at most servers.
    pub fn is_same_place(&self, other: &Self) -> bool {
        self.base.eq_ignore_ascii_case(&other.base) && self.uri.query() == other.uri.query()
    }

    /// Returns the address itself, byte for byte: servers tell `/introspect/` from `/introspect`,
    /// and `%2F` from `/`.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Returns the address with `/.well-known/` and this name between host and path (RFC 8615, as
    /// RFC 8414 section 3 does it).
    ///
    /// # Errors
    /// [`Refused`] if it is too long for a URL.
    pub fn well_known(&self, name: &str) -> Result<Uri, Refused> {
        let authority = self.uri.authority().ok_or(Refused)?;
        let scheme = if self.is_https() { "https" } else { "http" };
        let path = self.uri.path().trim_end_matches('/');
        let text = format!("{scheme}://{authority}/.well-known/{name}{path}");
        text.parse().map_err(|_| Refused)
    }

    /// Returns the address with a fixed path (`/v1/iam`) below it.
    ///
    /// # Errors
    /// [`Refused`] if it is too long for a URL.
    pub fn below(&self, path: &str) -> Result<Uri, Refused> {
        format!("{}{path}", self.base).parse().map_err(|_| Refused)
    }

    /// Returns the address with a fixed path and one segment below it.
    ///
    /// # Errors
    /// [`Refused`] if it is too long for a URL.
    pub fn with_segment(&self, path: &str, segment: &Segment) -> Result<Uri, Refused> {
        self.below(&format!("{path}/{}", segment.encoded))
    }

    /// Returns the address with a fixed path, one segment and a fixed query (`action=revoke`).
    ///
    /// # Errors
    /// [`Refused`] if it is too long for a URL.
    pub fn with_segment_and_query(
        &self,
        path: &str,
        segment: &Segment,
        query: &str,
    ) -> Result<Uri, Refused> {
        self.below(&format!("{path}/{}?{query}", segment.encoded))
    }

    /// Returns the address with a fixed path and a query of these names and values, which may hold
    /// any text.
    ///
    /// # Errors
    /// [`Refused`] if it is too long for a URL.
    pub fn with_query<V: AsRef<str>>(
        &self,
        path: &str,
        query: &[(&str, V)],
    ) -> Result<Uri, Refused> {
        self.below(&format!("{path}?{}", pairs(query)))
    }
}

/// Names and values as a query, percent-encoded. A space is `%20`, which those who read it as a
/// form understand as well as those who do not.
pub(crate) fn pairs<V: AsRef<str>>(query: &[(&str, V)]) -> String {
    let encoded = |text| utf8_percent_encode(text, UNRESERVED);
    let pairs: Vec<_> = query
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value.as_ref())))
        .collect();
    pairs.join("&")
}

/// Identifier that is safe as one segment of a vendor's URL, percent-encoded.
///
/// Encoding alone does not make it fit: proxies decode `%2F`, resolve `..` and cut at `;`, and our
/// administrative credential is on the request (`/owners` lists every token of a TIBCO server,
/// `../` climbs to other resources of Apigee, nothing at all counts its tokens).
#[derive(Clone)]
pub struct Segment {
    encoded: String,
}

/// Refusal of an identifier that would name something other than a token, so that nothing is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the identifier is not fit for a URL")]
pub struct Refused;

/// Unreserved characters of RFC 3986 section 2.3.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Segment {
    /// Accepts an identifier that is not empty, not only dots, without `/ \ ? # % ;` and control
    /// characters, and none of `reserved` in any case.
    ///
    /// # Errors
    /// [`Refused`] for any other.
    pub fn parse(identifier: &str, reserved: &[&str]) -> Result<Self, Refused> {
        // Servers on Windows, and some proxies, drop dots and spaces from the end.
        let core = identifier.trim_end_matches(['.', ' ']);
        let unfit = |c: char| matches!(c, '/' | '\\' | '?' | '#' | '%' | ';') || c.is_control();
        if core.is_empty()
            || identifier.contains(unfit)
            || reserved.iter().any(|word| word.eq_ignore_ascii_case(core))
        {
            return Err(Refused);
        }
        Ok(Self {
            encoded: utf8_percent_encode(identifier, UNRESERVED).to_string(),
        })
    }

    /// Returns the identifier, percent-encoded.
    pub(crate) fn encoded(&self) -> &str {
        &self.encoded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment(identifier: &str) -> Result<String, Refused> {
        Segment::parse(identifier, &["owners"]).map(|segment| segment.encoded)
    }

    #[test]
    fn what_could_name_another_resource_is_refused() {
        for hostile in [
            "", ".", "..", "...", "a/b", "a\\b", "a?b", "a#b", "%2e%2e", "a;b", "a\0", "a\r\nb",
            "owners", "OWNERS", "Owners.", "owners ", "../x", "\u{85}", " ",
        ] {
            assert_eq!(segment(hostile), Err(Refused), "{hostile:?}");
        }
    }

    #[test]
    fn everything_else_is_one_encoded_segment() {
        assert_eq!(
            segment("T1amGT21.Idup.3446").as_deref(),
            Ok("T1amGT21.Idup.3446")
        );
        assert_eq!(
            segment("a+b/".trim_end_matches('/')).as_deref(),
            Ok("a%2Bb")
        );
        assert_eq!(segment("\u{f1}:@&=").as_deref(), Ok("%C3%B1%3A%40%26%3D"));
        assert_eq!(segment("owner").as_deref(), Ok("owner"));
    }

    #[test]
    fn addresses() {
        let address = Address::parse("https://a.example/x/").unwrap();
        assert_eq!(address.below("/v1").unwrap(), "https://a.example/x/v1");
        let segment = Segment::parse("a&b=c", &[]).unwrap();
        assert_eq!(
            address
                .with_segment_and_query("/v1", &segment, "d=e")
                .unwrap(),
            "https://a.example/x/v1/a%26b%3Dc?d=e"
        );
        assert_eq!(
            *Address::parse("http://a.example").unwrap().uri(),
            "http://a.example/"
        );
        for as_written in [
            "https://a.example/o/introspect/",
            "https://a.example//i//",
            "https://A.example/Realms/%7Eacme%2fx/?realm=/x/&Y=%20a+b",
            "https://a.example:443/a/../b/./?",
        ] {
            assert_eq!(
                Address::parse(as_written).unwrap().uri().to_string(),
                as_written
            );
        }
        for (text, error) in [
            ("ftp://a.example", InvalidAddress::Scheme),
            ("a.example/x", InvalidAddress::Unreadable),
            ("https://u:p@a.example", InvalidAddress::UserInfo),
            ("https://a.example/#x", InvalidAddress::Unreadable),
            ("", InvalidAddress::Unreadable),
            ("https://a.example:99999", InvalidAddress::Unreadable),
            ("https://:443/x", InvalidAddress::Unreadable),
        ] {
            assert_eq!(Address::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn well_known_documents_stand_between_host_and_path() {
        let of = |issuer: &str| {
            let address = Address::parse(issuer).unwrap();
            address.well_known("ssf-configuration").unwrap().to_string()
        };
        let expected = "https://a.example/.well-known/ssf-configuration";
        assert_eq!(of("https://a.example"), expected);
        assert_eq!(of("https://a.example/"), expected);
        assert_eq!(of("https://a.example/t/1/"), format!("{expected}/t/1"));
        let local = "http://127.0.0.1:8/.well-known/ssf-configuration/t";
        assert_eq!(of("http://127.0.0.1:8/t"), local);
    }

    #[test]
    fn a_slash_at_the_end_does_not_make_another_place() {
        let same = |one: &str, other: &str| {
            Address::parse(one)
                .unwrap()
                .is_same_place(&Address::parse(other).unwrap())
        };
        assert!(same("https://a.example/i", "https://A.example/i/"));
        assert!(!same("https://a.example/i", "https://a.example/i?x"));
        assert!(!same("https://a.example/i", "https://a.example/r"));
    }

    #[test]
    fn a_query_says_what_it_was_given() {
        let address = Address::parse("https://a.example/x").unwrap();
        let query = [
            ("page_params.page_size", "50"),
            ("role", "a b+c&d=e#\u{f1}%2F"),
        ];
        assert_eq!(
            address.with_query("/v1", &query).unwrap(),
            "https://a.example/x/v1?page_params.page_size=50&role=a%20b%2Bc%26d%3De%23%C3%B1%252F"
        );
        assert_eq!(
            address.with_query("/v1", &[("role", "x".repeat(70_000))]),
            Err(Refused)
        );
    }

    #[test]
    fn plain_http_is_private_on_the_machine_only() {
        for private in [
            "https://a.example",
            "http://127.0.0.1:1",
            "http://[::1]:1",
            "http://localhost",
        ] {
            assert!(Address::parse(private).unwrap().is_private(), "{private}");
        }
        for open in [
            "http://a.example",
            "http://127.0.0.1.example",
            "http://10.0.0.1",
        ] {
            assert!(!Address::parse(open).unwrap().is_private(), "{open}");
        }
    }

    proptest! {
        #[test]
        fn a_segment_never_leaves_its_place(identifier in "\\PC{0,40}|[ -~]{0,40}") {
            if let Ok(segment) = Segment::parse(&identifier, &[]) {
                let address = Address::parse("https://a.example").unwrap();
                let uri = address.with_segment("/x", &segment).unwrap();
                prop_assert_eq!(uri.path().matches('/').count(), 2);
                prop_assert_eq!(uri.query(), None);
                let sent = uri.path().strip_prefix("/x/").unwrap();
                let decoded = percent_encoding::percent_decode_str(sent).decode_utf8().unwrap();
                prop_assert_eq!(decoded, identifier);
            }
        }

        #[test]
        fn a_query_is_read_as_it_was_written(names: Vec<String>, value in "\\PC{0,40}|[ \
            -~]{0,40}") {
            let query: Vec<_> = names.iter().map(|name| (name.as_str(), value.as_str())).collect();
            let address = Address::parse("https://a.example").unwrap();
            let uri = address.with_query("/x", &query).unwrap();
            prop_assert_eq!(uri.path(), "/x");
            let sent = uri.query().unwrap().as_bytes();
            let read: Vec<_> = form_urlencoded::parse(sent).into_owned().collect();
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            let written: Vec<_> = query.iter().map(owned).collect();
            prop_assert_eq!(read, written);
        }
    }
}
