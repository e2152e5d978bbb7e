use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytesize::ByteSize;
use config::{Value, ValueKind};

use crate::Section;
use crate::environment::is_environment;
use crate::section::split_list;

impl Section {
    /// Reads a string.
    pub fn text(&mut self, key: &str) -> Option<String> {
        let value = self.take(key)?;
        let origin = self.origin_of(&value);
        match value.kind {
            ValueKind::String(text) => {
                self.in_force(key, format!("{text:?}"), Some(&origin));
                Some(text)
            }
            other => {
                self.wrong_type(&origin, key, &other, "a string", "Put it in quotes.");
                None
            }
        }
    }

    /// Reads a required string.
    pub fn required_text(&mut self, key: &str, remedy: &str) -> Option<String> {
        if !self.has(key) {
            self.take(key);
            self.problem(key, "is missing", remedy);
        }
        self.text(key)
    }

    /// Reads a string and parses it; a parse error is a problem.
    pub fn parsed<T, E: Display>(
        &mut self,
        key: &str,
        remedy: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(key)?;
        self.judge(key, remedy, parse(&text))
    }

    /// Reads and parses a required string. The remedy is the same for a missing and an invalid one.
    pub fn required_parsed<T, E: Display>(
        &mut self,
        key: &str,
        remedy: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.required_text(key, remedy)?;
        self.judge(key, remedy, parse(&text))
    }

