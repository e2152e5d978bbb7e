use std::borrow::Cow;

use introspectd_core::{TokenId, TokenRejected, TokenValue};
use introspectd_service::operation::{Subject, TokenQuery};
use introspectd_service::refusal::InvalidRequest;
use introspectd_service::{Caller, Details, Service};
use memchr::{memchr, memchr2, memchr3};

/// Reads a form that asks about a token again, for its details: the token went to the resolver.
pub(crate) fn details(
    service: &Service,
    caller: &Caller,
    body: &[u8],
    has_record: bool,
) -> Details {
    match token_query(body) {
        Ok(query) => query.details(service, caller, has_record),
        Err(_) => Details::default(),
    }
}

/// Reads what a form asks about again, for the details of that alone.
pub(crate) fn subject_details(body: &[u8]) -> Details {
    let query = token_query(body);
    query.map_or_else(|_| Details::default(), |query| query.subject.details(false))
}

/// Reads a body of `application/x-www-form-urlencoded` that asks about a token.
///
/// A parameter may be given once (RFC 6749 section 3.1); unknown ones and unknown hints are ignored
/// (RFC 7662 section 2.1).
pub(crate) fn token_query(body: &[u8]) -> Result<TokenQuery, InvalidRequest> {
    // Fast path: nothing but a token, in characters that stand for themselves.
    if let Some(token) = body.strip_prefix(b"token=")
        && memchr3(b'&', b'%', b'+', token).is_none()
    {
        return Ok(TokenQuery {
            subject: subject(text(token)?.to_owned(), None)?,
            provider: None,
        });
    }
    let (mut token, mut hint, mut provider) = (None, None, None);
    let mut unknown: Vec<Cow<'_, str>> = Vec::new();
    for pair in pairs(body) {
        let (name, value) = pair?;
        let twice = match &*name {
            "token" => token.replace(value).is_some(),
            "token_type_hint" => hint.replace(value).is_some(),
            "provider" => provider.replace(value).is_some(),
            _ if unknown.contains(&name) => true,
            _ if unknown.len() == MAX_UNKNOWN => return Err(InvalidRequest::NotAForm),
            _ => {
                unknown.push(name);
                false
            }
        };
        if twice {
            return Err(InvalidRequest::Repeated);
        }
    }
    let token = token.ok_or(InvalidRequest::NoToken)?.into_owned();
    Ok(TokenQuery {
        subject: subject(token, hint.as_deref())?,
        provider: provider.map(Cow::into_owned),
    })
}

fn subject(token: String, hint: Option<&str>) -> Result<Subject, InvalidRequest> {
    let subject = match hint {
        Some("token_id") => TokenId::parse(token).map(Subject::Id),
        Some(_) | None => TokenValue::parse(token).map(Subject::Token),
    };
    subject.map_err(|rejected| match rejected {
        TokenRejected::Empty => InvalidRequest::NoToken,
        TokenRejected::TooLong => InvalidRequest::TokenTooLong,
    })
}

/// Returns the value of one parameter of a form that was parsed before.
pub(crate) fn value_of(body: &[u8], name: &str) -> Option<String> {
    let mut values = pairs(body).filter_map(Result::ok);
    values
        .find(|(found, _)| found == name)
        .map(|(_, value)| value.into_owned())
}

/// Most unknown parameters. The search for repeated ones is quadratic.
const MAX_UNKNOWN: usize = 32;

/// Lists names and values, decoded.
pub(crate) fn pairs<'a>(
    mut rest: &'a [u8],
) -> impl Iterator<Item = Result<(Cow<'a, str>, Cow<'a, str>), InvalidRequest>> {
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let (pair, behind) = cut(rest, b'&');
            rest = behind;
            if !pair.is_empty() {
                let (name, value) = cut(pair, b'=');
                return Some(decode(name).and_then(|name| Ok((name, decode(value)?))));
            }
        }
        None
    })
}

/// Cuts bytes at the first `mark`.
fn cut(bytes: &[u8], mark: u8) -> (&[u8], &[u8]) {
    memchr(mark, bytes)
        .and_then(|place| bytes.split_at_checked(place))
        .map_or((bytes, &[]), |(before, behind)| {
            (before, behind.get(1..).unwrap_or_default())
        })
}

