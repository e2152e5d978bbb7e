use http::{HeaderName, HeaderValue};

use introspectd_service::Claims;

/// The headers that tell an application who its client is. All of them, always: a proxy that copies them overwrites
/// what the client forged.
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

/// In bytes. All headers together stay below 16 KiB, which proxies take for an answer's head.
const LONGEST: usize = 2048;

/// The headers' values, in the order of [`NAMES`].
pub(crate) fn values(claims: &Claims<'_>) -> [HeaderValue; 8] {
    [
        value(&claims.sub),
        value(&claims.client_id),
        value(&claims.username),
        value(&claims.scope),
        value(&roles(claims)),
        value(&claims.provider),
        claims.exp.map_or(EMPTY, HeaderValue::from),
        value(&claims.jti),
    ]
}

const EMPTY: HeaderValue = HeaderValue::from_static("");

/// Empty where a header could not carry it as it is: with a control character, with space at an end, which is
/// trimmed on the way, or too long. To carry a part of it would tell of somebody else.
fn value(text: &str) -> HeaderValue {
    let carries = text.len() <= LONGEST && arrives_unchanged(text);
    if carries { HeaderValue::from_bytes(text.as_bytes()).unwrap_or(EMPTY) } else { EMPTY }
}

/// Roles separated by commas. Only those stand there that an application finds again when it splits the header and trims
/// what it finds: `" admin"` and `"clerk, admin"` would turn into a role that the policy did not see.
fn roles(claims: &Claims<'_>) -> String {
    let survives = |role: &&str| !role.is_empty() && !role.contains(',') && arrives_unchanged(role);
    let roles: Vec<&str> = claims.roles.iter().map(|role| &**role).filter(survives).collect();
    roles.join(",")
}

/// Whether no HTTP stack and no language's `trim` takes anything off the text, and no control character is in it.
fn arrives_unchanged(text: &str) -> bool {
    let ends = [text.chars().next(), text.chars().next_back()];
    !ends.into_iter().flatten().any(is_trimmed_somewhere) && !text.chars().any(char::is_control)
}

/// Unicode white space, no-break space included, and what older or broader definitions of it have besides: JavaScript's
/// byte order mark, the Mongolian vowel separator, and spaces and joiners without width.
fn is_trimmed_somewhere(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn subject(sub: &str) -> HeaderValue {
        let [subject, ..] = values(&Claims { sub: sub.into(), ..Claims::default() });
        subject
    }

    #[test]
    fn every_claim_has_its_header() {
        let claims = Claims::read(
            br#"{"sub":"s","client_id":"c","username":"u","scope":"a b","roles":["r","x,y","t u"],"aud":"z",
                "provider":"bank","exp":200,"jti":"j"}"#,
        );
        let values = values(&claims.unwrap());
        assert_eq!(values, ["s", "c", "u", "a b", "r,t u", "bank", "200", "j"]);
    }

    #[test]
    fn only_roles_that_survive_splitting_and_trimming_are_shown() {
        let header = |roles: &[&str]| {
            let roles = roles.iter().map(|role| (*role).into()).collect();
            let [_, _, _, _, roles, ..] = values(&Claims { roles, ..Claims::default() });
            roles
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
            assert_eq!(header(&["clerk", odd, "auditor"]), "clerk,auditor", "{odd:?}");
            assert_eq!(header(&[odd]), "", "{odd:?}");
        }
        assert_eq!(header(&["head clerk", "x;y"]), "head clerk,x;y");
    }

    #[test]
    fn what_is_unknown_is_empty() {
        assert_eq!(values(&Claims::default()), [""; 8]);
    }

    #[test]
    fn letters_beyond_ascii_pass_as_they_are() {
        assert_eq!(subject("Jos\u{e9}").as_bytes(), "Jos\u{e9}".as_bytes());
    }

    #[test]
    fn what_a_header_cannot_carry_as_it_is_is_left_out_whole() {
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
        fn an_application_finds_the_same_roles_however_it_trims(roles in prop::collection::vec(".{0,4}|\\s?[a-c,]{0,2}\\s?", 0..5)) {
            let claims = Claims { roles: roles.iter().map(|role| role.as_str().into()).collect(), ..Claims::default() };
            let [_, _, _, _, header, ..] = values(&claims);
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
