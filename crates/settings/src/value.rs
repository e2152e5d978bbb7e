use config::ValueKind;

use crate::Section;

/// Value of any type that TOML has, for an owner who takes several.
#[derive(Debug)]
pub enum AnyValue {
    /// Boolean.
    Flag(bool),
    /// Whole number.
    Number(i64),
    /// Any other number.
    Float(f64),
    /// String, or a date, in its own spelling.
    Text(String),
    /// List, as a table whose keys are the places of the items, counted from zero.
    List(Section),
    /// Table.
    Table(Section),
}

impl Section {
    /// Returns true if the key holds a table. Does not count as reading it.
    pub fn has_table(&self, key: &str) -> bool {
        self.kind(key)
            .is_some_and(|kind| matches!(kind, ValueKind::Table(_)))
    }

    /// Reads a value of any type.
    pub fn any(&mut self, key: &str) -> Option<AnyValue> {
        let value = self.take(key)?;
        let origin = self.origin_of(&value);
        let in_force = |text: String| self.in_force(key, text, Some(&origin));
        Some(match value.kind {
            ValueKind::Boolean(flag) => {
                in_force(flag.to_string());
                AnyValue::Flag(flag)
            }
            ValueKind::I64(number) => {
                in_force(number.to_string());
                AnyValue::Number(number)
            }
            ValueKind::Float(number) => {
                in_force(number.to_string());
                AnyValue::Float(number)
            }
            ValueKind::String(text) => {
                in_force(format!("{text:?}"));
                AnyValue::Text(text)
            }
            ValueKind::Array(items) => {
                let items = items.into_iter().enumerate();
                let items = items.map(|(place, item)| (place.to_string(), item));
                AnyValue::List(self.below(key, origin, items.collect()))
            }
            ValueKind::Table(table) => {
                AnyValue::Table(self.below(key, origin, table.into_iter().collect()))
            }
            ValueKind::Nil | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => {
                self.problem_at(&origin, key, "is no value of TOML", "Write another value.");
                return None;
            }
        })
    }

    /// Reads the items of a list that [`Section::any`] returned, in their order.
    pub fn items(&mut self) -> Vec<(String, AnyValue)> {
        let places = 0..self.keys().len();
        places
            .filter_map(|place| {
                let place = place.to_string();
                let value = self.any(&place)?;
                Some((place, value))
            })
            .collect()
    }
}