    fn judge<T, E: Display>(&self, key: &str, remedy: &str, parsed: Result<T, E>) -> Option<T> {
        match parsed {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.problem(key, error.to_string(), remedy);
                None
            }
        }
    }

    /// Reads a string, or else returns `default`.
    pub fn text_or(&mut self, key: &str, default: &str) -> String {
        if !self.has(key) {
            self.in_force(key, format!("{default:?}"), None);
        }
        self.text(key).unwrap_or_else(|| default.to_owned())
    }

    /// Reads a boolean.
    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        let Some((origin, kind)) = self.value_or_default(key, default) else {
            return default;
        };
        let flag = match kind {
            ValueKind::Boolean(flag) => Some(flag),
            ValueKind::String(ref text) if is_environment(&origin) => text.parse().ok(),
            _ => None,
        };
        if flag.is_none() {
            self.wrong_type(
                &origin,
                key,
                &kind,
                "true or false",
                "Write true or false, without quotes.",
            );
        }
        self.accept(key, &origin, flag).unwrap_or(default)
    }

    /// Reads a whole number within `bounds`.
    pub fn number(&mut self, key: &str, default: u32, bounds: RangeInclusive<u32>) -> u32 {
        if !self.has(key) {
            self.in_force(key, default.to_string(), None);
        }
        self.optional_number(key, bounds).unwrap_or(default)
    }

    /// Reads a share, from 0 to 1.
    pub fn share(&mut self, key: &str, default: f64) -> f64 {
        let Some((origin, kind)) = self.value_or_default(key, default) else {
            return default;
        };
        let share = match &kind {
            ValueKind::Float(share) => Some(*share),
            ValueKind::I64(0) => Some(0.0),
            ValueKind::I64(1) => Some(1.0),
            ValueKind::String(text) if is_environment(&origin) => text.parse().ok(),
            _ => None,
        };
        let share = share.filter(|share| (0.0..=1.0).contains(share));
        if share.is_none() {
            let remedy = "Choose a number from 0 to 1, without quotes: 0.01 is one in a hundred.";
            self.wrong_type(&origin, key, &kind, "a number from 0 to 1", remedy);
        }
        self.accept(key, &origin, share).unwrap_or(default)
    }

    /// Reads a whole number within `bounds`; `None` if the key is absent.
    pub fn optional_number(&mut self, key: &str, bounds: RangeInclusive<u32>) -> Option<u32> {
        let value = self.take(key)?;
        let origin = self.origin_of(&value);
        let number = match &value.kind {
            ValueKind::I64(number) => u32::try_from(*number).ok(),
            ValueKind::String(text) if is_environment(&origin) => text.parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| bounds.contains(number));
        if number.is_none() {
            let bounds = format!("from {} to {}", bounds.start(), bounds.end());
            let remedy = match value.kind {
                ValueKind::String(_) if !is_environment(&origin) => {
                    "Write it without quotes.".to_owned()
                }
                _ => format!("Choose a number {bounds}."),
            };
            self.wrong_type(
                &origin,
                key,
                &value.kind,
                &format!("a whole number {bounds}"),
                &remedy,
            );
        }
        self.accept(key, &origin, number)
    }

    /// Reads a share such as `"10%"` within `bounds`, in percent.
    pub fn percent(&mut self, key: &str, default: u32, bounds: RangeInclusive<u32>) -> u32 {
        let shown = |percent: u32| format!("\"{percent}%\"");
        let Some((origin, kind)) = self.value_or_default(key, shown(default)) else {
            return default;
        };
        let percent = match &kind {
            ValueKind::String(text) => text.strip_suffix('%').and_then(|text| text.parse().ok()),
            _ => None,
        };
        let percent: Option<u32> = percent.filter(|percent| bounds.contains(percent));
        let Some(percent) = percent else {
            let (least, most) = (shown(*bounds.start()), shown(*bounds.end()));
            let wanted = format!("a share from {least} to {most}");
            let remedy = "Write a whole number and % in quotes: \"10%\".";
            self.wrong_type(&origin, key, &kind, &wanted, remedy);
            return default;
        };
        self.in_force(key, shown(percent), Some(&origin));
        percent
    }

    /// Reads a duration such as `"1500ms"` within `bounds`.
    pub fn duration(
        &mut self,
        key: &str,
        default: Duration,
        bounds: RangeInclusive<Duration>,
    ) -> Duration {
        let shown = |duration: Duration| format!("\"{}\"", humantime::format_duration(duration));
        let Some((origin, kind)) = self.value_or_default(key, shown(default)) else {
            return default;
        };
        let duration = match &kind {
            ValueKind::String(text) => humantime::parse_duration(text).ok(),
            _ => None,
        };
        let Some(duration) = duration else {
            let remedy = "Write a number with its unit in quotes: \"1500ms\", \"2s\", \"5m\".";
            self.wrong_type(&origin, key, &kind, "a duration", remedy);
            return default;
        };
        if !bounds.contains(&duration) {
            let remedy = format!(
                "Choose from {} to {}.",
                shown(*bounds.start()),
                shown(*bounds.end())
            );
            self.problem_at(&origin, key, "is out of bounds", remedy);
            return default;
        }
        self.in_force(key, shown(duration), Some(&origin));
        duration
    }

    /// Reads a size such as `"256MiB"` within `bounds`, in bytes.
    pub fn size(&mut self, key: &str, default: ByteSize, bounds: RangeInclusive<ByteSize>) -> u64 {
        let shown = |size: ByteSize| format!("\"{}\"", size.display().iec()).replace(".0 ", "");
        let Some((origin, kind)) = self.value_or_default(key, shown(default)) else {
            return default.as_u64();
        };
        let size = match &kind {
            ValueKind::String(text) => text.parse::<ByteSize>().ok(),
            _ => None,
        };
        let Some(size) = size else {
            let remedy = "Write a number with its unit in quotes: \"64KiB\", \"256MiB\", \"1GiB\".";
            self.wrong_type(&origin, key, &kind, "a size", remedy);
            return default.as_u64();
        };
        if size < *bounds.start() {
            let remedy = format!("Choose {} or more.", shown(*bounds.start()));
            self.problem_at(&origin, key, "is too small", remedy);
            return default.as_u64();
        }
        if size > *bounds.end() {
            let remedy = format!("Choose {} or less.", shown(*bounds.end()));
            self.problem_at(&origin, key, "is too large", remedy);
            return default.as_u64();
        }
        self.in_force(key, shown(size), Some(&origin));
        size.as_u64()
    }

    /// Reads a list of strings like [`Section::texts`], or one string as a list of one.
    pub fn texts_or_text(&mut self, key: &str) -> Option<Vec<String>> {
        if self.holds_text(key) {
            return self.text(key).map(|text| vec![text]);
        }
        self.texts(key)
    }

    /// Reads a list of strings; `None` if the key is absent. In the environment, commas separate
    /// items.
    pub fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        let value = self.take(key)?;
        let origin = self.origin_of(&value);
        let texts = match value.kind {
            ValueKind::Array(items) => self.texts_of(key, &items),
            ValueKind::String(text) if is_environment(&origin) => Some(split_list(&text).collect()),
            other => {
                self.wrong_type(
                    &origin,
                    key,
                    &other,
                    "a list of strings",
                    "Write [\"…\", \"…\"].",
                );
                None
            }
        };
        if let Some(texts) = &texts {
            self.in_force(key, format!("{texts:?}"), Some(&origin));
        }
        texts
    }

    fn texts_of(&self, key: &str, items: &[Value]) -> Option<Vec<String>> {
        let mut texts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let ValueKind::String(text) = &item.kind else {
                let key = format!("{key}[{index}]");
                self.wrong_type(
                    &self.origin_of(item),
                    &key,
                    &item.kind,
                    "a string",
                    "Put it in quotes.",
                );
                return None;
            };
            texts.push(text.clone());
        }
        Some(texts)
    }

    /// Returns the value's origin and kind; if absent, records `default` as the effective value.
    fn value_or_default(
        &mut self,
        key: &str,
        default: impl Display,
    ) -> Option<(String, ValueKind)> {
        let value = self.take(key);
        if value.is_none() {
            self.in_force(key, default.to_string(), None);
        }
        value.map(|value| (self.origin_of(&value), value.kind))
    }

    fn accept<T: Display>(&self, key: &str, origin: &str, value: Option<T>) -> Option<T> {
        if let Some(value) = &value {
            self.in_force(key, value.to_string(), Some(origin));
        }
        value
    }

    fn wrong_type(&self, origin: &str, key: &str, found: &ValueKind, wanted: &str, remedy: &str) {
        let what = format!("expected {wanted}, found {}", describe(found));
        self.problem_at(origin, key, what, remedy);
    }
}

