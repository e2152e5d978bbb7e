use http::HeaderMap;
use http::header::AUTHORIZATION;
use introspectd_service::operation::bearer_token;
use introspectd_service::refusal::{ClientFault, Inactive};
use introspectd_service::{Presented, Scheme};

use crate::header::only;

const MALFORMED: ClientFault = ClientFault::InvalidToken(Inactive::Malformed);

/// Reads the token that a client presents, as `Bearer` (RFC 6750 section 2.1) or `DPoP` (RFC 9449
/// section 7.1), in its one `Authorization` header and nowhere else.
///
/// Given several headers, or several tokens in one, the proxy, the application and we might each
/// believe another.
pub(crate) fn presented_token(client: &HeaderMap) -> Result<Presented, ClientFault> {
    let mut values = client.get_all(AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Err(ClientFault::MissingToken),
        (Some(value), None) => value.as_bytes(),
        (Some(_), Some(_)) => return Err(MALFORMED),
    };
    let (scheme, token) = split(value);
    let scheme = named(scheme).ok_or(ClientFault::MissingToken)?;
    let token = bearer_token(std::str::from_utf8(token.trim_ascii()).map_err(|_| MALFORMED)?)?;
    Ok(Presented { scheme, token })
}

/// Returns the scheme of a client's one `Authorization` header.
pub(super) fn scheme(client: &HeaderMap) -> Option<Scheme> {
    let (scheme, _) = split(only(client, &AUTHORIZATION)?.as_bytes());
    named(scheme)
}

fn split(value: &[u8]) -> (&[u8], &[u8]) {
    match value.iter().position(|byte| *byte == b' ') {
        Some(place) => value.split_at(place),
        None => (value, &[]),
    }
}

fn named(scheme: &[u8]) -> Option<Scheme> {
    if scheme.eq_ignore_ascii_case(b"bearer") {
        Some(Scheme::Bearer)
    } else if scheme.eq_ignore_ascii_case(b"dpop") {
        Some(Scheme::Dpop)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn presented(values: &[&[u8]]) -> Result<String, ClientFault> {
        let headers = values
            .iter()
            .map(|value| (AUTHORIZATION, HeaderValue::from_bytes(value).unwrap()))
            .collect();
        presented_token(&headers).map(|presented| presented.token.expose().to_owned())
    }

    #[test]
    fn scheme_is_read_in_any_case() {
        for value in ["Bearer abc", "bearer abc", "BEARER   abc", "Bearer abc "] {
            assert_eq!(
                presented(&[value.as_bytes()]).as_deref(),
                Ok("abc"),
                "{value}"
            );
        }
        assert_eq!(
            presented(&[b"Bearer 1|a.b-_~+/="]).as_deref(),
            Ok("1|a.b-_~+/=")
        );
    }

    #[test]
    fn bound_token_has_a_scheme_of_its_own() {
        let headers = |value: &'static str| {
            HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))])
        };
        for value in ["DPoP abc", "dpop abc", "DPOP  abc"] {
            let presented = presented_token(&headers(value)).unwrap();
            assert_eq!(presented.scheme, Scheme::Dpop, "{value}");
            assert_eq!(presented.token.expose(), "abc");
            assert_eq!(scheme(&headers(value)), Some(Scheme::Dpop));
        }
        let presented = presented_token(&headers("Bearer DPoP")).unwrap();
        assert_eq!(presented.scheme, Scheme::Bearer);
    }

    #[test]
    fn other_scheme_presents_no_token() {
        for value in [
            "",
            "Basic YTpi",
            "abc",
            "Bearerabc",
            "DPoPabc",
            "Basic YTpi, Bearer abc",
            "Bearer\tabc",
        ] {
            assert_eq!(
                presented(&[value.as_bytes()]),
                Err(ClientFault::MissingToken),
                "{value}"
            );
        }
        assert_eq!(presented(&[]), Err(ClientFault::MissingToken));
    }

    #[test]
    fn anything_but_one_token_is_malformed() {
        for value in [
            "Bearer",
            "Bearer ",
            "Bearer Bearer abc",
            "DPoP",
            "DPoP abc, Bearer abc",
            "DPoP abc def",
            "Bearer abc Bearer abc",
            "Bearer abc,Bearer def",
            "Bearer abc, def",
            "Bearer \"abc\"",
            "Bearer a\tb",
            "Bearer l\u{e9}ger",
        ] {
            assert_eq!(presented(&[value.as_bytes()]), Err(MALFORMED), "{value}");
        }
        assert_eq!(presented(&[b"Bearer \xff"]), Err(MALFORMED));
        assert_eq!(presented(&[b"Bearer abc", b"Bearer abc"]), Err(MALFORMED));
        assert_eq!(presented(&[b"Basic YTpi", b"Bearer abc"]), Err(MALFORMED));
        assert_eq!(
            presented(&[&[b"Bearer ".as_slice(), &[b'a'; 16 * 1024 + 1]].concat()]),
            Err(MALFORMED)
        );
    }

    /// A token that is found stands in the one header.
    #[test]
    fn any_header_is_a_token_or_none() {
        introspectd_fuzz::check!(&[b"Bearer abc", b"bearer  a|b=="], |bytes: &[u8]| {
            if let Ok(token) = presented(&[bytes].map(|it| {
                if HeaderValue::from_bytes(it).is_ok() {
                    it
                } else {
                    b"x"
                }
            })) {
                assert!(String::from_utf8_lossy(bytes).contains(&token));
            }
        });
    }
}
