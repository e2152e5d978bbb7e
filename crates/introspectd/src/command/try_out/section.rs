//! Provider section made of the arguments and a token.

use std::path::{Path, PathBuf};

use super::token::Form;

/// Prefixes that servers document. Any other beginning of a token is a part of the secret.
const PREFIXES: [&str; 3] = ["ory_at_", "mat_", "mct_"];

/// Keys and values of a provider's section, in order.
#[derive(Default)]
pub(super) struct Section {
    lines: Vec<(&'static str, String)>,
    credentials: Vec<(&'static str, String)>,
    tls: Vec<(&'static str, String)>,
}

impl Section {
    pub(super) fn key(&mut self, key: &'static str, value: String) {
        self.lines.push((key, value));
    }

    pub(super) fn credential(&mut self, key: &'static str, value: String) {
        self.credentials.push((key, value));
    }

    pub(super) fn tls(&mut self, key: &'static str, path: Option<&PathBuf>) {
        self.tls.extend(path.map(|path| (key, path_value(path))));
    }

    /// Writes TOML. `matching` is the value of `match`, with its comment.
    pub(super) fn write(&self, name: &str, matching: Option<(&str, &str)>) -> String {
        self.write_with(name, Some(inline(&self.credentials)), matching)
    }

    /// Writes TOML of a server that is asked for what everybody may have.
    pub(super) fn write_public(&self, name: &str) -> String {
        self.write_with(name, None, None)
    }

    fn write_with(
        &self,
        name: &str,
        credentials: Option<String>,
        matching: Option<(&str, &str)>,
    ) -> String {
        let mut lines: Vec<(&str, String, &str)> = self
            .lines
            .iter()
            .map(|(key, value)| (*key, value.clone(), ""))
            .collect();
        lines.extend(credentials.map(|credentials| ("credentials", credentials, "")));
        if !self.tls.is_empty() {
            lines.push(("tls", inline(&self.tls), ""));
        }
        lines.extend(matching.map(|(value, comment)| ("match", value.to_owned(), comment)));
        let width = lines
            .iter()
            .map(|(key, ..)| key.len())
            .max()
            .unwrap_or_default();
        let lines = lines.iter().map(|(key, value, comment)| match *comment {
            "" => format!("{key:width$} = {value}\n"),
            comment => format!("# {comment}\n{key:width$} = {value}\n"),
        });
        format!("[providers.{name}]\n{}", lines.collect::<String>())
    }
}

fn inline(pairs: &[(&str, String)]) -> String {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// Writes a string of TOML. JSON's escapes are among TOML's, but for one character that must not
/// stand there raw.
pub(super) fn text(text: &str) -> String {
    serde_json::Value::from(text)
        .to_string()
        .replace('\u{7f}', "\\u007f")
}

/// Writes a path that holds wherever the server is started.
fn path_value(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    text(&path.to_string_lossy())
}

/// Source of a secret: its file, or a variable where that was a pipe.
pub(super) fn secret_source(file: &Path, name: &str) -> String {
    if file.is_file() {
        return format!("{{ file = {} }}", path_value(file));
    }
    format!("{{ env = {} }}", text(&variable(name)))
}

fn variable(name: &str) -> String {
    format!("{}_SECRET", name.to_ascii_uppercase().replace('-', "_"))
}

/// Value of `match` that this token fits, and what to know of it.
pub(super) fn matching(token: &str, form: &Form, is_active: bool) -> (String, &'static str) {
    let read_off = if is_active {
        "Read off one token: widen it if others look different."
    } else {
        "Read off a token that is not active: run it again with a live one."
    };
    match form {
        Form::Jwt(claims) => match &claims.iss {
            Some(iss) => (format!("{{ jwt_issuer = {} }}", text(iss)), ""),
            None => (JWTS.to_owned(), NO_ISSUER),
        },
        Form::UnreadableJwt => (JWTS.to_owned(), NO_ISSUER),
        Form::Opaque => match PREFIXES.iter().find(|prefix| token.starts_with(**prefix)) {
            Some(prefix) => (format!("{{ prefix = {} }}", text(prefix)), ""),
            None => (format!("{{ regex = {} }}", text(&pattern(token))), read_off),
        },
    }
}

const JWTS: &str = "{ prefix = \"eyJ\" }";
const NO_ISSUER: &str = "The token names no issuer that could be read, so this takes every JWT.";

/// Longest token whose length is taken for its kind's. Longer ones hold data, so their lengths
/// differ.
const MAX_FIXED: usize = 128;

/// Regular expression of a token's length and kind of characters. The token cannot be read off it.
fn pattern(token: &str) -> String {
    let length = match token.chars().count() {
        length @ ..=MAX_FIXED => format!("{{{length}}}"),
        _ => "+".to_owned(),
    };
    let mut others: Vec<char> = token
        .chars()
        .filter(|c| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-'))
        .collect();
    if others.iter().any(|c| !c.is_ascii_graphic()) {
        return format!("(?s)^.{length}$");
    }
    others.sort_unstable();
    others.dedup();
    // An escaped angle bracket means the edge of a word.
    let escaped = |c: char| {
        if matches!(c, '<' | '>') {
            c.to_string()
        } else {
            format!("\\{c}")
        }
    };
    let others: String = others.into_iter().map(escaped).collect();
    format!("^[A-Za-z0-9_{others}-]{length}$")
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;

    #[test]
    fn a_pattern_fits_its_token_and_shows_none_of_it() {
        let odd: String = (33_u8..127).map(char::from).collect();
        for token in [
            "c0ffee",
            "aB_-9",
            "1|abc.d/e+f=~",
            &odd,
            &odd.repeat(9),
            "é x\n",
            &"é".repeat(9000),
        ] {
            let pattern = pattern(token);
            assert!(Regex::new(&pattern).unwrap().is_match(token), "{pattern}");
            assert!(!pattern.contains(token), "{pattern}");
        }
        assert_eq!(pattern("c0ffee"), "^[A-Za-z0-9_-]{6}$");
    }

    #[test]
    fn a_documented_prefix_is_taken_and_no_other() {
        let matching = |token: &str| matching(token, &Form::of(token), true).0;
        assert_eq!(matching("ory_at_abc.def"), "{ prefix = \"ory_at_\" }");
        assert_eq!(matching("my_at_abc"), r#"{ regex = "^[A-Za-z0-9_-]{9}$" }"#);
        assert_eq!(
            matching("eyJhbGciOiJub25lIn0.eyJpc3MiOiJpXCJqIn0."),
            r#"{ jwt_issuer = "i\"j" }"#
        );
        assert_eq!(matching("eyJhbGciOiJub25lIn0.e30."), JWTS);
        assert_eq!(matching("eyJhbGciOiJub25lIn0.a.b.c.d"), JWTS);
    }

    #[test]
    fn text_is_a_string_of_toml() {
        assert_eq!(
            text("a\"b\\\n\u{7f}\u{1}é"),
            "\"a\\\"b\\\\\\n\\u007f\\u0001é\""
        );
    }
}
