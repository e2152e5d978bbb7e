//! Removal of the presented token from a provider's record.

use std::borrow::Cow;
use std::cell::OnceCell;

use memchr::memmem::Finder;
use percent_encoding::percent_decode_str;

use crate::{Audience, Json, Members, Token, TokenValue};

/// Shortest token, in bytes, that is also searched inside of words.
///
/// A shorter one is hardly a secret, and part of words by chance (a token `a` would empty every
/// answer), so it is dropped where it is a word of its own.
const MIN_WITHIN: usize = 16;

impl Token {
    /// Drops every string and member name that contains the presented token: plain,
    /// percent-encoded, or with JSON escapes.
    ///
    /// Providers echo requests in places that no list of names foresees (`"Bearer …"`, a URL with
    /// the token in its query), and a reader of our answer must not learn a credential from it.
    #[must_use]
    pub fn redact(mut self, presented: &TokenValue) -> Self {
        // Judged first: a dropped member may be the one that names the token's use.
        self.not_bearer = self.not_bearer();
        let presented = Presented::new(presented);
        let keep = |text: &String| !presented.is_in(text);
        self.scope.retain(|scope| !presented.is_in(scope));
        for text in [
            &mut self.client_id,
            &mut self.username,
            &mut self.sub,
            &mut self.iss,
            &mut self.jti,
            &mut self.token_type,
            &mut self.grant_type,
        ] {
            *text = text.take().filter(keep);
        }
        self.roles.retain(keep);
        self.aud = self.aud.and_then(|aud| match aud {
            Audience::One(one) => keep(&one).then_some(Audience::One(one)),
            Audience::Many(many) => Some(Audience::Many(many.into_iter().filter(keep).collect())),
        });
        presented.drop_from(&mut self.details);
        presented.drop_from(&mut self.extensions);
        self
    }
}

struct Presented<'a> {
    token: &'a TokenValue,
    /// Built for the first text that is long enough.
    finder: OnceCell<Finder<'a>>,
}

impl<'a> Presented<'a> {
    fn new(token: &'a TokenValue) -> Self {
        Self {
            token,
            finder: OnceCell::new(),
        }
    }

    /// Runs in linear time.
    fn is_in(&self, text: &str) -> bool {
        // Encodings and escapes only lengthen it.
        if text.len() < self.token.expose().len() {
            return false;
        }
        self.is_within(text.as_bytes())
            || (text.contains('%') && self.is_within(&Cow::from(percent_decode_str(text))))
            || (text.contains('\\') && self.is_within(unescaped(text).as_bytes()))
    }

    fn is_within(&self, text: &[u8]) -> bool {
        let length = self.token.expose().len();
        let is_bounded = |begin: usize| {
            let before = begin.checked_sub(1).and_then(|place| text.get(place));
            let behind = text.get(begin.saturating_add(length));
            !before.into_iter().chain(behind).any(is_of_a_word)
        };
        let finder = self.finder.get_or_init(|| Finder::new(self.token.expose()));
        finder
            .find_iter(text)
            .any(|begin| length >= MIN_WITHIN || is_bounded(begin))
    }

    fn drop_from(&self, members: &mut Members) {
        members.retain(|name, value| !self.is_in(name) && self.is_absent_from(value));
    }

    /// Drops the token from within the value; returns false if the value itself has to go.
    fn is_absent_from(&self, value: &mut Json) -> bool {
        match value {
            Json::String(text) => !self.is_in(text),
            Json::Array(items) => {
                items.retain_mut(|item| self.is_absent_from(item));
                true
            }
            Json::Object(members) => {
                self.drop_from(members);
                true
            }
            // A token may consist of digits.
            Json::Number(text) => !self.is_in(text),
            Json::Null | Json::Bool(_) => true,
        }
    }
}

/// URL-unreserved characters, of which identifiers consist.
fn is_of_a_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

