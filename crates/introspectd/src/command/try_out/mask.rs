//! Secrets in what a server said: replaced before anything is printed.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use introspectd_upstream::MASK;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use regex::Regex;
use secrecy::{ExposeSecret, SecretString};

/// Characters of a secret in a row that are masked: a server may repeat a part of it.
const PART: usize = 12;

/// Members whose values are secrets of the server's own making.
const SECRET_MEMBER: &str = concat!(
    r#"("(?:(?i-u:access_token|refresh_token|id_token)|[^"]*(?i-u:secret|password)[^"]*)"\s*:\s*)"#,
    r#""(?:[^"\\]|\\.)*""#,
);

/// Credentials of HTTP that a server repeats, such as a token that was fetched for us.
const SCHEME: &str = r"\b((?i-u:bearer|basic)[ +])[A-Za-z0-9._~+/-]{16,}=*";

/// Token and credential, in the spellings in which a server may repeat them. Does not print.
pub(super) struct Mask {
    whole: Vec<SecretString>,
    parts: HashSet<SecretPart>,
    patterns: Option<(Regex, Regex)>,
}

#[derive(PartialEq, Eq, Hash)]
struct SecretPart([char; PART]);

impl Mask {
    /// Masks a token and the `secret` of `user`.
    pub(super) fn new(token: &str, user: Option<&str>, secret: Option<&SecretString>) -> Self {
        let patterns = Regex::new(SECRET_MEMBER).ok().zip(Regex::new(SCHEME).ok());
        let mut mask = Self {
            whole: Vec::new(),
            parts: HashSet::new(),
            patterns,
        };
        mask.add(token);
        if let Some(secret) = secret.map(ExposeSecret::expose_secret) {
            mask.add(secret);
            let user = user.unwrap_or_default();
            for (user, secret) in [
                (user.to_owned(), secret.to_owned()),
                (percent(user), percent(secret)),
            ] {
                mask.add(&STANDARD.encode(format!("{user}:{secret}")));
            }
        }
        // A secret may be a part of another.
        mask.whole
            .sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
        mask
    }

    fn add(&mut self, secret: &str) {
        let html = secret
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;");
        let plus = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        for spelling in [secret.to_owned(), percent(secret), plus, html] {
            let characters: Vec<char> = spelling.chars().collect();
            let parts = characters
                .windows(PART)
                .filter_map(|part| part.try_into().ok());
            self.parts.extend(parts.map(SecretPart));
            if !spelling.is_empty() {
                self.whole.push(spelling.into());
            }
        }
    }

    /// Returns the text without any of them.
    pub(super) fn apply(&self, text: &str) -> String {
        let Some((member, scheme)) = &self.patterns else {
            return MASK.to_owned();
        };
        let masked = member.replace_all(text, format!("$1\"{MASK}\""));
        let mut masked = scheme
            .replace_all(&masked, format!("${{1}}{MASK}"))
            .into_owned();
        for secret in &self.whole {
            masked = masked.replace(secret.expose_secret(), MASK);
        }
        self.without_parts(&masked)
    }

    fn without_parts(&self, text: &str) -> String {
        let characters: Vec<char> = text.chars().collect();
        let mut is_secret = vec![false; characters.len()];
        for (start, part) in characters.windows(PART).enumerate() {
            let is_part = part
                .try_into()
                .is_ok_and(|part| self.parts.contains(&SecretPart(part)));
            if is_part {
                is_secret
                    .iter_mut()
                    .skip(start)
                    .take(PART)
                    .for_each(|it| *it = true);
            }
        }
        let mut masked = String::with_capacity(text.len());
        let mut before = false;
        for (character, is_secret) in characters.into_iter().zip(is_secret) {
            match (is_secret, before) {
                (false, _) => masked.push(character),
                (true, false) => masked.push_str(MASK),
                (true, true) => {}
            }
            before = is_secret;
        }
        masked
    }
}

fn percent(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "aGVsbG8gd29ybGQtdG9rZW4/x+y";
    const PART_OF_TOKEN: &str = "bG8gd29ybGQtdG9r";
    const SECRET: &str = "s3cr:t/+ %&";

    fn mask() -> Mask {
        Mask::new(TOKEN, Some("introspectd"), Some(&SECRET.into()))
    }

    #[test]
    fn secrets_are_masked_in_each_spelling() {
        let encoded = form_urlencoded::byte_serialize(SECRET.as_bytes()).collect::<String>();
        for secret in [
            TOKEN,
            &percent(TOKEN),
            PART_OF_TOKEN,
            SECRET,
            &percent(SECRET),
            &encoded,
            "s3cr:t/+ %&amp;",
            &STANDARD.encode(format!("introspectd:{SECRET}")),
            &STANDARD.encode(format!("introspectd:{}", percent(SECRET))),
        ] {
            assert_eq!(
                mask().apply(&format!("bad token <{secret}>: ñ")),
                "bad token <***>: ñ",
                "{secret}"
            );
        }
    }

    #[test]
    fn secrets_of_the_server_are_masked_by_their_names() {
        let body = r#"{"active":true,"access_token":"a\"b","Client_Secret" : "c","x":{"id_token":"d"},"sub":"e"}"#;
        let masked = r#"{"active":true,"access_token":"***","Client_Secret" : "***","x":{"id_token":"***"},"sub":"e"}"#;
        assert_eq!(mask().apply(body), masked);
    }

    #[test]
    fn credentials_of_http_are_masked_by_their_scheme() {
        let echo = "authorization: Bearer c29tZWJvZHkncw.token_-~==, BASIC dXNlcjpwYXNzd29yZA==;";
        assert_eq!(mask().apply(echo), "authorization: Bearer ***, BASIC ***;");
        let challenge = r#"Bearer realm="api", error="invalid_token", Basic charset="UTF-8""#;
        assert_eq!(mask().apply(challenge), challenge);
    }

    #[test]
    fn everything_else_stays() {
        let body = r#"{"active":false,"token_type":"Bearer","n":1.50}"#;
        assert_eq!(mask().apply(body), body);
        assert_eq!(Mask::new("", None, None).apply(body), body);
    }
}