/// Description of a value of the wrong type. Strings are hidden: one may be a misplaced secret.
fn describe(kind: &ValueKind) -> String {
    match kind {
        ValueKind::Nil => "nothing".to_owned(),
        ValueKind::Boolean(flag) => flag.to_string(),
        ValueKind::I64(number) => format!("the number {number}"),
        ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) | ValueKind::Float(_) => {
            "an unsupported number".to_owned()
        }
        ValueKind::String(_) => "other text".to_owned(),
        ValueKind::Table(_) => "a table".to_owned(),
        ValueKind::Array(_) => "a list".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytesize::ByteSize;

    use crate::{Environment, parse_named};

    const SECOND: Duration = Duration::from_secs(1);

    /// Every value is within its bounds, whatever was written.
    #[test]
    fn any_value_is_within_its_bounds_or_a_problem() {
        let seeds: [&[u8]; 6] = [
            b"\"1500ms\"",
            b"\"1h 30m\"",
            b"\"256MiB\"",
            b"\"10%\"",
            b"{ env = \"X\" }",
            b"7",
        ];
        introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
            let value = String::from_utf8_lossy(bytes);
            let keys = [
                "time", "size", "share", "number", "flag", "text", "list", "secret",
            ];
            let text = keys.map(|key| format!("{key} = {value}\n")).concat();
            let environment = Environment::from([("X".to_owned(), "s3cret".to_owned())]);
            let Ok(mut root) = parse_named(&text, "a.toml", &environment, &[]) else {
                return;
            };
            let times = SECOND..=3600 * SECOND;
            assert!(times.contains(&root.duration("time", SECOND, times.clone())));
            let (least, most) = (ByteSize::kib(1), ByteSize::gib(1));
            let size = root.size("size", least, least..=most);
            assert!((least.as_u64()..=most.as_u64()).contains(&size));
            assert!((1..=100).contains(&root.percent("share", 10, 1..=100)));
            assert!((1..=9).contains(&root.number("number", 1, 1..=9)));
            let _ = (
                root.flag("flag", false),
                root.text("text"),
                root.texts("list"),
            );
            let _ = root.caller_secrets("secret");
            let ledger = root.ledger().clone();
            root.finish();
            if let Err(problems) = ledger.close() {
                assert!(!problems.to_string().is_empty());
            }
        });
    }
}