/// Undoes the JSON escapes that a token's characters can have: `\/`, `\"`, `\\` and `\uXXXX`.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        plain.push_str(before);
        let unicode = behind.strip_prefix('u').and_then(|digits| {
            let (digits, behind) = digits.split_at_checked(4)?;
            Some((
                char::from_u32(u32::from_str_radix(digits, 16).ok()?)?,
                behind,
            ))
        });
        rest = match unicode {
            Some((character, behind)) => {
                plain.push(character);
                behind
            }
            // The escaped character is literal, and does not begin another escape.
            None => {
                let mut characters = behind.chars();
                plain.extend(characters.next());
                characters.as_str()
            }
        };
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expiry, ScopeSet, Status};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const SECRET: &str = "a/quite-secret+token";

    fn presented(text: &str) -> TokenValue {
        TokenValue::parse(text.to_owned()).unwrap()
    }

    fn token(extensions: Value) -> Token {
        let mut token = Token::new(Status::Good, Expiry::Never);
        let Value::Object(extensions) = extensions else {
            panic!("{extensions}")
        };
        token.extensions = extensions.into();
        token
    }

    #[test]
    fn the_presented_token_is_dropped_from_every_member() {
        let mut token = token(json!({"x": {"y": [SECRET]}, "z": SECRET}));
        token.scope = ScopeSet::from_spaced("read a/quite-secret+token x.a/quite-secret+token");
        token.sub = Some(SECRET.to_owned());
        token.jti = Some(format!("{SECRET}#1"));
        token.roles = vec![SECRET.to_owned(), "admin".to_owned()];
        token.aud = Some(Audience::Many(vec![SECRET.to_owned(), "api".to_owned()]));
        token.details = json!({"a": [{"b": SECRET}, SECRET, 1], SECRET: 1})
            .as_object()
            .unwrap()
            .clone()
            .into();

        let kept = token.redact(&presented(SECRET));

        assert!(!format!("{kept:?}").contains(SECRET));
        assert_eq!(kept.scope.to_string(), "read");
        assert_eq!(kept.roles, ["admin"]);
        assert_eq!(Json::Object(kept.details), json!({"a": [{}, 1]}).into());
        assert_eq!(
            Json::Object(kept.extensions),
            json!({"x": {"y": []}}).into()
        );
    }

    #[test]
    fn encoded_echoes_of_the_token_are_dropped() {
        for echo in [
            "Bearer a/quite-secret+token",
            "https://as.example/introspect?token=a%2Fquite-secret%2Btoken&x=1",
            "https://as.example/?t=%61/quite-secret%2btoken",
            r#"{"token":"a\/quite-secret+token"}"#,
            r#"{\"token\":\"a\/quite-secret+token\"}"#,
            r"a/quite-secret\u002btoken",
        ] {
            let members =
                json!({"echo": echo, "deep": [{"request": echo}, "kept"], echo: true, "x": "kept"});
            let kept = token(members).redact(&presented(SECRET)).extensions;
            assert_eq!(
                Json::Object(kept),
                json!({"deep": [{}, "kept"], "x": "kept"}).into(),
                "{echo}"
            );
        }
    }

    #[test]
    fn similar_strings_are_kept() {
        let members = json!({"a": "a/quite-secret", "b": "A/QUITE-SECRET+TOKEN", "c": "100 % \
            a", "d": "\\", "e": "\\u12", "f": ""});
        assert_eq!(
            token(members.clone()).redact(&presented(SECRET)).extensions,
            members.as_object().unwrap().clone().into()
        );
    }

    #[test]
    fn short_tokens_are_dropped_as_whole_words_only() {
        let members = json!({"a": "short12", "b": "Bearer \
            short12", "c": "?token=short12&x", "short12": 1, "short123": 2});
        let kept = token(members).redact(&presented("short12")).extensions;
        assert_eq!(Json::Object(kept), json!({"short123": 2}).into());
        let members = json!({"jti": "id-of-short12", "name": "short12.example", "x": "nashort12"});
        assert_eq!(
            token(members.clone())
                .redact(&presented("short12"))
                .extensions,
            members.as_object().unwrap().clone().into()
        );
        let members = json!({"sub": "alice", "scope_of": "read all"});
        assert_eq!(
            token(members.clone()).redact(&presented("a")).extensions,
            members.as_object().unwrap().clone().into()
        );
    }

    #[test]
    fn token_of_sixteen_bytes_is_searched_inside_of_words() {
        let members = json!({"a": "xabcdefghijklmnopx", "b": "xabcdefghijklmnox"});
        for (presented_text, kept) in [
            ("abcdefghijklmnop", json!({"b": "xabcdefghijklmnox"})),
            ("abcdefghijklmno", members.clone()),
        ] {
            let token = token(members.clone()).redact(&presented(presented_text));
            assert_eq!(Json::Object(token.extensions), kept.into());
        }
    }

    #[test]
    fn token_of_digits_is_dropped_where_it_is_a_number() {
        let members = json!({"a": 12345, "b": [12345, 1], "c": 123456});
        let kept = token(members).redact(&presented("12345")).extensions;
        assert_eq!(Json::Object(kept), json!({"b": [1], "c": 123456}).into());
    }

    proptest! {
        #[test]
        fn random_echoes_are_dropped_without_panics(
            secret in "[!-~]{16,40}",
            around in "\\PC{0,20}",
        ) {
            let echo = format!("{around}{secret}{around}");
            let encoded: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let escaped: String = secret.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
            let echoing = token(json!({"a": echo, "b": encoded, "c": escaped}));
            let kept = echoing.redact(&presented(&secret));
            prop_assert!(kept.extensions.is_empty());
        }
    }

    #[test]
    fn redaction_does_not_turn_a_token_into_a_bearer_token() {
        let presented = TokenValue::parse("refresh_token".to_owned()).unwrap();
        let mut by_scheme = Token::new(Status::Good, Expiry::Never);
        by_scheme.token_type = Some("refresh_token".to_owned());
        let mut by_use = Token::new(Status::Good, Expiry::Never);
        by_use.extensions = json!({"token_use": "refresh_token"})
            .as_object()
            .unwrap()
            .clone()
            .into();
        for token in [by_scheme, by_use] {
            let token = token.redact(&presented);
            assert!(token.token_type.is_none() && token.extensions.is_empty());
            assert!(token.not_bearer().is_some());
        }
    }
}
