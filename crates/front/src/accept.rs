//! Form of an answer that a caller wants (`Accept`, RFC 9110 section 12.5.1).

use http::HeaderMap;
use http::header::ACCEPT;

/// Form of an answer about a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    /// JWT of RFC 9701, or else JSON.
    Jwt,
    /// JWT and nothing else.
    JwtOnly,
}

/// Media type of a signed answer (RFC 9701 section 5).
pub(crate) const JWT: &str = "application/token-introspection+jwt";

/// Ranges that JSON is in, the most specific first.
const JSON: [&str; 3] = ["application/json", "application/*", "*/*"];

/// Quality of a range in thousandths.
type Quality = u16;

impl Form {
    /// Reads what a caller accepts. A JWT is for who names its type: a range with `*` means JSON,
    /// as does a header that names neither, since callers did not choose among forms before there
    /// were two. Of two that are wanted alike, it is the JWT.
    #[inline]
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(ACCEPT).iter();
        // What gateways send is shorter.
        if values.all(|value| value.len() < JWT.len()) {
            return Self::Json;
        }
        Self::read(headers)
    }

    #[cold]
    fn read(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(ACCEPT).iter();
        // How clients ask for a JWT: nothing is weighed.
        if let (Some(only), None) = (values.next(), values.next())
            && only == JWT
        {
            return Self::JwtOnly;
        }
        let mut jwt = 0;
        let mut json = [None; JSON.len()];
        let values = headers.get_all(ACCEPT).iter();
        let values = values.filter_map(|value| value.to_str().ok());
        for range in values.flat_map(|value| split(value, ',')) {
            let (media_type, quality) = weighed(range);
            if media_type.eq_ignore_ascii_case(JWT) {
                jwt = quality.max(jwt);
            }
            for (known, best) in JSON.into_iter().zip(&mut json) {
                if media_type.eq_ignore_ascii_case(known) {
                    *best = (*best).max(Some(quality));
                }
            }
        }
        match json.into_iter().flatten().next().unwrap_or_default() {
            json if jwt == 0 || jwt < json => Self::Json,
            0 => Self::JwtOnly,
            _ => Self::Jwt,
        }
    }
}

/// Splits a range into its media type and its quality. Other parameters do not matter.
fn weighed(range: &str) -> (&str, Quality) {
    let mut parts = split(range, ';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let quality = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then_some(value)
    });
    let quality = quality.map_or(Some(1000), |value| thousandths(value.trim()));
    // What cannot be read is not wanted.
    (media_type, quality.unwrap_or_default())
}

/// Reads `qvalue` of RFC 9110 section 12.4.2.
fn thousandths(text: &str) -> Option<Quality> {
    let (whole, digits) = text.split_once('.').unwrap_or((text, ""));
    if !matches!(whole, "0" | "1") || digits.len() > 3 {
        return None;
    }
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let value: Quality = format!("{whole}{digits:0<3}").parse().ok()?;
    (value <= 1000).then_some(value)
}

/// Splits a text where the separator is not within a quoted string.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |character| {
        if is_escaped {
            is_escaped = false;
        } else if is_quoted && character == '\\' {
            is_escaped = true;
        } else if character == '"' {
            is_quoted = !is_quoted;
        } else {
            return character == separator && !is_quoted;
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn form(values: &[&str]) -> Form {
        let header = |value: &&str| (ACCEPT, HeaderValue::try_from(*value).unwrap());
        Form::of(&values.iter().map(header).collect())
    }

    fn is_form_of(expected: Form, values: &[&str]) {
        for value in values {
            assert_eq!(form(&[value]), expected, "{value}");
        }
    }

    #[test]
    fn jwt_is_for_who_names_its_type() {
        is_form_of(
            Form::JwtOnly,
            &[
                JWT,
                "Application/Token-Introspection+JWT",
                "application/token-introspection+jwt; charset=utf-8",
                "application/token-introspection+jwt;q=0.001",
                "text/html, application/token-introspection+jwt;q=0.5",
                "application/token-introspection+jwt, application/json;q=0",
                "application/token-introspection+jwt, */*;q=0.0",
                "application/token-introspection+jwt;x=\"a,b;q=0\"",
                " , application/token-introspection+jwt ,",
            ],
        );
        is_form_of(
            Form::Jwt,
            &[
                "application/json, application/token-introspection+jwt",
                "application/token-introspection+jwt, */*",
                "application/token-introspection+jwt;q=0.6, application/*;q=0.5",
                "application/json;q=0.2, */*, application/token-introspection+jwt;q=0.3",
                "application/token-introspection+jwt;q=0, application/token-introspection+jwt, */*",
            ],
        );
        assert_eq!(form(&["application/json;q=0.9", JWT]), Form::Jwt);
        assert_eq!(form(&["*/*", "text/html", JWT]), Form::Jwt);
    }

    #[test]
    fn json_is_for_all_others() {
        is_form_of(
            Form::Json,
            &[
                "",
                "*/*",
                "application/*",
                "application/json",
                "application/jwt",
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                "application/token-introspection+jwt;q=0",
                "application/token-introspection+jwt; Q=0.000, */*",
                "application/token-introspection+jwt;q=2",
                "application/token-introspection+jwt;q=0.1234",
                "application/token-introspection+jwt;q=-1",
                "application/token-introspection+jwt;q=\"1\"",
                "application/token-introspection+jwt;q=0.5, application/json",
                "application/token-introspection+jwt;q=0.5, application/*;q=0.6",
                "application/token-introspection+jwt;q=0.999, */*",
                "application/token-introspection+jwtx",
                "xapplication/token-introspection+jwt",
                "text/plain;x=\",application/token-introspection+jwt,\"",
                "text/plain;x=\"\\\",application/token-introspection+jwt,\"",
            ],
        );
        assert_eq!(form(&[]), Form::Json);
    }

    #[test]
    fn quality_is_read_to_thousandths() {
        for (text, value) in [("0", 0), ("1", 1000), ("0.5", 500), ("0.125", 125)] {
            assert_eq!(thousandths(text), Some(value), "{text}");
        }
        assert_eq!(
            [thousandths("1."), thousandths("1.000")],
            [Some(1000); 2],
            "digits may be left out"
        );
        for text in ["", "2", "1.001", "0.1234", "00", ".5", "+0", "0.-1", "1e0"] {
            assert_eq!(thousandths(text), None, "{text}");
        }
    }

    /// A JWT is given to nobody who does not name it.
    #[test]
    fn any_header_is_a_form() {
        let seeds: [&[u8]; 2] = [
            b"application/token-introspection+jwt;q=0.5;x=\"a,\\\"b\", */*;q=0.1",
            b"application/json, application/token-introspection+jwt",
        ];
        introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
            let Ok(value) = HeaderValue::from_bytes(bytes) else {
                return;
            };
            let form = Form::of(&[(ACCEPT, value)].into_iter().collect());
            let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
            assert!(form == Form::Json || text.contains(JWT));
        });
    }
}
