use std::borrow::Cow;

use http::{HeaderName, HeaderValue};

use introspectd_service::SharedAnswer;

/// Names of the headers that tell an application who its client is. All of them are sent, always: a
/// proxy that copies them overwrites what the client forged.
pub(crate) const NAMES: [HeaderName; 8] = [
    HeaderName::from_static("x-auth-subject"),
    HeaderName::from_static("x-auth-client-id"),
    HeaderName::from_static("x-auth-username"),
    HeaderName::from_static("x-auth-scope"),
    HeaderName::from_static("x-auth-roles"),
    HeaderName::from_static("x-auth-provider"),
    HeaderName::from_static("x-auth-expires"),
    HeaderName::from_static("x-auth-token-id"),
];

/// Longest value in bytes. All headers together stay below 16 KiB, which proxies accept for a head.
const LONGEST: usize = 2048;

const EMPTY: HeaderValue = HeaderValue::from_static("");

/// Returns the headers' values, in the order of [`NAMES`]. A claim without escapes is shared with
/// the answer, not copied.
pub(crate) fn values(answer: &SharedAnswer) -> [HeaderValue; 8] {
    let claims = answer.claims();
    [
        value(answer, claims.sub()),
        value(answer, claims.client_id()),
        value(answer, claims.username()),
        value(answer, claims.scope()),
        roles(answer),
        value(answer, claims.provider()),
        value(answer, Cow::Borrowed(claims.exp())),
        value(answer, claims.jti()),
    ]
}

/// Returns a value, or an empty one if a header could not carry the text as it is: with a control
/// character, with space at an end, which is trimmed on the way, or too long. A part of it would
/// name another client.
fn value(answer: &SharedAnswer, text: Cow<'_, str>) -> HeaderValue {
    if text.is_empty() || text.len() > LONGEST || !arrives_unchanged(&text) {
        return EMPTY;
    }
    let value = match text {
        Cow::Borrowed(part) => HeaderValue::from_maybe_shared(answer.share(part)),
        Cow::Owned(text) => HeaderValue::from_bytes(text.as_bytes()),
    };
    value.unwrap_or(EMPTY)
}

/// Joins roles by commas. Only those are included that an application finds again when it splits
/// the header and trims what it finds: `" admin"` and `"clerk, admin"` would turn into a role that
/// the policy did not see.
fn roles(answer: &SharedAnswer) -> HeaderValue {
    let survives =
        |role: &Cow<'_, str>| !role.is_empty() && !role.contains(',') && arrives_unchanged(role);
    let mut roles = answer.claims().roles().filter(survives);
    match (roles.next(), roles.next()) {
        (None, _) => EMPTY,
        (Some(only), None) => value(answer, only),
        (Some(first), Some(second)) => {
            let mut joined = [first, second].join(",");
            for role in roles {
                joined.push(',');
                joined.push_str(&role);
            }
            value(answer, Cow::Owned(joined))
        }
    }
}

/// Returns true if no HTTP stack and no language's `trim` removes anything from the text, and it
/// has no control character.
fn arrives_unchanged(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Without an early end, which would keep the loop from looking at many bytes at once.
    if bytes
        .iter()
        .fold(true, |all, byte| all & (0x20..0x7f).contains(byte))
    {
        return bytes.first() != Some(&b' ') && bytes.last() != Some(&b' ');
    }
    let ends = [text.chars().next(), text.chars().next_back()];
    !ends.into_iter().flatten().any(is_trimmed_somewhere) && !text.chars().any(char::is_control)
}

/// Matches Unicode white space, no-break space included, and what older or broader definitions add:
/// JavaScript's byte order mark, the Mongolian vowel separator, and spaces and joiners without
/// width.
fn is_trimmed_somewhere(character: char) -> bool {
    character.is_whitespace()
        || matches!(
            character,
            '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(answer: &serde_json::Value) -> [HeaderValue; 8] {
        values(&SharedAnswer::read(answer.to_string()).unwrap())
    }

    fn subject(sub: &str) -> HeaderValue {
        let [subject, ..] = read(&json!({"sub": sub}));
        subject
    }

    fn roles_of(roles: &[String]) -> HeaderValue {
        let [_, _, _, _, roles, ..] = read(&json!({"roles": roles}));
        roles
    }

    #[test]
    fn every_claim_has_its_header() {
        let answer = json!({
            "sub": "s", "client_id": "c", "username": "u", "scope": "a \
                b", "roles": ["r", "x,y", "t u"],
            "aud": "z", "provider": "bank", "exp": 200, "jti": "j",
        });
        assert_eq!(
            read(&answer),
            ["s", "c", "u", "a b", "r,t u", "bank", "200", "j"]
        );
    }

    #[test]
    fn only_roles_that_survive_splitting_and_trimming_are_shown() {
        let header = |roles: &[&str]| {
            roles_of(
                &roles
                    .iter()
                    .map(|role| (*role).to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        for odd in [
            "",
            " ",
            " admin",
            "admin ",
            "\tadmin",
            "admin\n",
            "\u{a0}admin",
            "admin\u{2003}",
            "\u{feff}admin",
            "admin\u{200b}",
            "\u{180e}admin",
            "\u{85}admin",
            "\u{3000}admin",
            "\u{1c}admin",
            "\0admin",
            "x,admin",
            ",admin",
            "ad\rmin",
        ] {
            assert_eq!(
                header(&["clerk", odd, "auditor"]),
                "clerk,auditor",
                "{odd:?}"
            );
            assert_eq!(header(&[odd]), "", "{odd:?}");
        }
        assert_eq!(header(&["head clerk", "x;y"]), "head clerk,x;y");
    }

    #[test]
    fn unknown_claim_is_empty() {
        assert_eq!(read(&json!({})), [""; 8]);
    }

    #[test]
    fn letters_beyond_ascii_pass_as_they_are() {
        assert_eq!(subject("Jos\u{e9}").as_bytes(), "Jos\u{e9}".as_bytes());
    }

    #[test]
    fn claim_that_a_header_cannot_carry_is_left_out_whole() {
        for sub in [
            "a\r\nX-Auth-Roles: admin",
            "a\nb",
            "a\0",
            "a\tb",
            "\u{85}",
            "a\u{7f}",
            " admin",
            "admin ",
            "\u{a0}admin",
            "admin\u{feff}",
            "\u{200b}admin",
        ] {
            assert_eq!(subject(sub), "", "{sub:?}");
        }
        assert_eq!(subject(&"a".repeat(LONGEST)).len(), LONGEST);
        assert_eq!(subject(&"a".repeat(LONGEST + 1)), "");
    }

    proptest! {
        #[test]
        fn an_application_finds_the_same_roles_however_it_trims(
            roles in prop::collection::vec(".{0,4}|\\s?[a-c,]{0,2}\\s?", 0..5)
        ) {
            let header = roles_of(&roles);
            let header = std::str::from_utf8(header.as_bytes()).unwrap();
            for found in header.split(',').map(str::trim).filter(|found| !found.is_empty()) {
                prop_assert!(roles.iter().any(|role| role == found), "{found:?}");
            }
        }

        #[test]
        fn a_header_is_the_very_text_or_empty(sub in "\\PC{0,40}|.{0,40}") {
            let value = subject(&sub);
            prop_assert!(value.is_empty() || value.as_bytes() == sub.as_bytes());
            prop_assert!(!value.as_bytes().iter().any(|byte| *byte < 0x20 || *byte == 0x7f));
        }
    }
}
