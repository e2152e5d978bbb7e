//! TOML text as a tree whose values know the line that they are on.

use config::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::Problem;

/// Parses `text`. The origin of each value is `name:line`, where a table is at its header.
///
/// # Errors
/// The first problem that keeps the text from being TOML. The invalid line is not quoted: it may
/// hold a secret.
pub(crate) fn parse(text: &str, name: &str) -> Result<Map<String, Value>, Problem> {
    let ends = text
        .bytes()
        .enumerate()
        .filter(|(_, byte)| *byte == b'\n')
        .map(|(at, _)| at);
    let lines = Lines {
        ends: ends.collect(),
        name,
    };
    match DeTable::parse(text) {
        Ok(table) => lines.table(table.into_inner()),
        Err(error) => Err(Problem {
            origin: error
                .span()
                .map_or_else(|| name.to_owned(), |span| lines.origin(span.start)),
            key: String::new(),
            what: format!("is not valid TOML: {}", error.message().replace('\n', ", ")),
            remedy: "Correct the line; config/default.toml shows every key.".to_owned(),
        }),
    }
}

struct Lines<'a> {
    /// Positions of the line breaks, in order.
    ends: Vec<usize>,
    name: &'a str,
}

impl Lines<'_> {
    fn table(&self, table: DeTable<'_>) -> Result<Map<String, Value>, Problem> {
        let entries = table.into_iter();
        entries
            .map(|(key, value)| Ok((key.into_inner().into_owned(), self.value(value)?)))
            .collect()
    }

    fn value(&self, value: Spanned<DeValue<'_>>) -> Result<Value, Problem> {
        let origin = self.origin(value.span().start);
        Ok(match value.into_inner() {
            DeValue::String(text) => Value::new(Some(&origin), text.into_owned()),
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => Value::new(Some(&origin), number),
                    Err(_) => return Err(too_large(origin)),
                }
            }
            DeValue::Float(number) => match number.as_str().parse::<f64>() {
                Ok(number) => Value::new(Some(&origin), number),
                Err(_) => return Err(too_large(origin)),
            },
            DeValue::Boolean(flag) => Value::new(Some(&origin), flag),
            DeValue::Datetime(moment) => Value::new(Some(&origin), moment.to_string()),
            DeValue::Array(items) => {
                let items = items.into_iter().map(|item| self.value(item));
                Value::new(Some(&origin), items.collect::<Result<Vec<_>, _>>()?)
            }
            DeValue::Table(table) => Value::new(Some(&origin), self.table(table)?),
        })
    }

    /// Names the line of the byte at `position`, counted from one.
    fn origin(&self, position: usize) -> String {
        let line = self.ends.partition_point(|end| *end < position) + 1;
        format!("{}:{line}", self.name)
    }
}

fn too_large(origin: String) -> Problem {
    Problem {
        origin,
        key: String::new(),
        what: "is a number out of range".to_owned(),
        remedy: "Write a smaller number.".to_owned(),
    }
}
