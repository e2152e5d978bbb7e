use std::borrow::Cow;

use introspectd_settings::{AnyValue, Section};
use introspectd_upstream::SecretText;
use secrecy::ExposeSecret;
use serde_json::Value;

/// Value of a described request: a fixed text, a secret of ours, or a text with the identifier in
/// it. There are no expressions.
#[derive(Debug)]
pub(crate) enum Text {
    Fixed(String),
    Secret(SecretText),
    /// Text around the identifier.
    Open {
        before: String,
        after: String,
    },
}

/// JSON value of a described request.
#[derive(Debug)]
pub(crate) enum JsonText {
    Fixed(Value),
    Text(Text),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// Identifier of a request, or what is shown in its place and in that of our secrets.
#[derive(Clone, Copy)]
pub(crate) enum Filling<'a> {
    Identifier(&'a str),
    Mask(&'a str),
}

/// Reason why a text is none of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidText {
    #[error("holds the placeholder more than once")]
    Several,
    #[error("holds a name in braces that is no placeholder of this request")]
    Unknown,
}

/// Forms of a secret, which a table of a request is taken for if it has no other keys.
const SECRET_FORMS: [&str; 3] = ["env", "file", "literal"];

impl Text {
    /// Reads a text in which `placeholder` may stand once.
    pub(crate) fn parse(text: &str, placeholder: &str) -> Result<Self, InvalidText> {
        let Some((before, after)) = text.split_once(placeholder) else {
            return match has_braced_name(text) {
                true => Err(InvalidText::Unknown),
                false => Ok(Self::Fixed(text.to_owned())),
            };
        };
        if after.contains(placeholder) {
            return Err(InvalidText::Several);
        }
        if has_braced_name(before) || has_braced_name(after) {
            return Err(InvalidText::Unknown);
        }
        Ok(Self::Open {
            before: before.to_owned(),
            after: after.to_owned(),
        })
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }

    pub(crate) fn is_secret(&self) -> bool {
        matches!(self, Self::Secret(_))
    }

    /// Returns the value to send.
    pub(crate) fn fill(&self, filling: Filling<'_>) -> String {
        let (Filling::Identifier(identifier) | Filling::Mask(identifier)) = filling;
        match self {
            Self::Fixed(text) => text.clone(),
            Self::Secret(secret) => match filling {
                Filling::Identifier(_) => secret.expose().expose_secret().to_owned(),
                Filling::Mask(mask) => mask.to_owned(),
            },
            Self::Open { before, after } => [before, identifier, after].concat(),
        }
    }
}

impl JsonText {
    /// Returns the value to send.
    pub(crate) fn fill(&self, filling: Filling<'_>) -> Value {
        match self {
            Self::Fixed(value) => value.clone(),
            Self::Text(text) => text.fill(filling).into(),
            Self::List(items) => items.iter().map(|item| item.fill(filling)).collect(),
            Self::Object(members) => members
                .iter()
                .map(|(name, value)| (name.clone(), value.fill(filling)))
                .collect(),
        }
    }

    /// Returns true if any text of the value is such.
    pub(crate) fn has(&self, is_such: fn(&Text) -> bool) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Text(text) => is_such(text),
            Self::List(items) => items.iter().any(|item| item.has(is_such)),
            Self::Object(members) => members.iter().any(|(_, value)| value.has(is_such)),
        }
    }
}

/// Finds `{name}` with letters, digits and `_ -` alone: a misspelt placeholder. Braces of another
/// use, as in a query of GraphQL, are let through.
fn has_braced_name(text: &str) -> bool {
    text.split('{').skip(1).any(|behind| {
        behind.split_once('}').is_some_and(|(name, _)| {
            let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            !name.is_empty() && name.chars().all(is_of_a_name)
        })
    })
}

const WORD: &str = "Write fixed text, a SECRET, or text in which the placeholder stands once.";

/// Reader of the tables of one request.
#[derive(Clone, Copy)]
pub(crate) struct Reader {
    /// `{token}` or `{token_id}`.
    pub(crate) placeholder: &'static str,
}

impl Reader {
    /// Reads the names and values under `key`.
    pub(crate) fn pairs(self, section: &mut Section, key: &str) -> Vec<(String, Text)> {
        let mut table = section.section(key);
        let read = table.keys().into_iter().filter_map(|name| {
            self.check_name(&table, &name);
            let text = self.text(&mut table, &name)?;
            Some((name, text))
        });
        read.collect()
    }

