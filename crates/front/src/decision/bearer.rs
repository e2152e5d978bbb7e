use http::HeaderMap;
use http::header::AUTHORIZATION;
use introspectd_core::TokenValue;

use introspectd_service::refusal::Inactive;

use crate::problem::Problem;

/// The token that a client shows: RFC 6750 section 2.1, in its one `Authorization` header and nowhere else.
///
/// Of several headers, or several tokens in one, the proxy, the application and we might each believe another.
pub(crate) fn token(client: &HeaderMap) -> Result<TokenValue, Problem> {
    let mut values = client.get_all(AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Err(Problem::MissingToken),
        (Some(value), None) => value.as_bytes(),
        (Some(_), Some(_)) => return Err(MALFORMED),
    };
    let (scheme, token) = match value.iter().position(|byte| *byte == b' ') {
        Some(place) => value.split_at(place),
        None => (value, &[][..]),
    };
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(Problem::MissingToken);
    }
    parse(std::str::from_utf8(token.trim_ascii()).map_err(|_| MALFORMED)?)
}

/// A token as a client could show it.
pub(super) fn parse(token: &str) -> Result<TokenValue, Problem> {
    if !token.bytes().all(is_of_a_token) {
        return Err(MALFORMED);
    }
    TokenValue::parse(token.to_owned()).map_err(|_| MALFORMED)
}

const MALFORMED: Problem = Problem::InvalidToken(Inactive::Malformed);

/// More than the grammar of RFC 6750 has, since old servers issue tokens with `|` or `:` in them; and nothing that
/// could separate two tokens.
fn is_of_a_token(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b',' | b';' | b'"')
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn shown(values: &[&[u8]]) -> Result<String, Problem> {
        let headers =
            values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_bytes(value).unwrap())).collect();
        token(&headers).map(|token| token.expose().to_owned())
    }

    #[test]
    fn the_scheme_is_read_in_any_case() {
        for value in ["Bearer abc", "bearer abc", "BEARER   abc", "Bearer abc "] {
            assert_eq!(shown(&[value.as_bytes()]).as_deref(), Ok("abc"), "{value}");
        }
        assert_eq!(shown(&[b"Bearer 1|a.b-_~+/="]).as_deref(), Ok("1|a.b-_~+/="));
    }

    #[test]
    fn another_scheme_shows_no_token() {
        for value in
            ["", "Basic YTpi", "abc", "Bearerabc", "DPoP abc", "Basic YTpi, Bearer abc", "Bearer\tabc"]
        {
            assert_eq!(shown(&[value.as_bytes()]), Err(Problem::MissingToken), "{value}");
        }
        assert_eq!(shown(&[]), Err(Problem::MissingToken));
    }

    #[test]
    fn what_is_not_exactly_one_token_is_none() {
        for value in [
            "Bearer",
            "Bearer ",
            "Bearer Bearer abc",
            "Bearer abc Bearer abc",
            "Bearer abc,Bearer def",
            "Bearer abc, def",
            "Bearer \"abc\"",
            "Bearer a\tb",
            "Bearer l\u{e9}ger",
        ] {
            assert_eq!(shown(&[value.as_bytes()]), Err(MALFORMED), "{value}");
        }
        assert_eq!(shown(&[b"Bearer \xff"]), Err(MALFORMED));
        assert_eq!(shown(&[b"Bearer abc", b"Bearer abc"]), Err(MALFORMED));
        assert_eq!(shown(&[b"Basic YTpi", b"Bearer abc"]), Err(MALFORMED));
        assert_eq!(shown(&[&[b"Bearer ".as_slice(), &[b'a'; 16 * 1024 + 1]].concat()]), Err(MALFORMED));
    }
}
