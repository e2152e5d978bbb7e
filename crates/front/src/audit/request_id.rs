use std::fmt::Write;

use http::{HeaderMap, HeaderName, HeaderValue};
use introspectd_core::TokenValue;
use secrecy::ExposeSecret;

use super::event::Note;
use crate::authentication::credentials;

/// By which a caller finds what was told of its request.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const LONGEST: usize = 128;

/// Fewer letters in common with a secret are chance, and tell nothing of it.
const SHORTEST_PIECE: usize = 8;

/// The request's own id, in its one header: 1 to 128 visible letters of ASCII, which tell no secret of the request's. Else
/// one of ours. A client, or its proxy, may have put its token there.
pub(crate) fn request_id(headers: &HeaderMap, note: &Note) -> String {
    let mut values = headers.get_all(X_REQUEST_ID).iter();
    match (values.next().and_then(sane), values.next()) {
        (Some(id), None) if note.knows_its_secrets() && !tells_a_secret(id, headers, note) => id.to_owned(),
        _ => generated(),
    }
}

fn tells_a_secret(id: &str, headers: &HeaderMap, note: &Note) -> bool {
    note.token.as_ref().map(TokenValue::expose).is_some_and(|token| tells(id, token))
        || note.hidden_value().is_some_and(|value| tells(id, value))
        || credentials(headers).iter().any(|secret| tells(id, secret.expose_secret()))
}

/// All of it, or a piece.
fn tells(id: &str, secret: &str) -> bool {
    !secret.is_empty() && id.contains(secret) || id.len() >= SHORTEST_PIECE && secret.contains(id)
}

fn sane(value: &HeaderValue) -> Option<&str> {
    let id = std::str::from_utf8(value.as_bytes()).ok()?;
    let is_sane = (1..=LONGEST).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    is_sane.then_some(id)
}

/// 128 random bits. A system without random bytes gives all the same, and has worse to care about.
fn generated() -> String {
    let mut bytes = [0; 16];
    let _ = getrandom::fill(&mut bytes);
    bytes.iter().fold(String::with_capacity(32), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::event::Call;
    use introspectd_core::TokenId;

    fn of(values: &[&[u8]]) -> String {
        let header = |value: &&[u8]| (X_REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
        request_id(&values.iter().map(header).collect(), &Note::of(Call::List))
    }

    fn is_taken(id: &str, credentials: &[(&str, &str)], note: &Note) -> bool {
        let header = |(name, value): &(&str, &str)| {
            (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap())
        };
        let headers = [("x-request-id", id)].iter().chain(credentials).map(header).collect();
        request_id(&headers, note) == id
    }

    #[test]
    fn a_sane_id_is_taken() {
        let longest = "x".repeat(LONGEST);
        for id in ["1", "a-b_c/{d}", &longest] {
            assert_eq!(of(&[id.as_bytes()]), id);
        }
    }

    #[test]
    fn in_place_of_any_other_there_is_one_of_ours() {
        let long = [b'x'; LONGEST + 1];
        let none: [&[u8]; 0] = [];
        let odd: [&[&[u8]]; 7] = [&none, &[b""], &[b"a b"], &[b"a\tb"], &[b"\xe9"], &[&long], &[b"a", b"a"]];
        for values in odd {
            let id = of(values);
            assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        }
        assert_ne!(of(&[]), of(&[]));
    }

    #[test]
    fn an_id_that_tells_the_token_is_not_taken() {
        let token = TokenValue::parse("b_0123456789".to_owned()).ok();
        let note = Note { token, ..Note::of(Call::Revoke) };
        for id in ["b_0123456789", "req-b_0123456789-1", "b_012345", "23456789"] {
            assert!(!is_taken(id, &[], &note), "{id}");
        }
        for id in ["1", "b_01234", "b_0123456780", "B_0123456789", "0123x56789"] {
            assert!(is_taken(id, &[], &note), "{id}");
        }
    }

    #[test]
    fn an_id_that_tells_credentials_is_not_taken() {
        // edge:s3cret+%
        let basic = "Basic ZWRnZTpzM2NyZXQrJQ==";
        for name in ["authorization", "x-introspectd-caller"] {
            for (credentials, id) in [
                ("Bearer b_0123456789", "b_0123456789"),
                ("Bearer b_0123456789", "r/b_0123456789/1"),
                ("bearer \"b_0123456789\", Bearer other-token", "other-token"),
                ("b_0123456789", "b_0123456789"),
                (basic, "ZWRnZTpzM2NyZXQrJQ=="),
                (basic, "s3cret+%"),
                (basic, "edge:s3cret+%"),
                // edge:p%2F%25w
                ("Basic ZWRnZTpwJTJGJTI1dw==", "p/%w"),
            ] {
                assert!(!is_taken(id, &[(name, credentials)], &Note::of(Call::List)), "{id}");
            }
            for (credentials, id) in [(basic, "edge-1"), (basic, "Basic"), ("Bearer x", "Bearer"), ("", "1")]
            {
                assert!(is_taken(id, &[(name, credentials)], &Note::of(Call::List)), "{id}");
            }
        }
    }

    #[test]
    fn an_id_of_what_was_not_read_is_not_taken() {
        for (call, taken) in [(Call::Revoke, false), (Call::Introspect, false), (Call::ForwardAuth, true)] {
            assert_eq!(is_taken("req-1", &[], &Note::of(call)), taken, "{call:?}");
        }
        let selector = Some(("all", None));
        assert!(is_taken("req-1", &[], &Note { selector, ..Note::of(Call::Purge) }));
        let token = TokenValue::parse("b_0123456789".to_owned()).ok();
        for call in [Call::Issue, Call::Bind] {
            assert!(!is_taken("req-1", &[], &Note { token: token.clone(), ..Note::of(call) }), "{call:?}");
        }
        let token_id = TokenId::parse("the-id".to_owned()).ok();
        assert!(is_taken("req-1", &[], &Note { token, token_id, ..Note::of(Call::Bind) }));
    }
}