/// Decodes form encoding strictly: a `%` without two digits, or bytes that are not UTF-8, are not a
/// form.
pub(crate) fn decode(raw: &[u8]) -> Result<Cow<'_, str>, InvalidRequest> {
    if memchr2(b'%', b'+', raw).is_none() {
        return text(raw).map(Cow::Borrowed);
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match (rest.next().and_then(digit), rest.next().and_then(digit)) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(InvalidRequest::NotAForm),
            },
            other => *other,
        });
    }
    String::from_utf8(bytes)
        .map(Cow::Owned)
        .map_err(|_| InvalidRequest::NotAForm)
}

fn text(raw: &[u8]) -> Result<&str, InvalidRequest> {
    std::str::from_utf8(raw).map_err(|_| InvalidRequest::NotAForm)
}

fn digit(byte: &u8) -> Option<u8> {
    char::from(*byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(body: &str) -> Result<String, InvalidRequest> {
        subject_of(body.as_bytes())
    }

    fn subject_of(body: &[u8]) -> Result<String, InvalidRequest> {
        token_query(body).map(|form| match form.subject {
            Subject::Token(token) => token.expose().to_owned(),
            Subject::Id(id) => format!("id {}", id.as_str()),
        })
    }

    #[test]
    fn parameters_are_decoded() {
        assert_eq!(token("token=a%2Bb+c%C3%A9").as_deref(), Ok("a+b c\u{e9}"));
        assert_eq!(token("x=1&token=a=b&&").as_deref(), Ok("a=b"));
        assert_eq!(token("%74oken=a").as_deref(), Ok("a"));
    }

    #[test]
    fn only_one_hint_means_something() {
        assert_eq!(
            token("token=a&token_type_hint=token_id").as_deref(),
            Ok("id a")
        );
        for hint in [
            "access_token",
            "refresh_token",
            "Token_id",
            "",
            "token_id%20",
        ] {
            assert_eq!(
                token(&format!("token=a&token_type_hint={hint}")).as_deref(),
                Ok("a"),
                "{hint}"
            );
        }
    }

    #[test]
    fn bad_forms_are_refused_with_their_reason() {
        for none in [
            "",
            "token",
            "token=",
            "tok=a",
            "{\"token\":\"a\"}",
            "Token=a",
        ] {
            assert_eq!(token(none), Err(InvalidRequest::NoToken), "{none}");
        }
        for twice in [
            "token=a&token=a",
            "token=a&x=1&x=2",
            "token=a&t%6Fken=b",
            "token=&token=a",
        ] {
            assert_eq!(token(twice), Err(InvalidRequest::Repeated), "{twice}");
        }
        for broken in [
            "token=%",
            "token=%4",
            "token=%zz",
            "token=%ff",
            "token=a&%=b",
            "token=%+1",
        ] {
            assert_eq!(token(broken), Err(InvalidRequest::NotAForm), "{broken}");
        }
        let long = format!("token={}", "a".repeat(TokenValue::MAX_BYTES + 1));
        assert_eq!(token(&long), Err(InvalidRequest::TokenTooLong));
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body: Vec<u8>) {
            let _ = token_query(&body);
        }

        #[test]
        fn what_a_client_encodes_is_what_is_read(text in "\\PC{1,60}") {
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
            prop_assert_eq!(token(&format!("token={encoded}")), Ok(text));
        }
    }

    /// An empty parameter before it changes nothing, but for how it is read.
    #[test]
    fn token_alone_is_read_as_any_other_form() {
        let seeds: [&[u8]; 6] = [
            b"token=abc",
            b"token=",
            b"token=a=b",
            b"token=a&token=b",
            b"token=a%2Bb+c",
            b"token=\xff",
        ];
        introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
            let beside = [b"&", bytes].concat();
            assert_eq!(subject_of(bytes), subject_of(&beside));
        });
    }

    /// Differential: what a form is, `form_urlencoded` reads as we do.
    #[test]
    fn any_form_is_read_as_others_read_it() {
        let seeds: [&[u8]; 3] = [
            b"token=a%2Bb+c&x=1",
            b"token=a&token_type_hint=token_id&provider=p",
            b"&&=",
        ];
        introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
            let _ = token_query(bytes);
            if let Ok(ours) = pairs(bytes).collect::<Result<Vec<_>, _>>() {
                let theirs: Vec<_> = form_urlencoded::parse(bytes).collect();
                assert_eq!(ours, theirs);
            }
        });
    }
}