    /// Reads a text.
    fn text(self, table: &mut Section, name: &str) -> Option<Text> {
        if table.has_table(name) {
            return SecretText::read(table, name).map(Text::Secret);
        }
        table.parsed(name, WORD, |text| Text::parse(text, self.placeholder))
    }

    /// Reads a header's value.
    pub(crate) fn header(self, table: &mut Section, name: &str) -> Option<Text> {
        if table.has_table(name) {
            return SecretText::read_header(table, name).map(Text::Secret);
        }
        self.text(table, name)
    }

    /// Reads the object under `key`.
    pub(crate) fn json(self, section: &mut Section, key: &str) -> Option<JsonText> {
        match section.any(key)? {
            AnyValue::Table(table) => self.object(table),
            AnyValue::Flag(_)
            | AnyValue::Number(_)
            | AnyValue::Float(_)
            | AnyValue::Text(_)
            | AnyValue::List(_) => {
                section.problem(key, "expected a table", "Write json = { name = value, … }.");
                None
            }
        }
    }

    fn object(self, mut table: Section) -> Option<JsonText> {
        let mut members = Vec::new();
        for name in table.keys() {
            self.check_name(&table, &name);
            let value = self.value(&mut table, &name)?;
            members.push((name, value));
        }
        Some(JsonText::Object(members))
    }

    fn value(self, table: &mut Section, name: &str) -> Option<JsonText> {
        Some(match table.any(name)? {
            AnyValue::Flag(flag) => JsonText::Fixed(flag.into()),
            AnyValue::Number(number) => JsonText::Fixed(number.into()),
            AnyValue::Float(number) => JsonText::Fixed(number.into()),
            AnyValue::Text(_) => JsonText::Text(self.text(table, name)?),
            AnyValue::List(mut items) => {
                let places = (0..items.keys().len()).map(|place| place.to_string());
                let read = places.map(|place| self.value(&mut items, &place));
                JsonText::List(read.collect::<Option<_>>()?)
            }
            AnyValue::Table(inner) => {
                let names = inner.keys();
                let is_secret = !names.is_empty()
                    && names
                        .iter()
                        .all(|name| SECRET_FORMS.contains(&name.as_str()));
                if is_secret {
                    JsonText::Text(Text::Secret(SecretText::read(table, name)?))
                } else {
                    self.object(inner)?
                }
            }
        })
    }

    fn check_name(self, table: &Section, name: &str) {
        if name.contains(self.placeholder) {
            let remedy = "Let the placeholder be the value, or a part of it.";
            table.problem(name, "holds the placeholder in a name", remedy);
        }
    }
}

/// Fills names and values.
pub(crate) fn fill<'a>(
    pairs: &'a [(String, Text)],
    filling: Filling<'a>,
) -> Vec<(&'a str, Cow<'a, str>)> {
    let filled = pairs.iter().map(|(name, text)| {
        let value = match text {
            Text::Fixed(text) => Cow::Borrowed(text.as_str()),
            Text::Secret(_) | Text::Open { .. } => Cow::Owned(text.fill(filling)),
        };
        (name.as_str(), value)
    });
    filled.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filled(text: &str, identifier: &str) -> Result<String, InvalidText> {
        let text = Text::parse(text, "{token}")?;
        Ok(text.fill(Filling::Identifier(identifier)))
    }

    #[test]
    fn placeholder_stands_once_and_no_other_name_in_braces() {
        assert_eq!(filled("OAuth {token}", "abc"), Ok("OAuth abc".to_owned()));
        assert_eq!(filled("{token}", "{token}"), Ok("{token}".to_owned()));
        assert_eq!(filled("fixed", "abc"), Ok("fixed".to_owned()));
        assert_eq!(
            filled("query { viewer } {}", "abc"),
            Ok("query { viewer } {}".to_owned())
        );
        assert_eq!(filled("{token} {token}", "abc"), Err(InvalidText::Several));
        for text in [
            "{Token}",
            "{token_id}",
            "{a}{token}",
            "{token}{b-1}",
            "x{{token_id}}",
        ] {
            assert_eq!(filled(text, "abc"), Err(InvalidText::Unknown), "{text}");
        }
    }

    proptest! {
        #[test]
        fn identifier_is_never_read_as_a_template(identifier in "\\PC{0,20}|[{}a-z]{0,20}") {
            let filled = filled("a{token}b", &identifier).unwrap();
            prop_assert_eq!(filled, format!("a{identifier}b"));
        }

        #[test]
        fn any_text_without_braces_is_sent_as_written(text in "[^{}]{0,20}") {
            prop_assert_eq!(filled(&text, "abc"), Ok(text));
        }
    }
}
