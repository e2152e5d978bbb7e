use std::collections::BTreeMap;
use std::rc::Rc;

use config::{Map, Value, ValueKind};

use crate::environment::is_environment;
use crate::{Environment, Ledger, Problem, Setting};

/// Table of the configuration, read by the owner of its meaning.
#[derive(Debug)]
pub struct Section {
    /// Key of the table, such as `providers.bank`; empty at the root.
    path: String,
    /// Origin of the table as a whole.
    origin: String,
    table: BTreeMap<String, Value>,
    asked: Vec<String>,
    pub(crate) environment: Rc<Environment>,
    ledger: Ledger,
}

/// Entry of a list that takes both short and long forms.
#[derive(Debug)]
pub enum Entry {
    /// Short form, a string.
    Text(String),
    /// Long form, a table.
    Section(Section),
}

impl Section {
    pub(crate) fn root(
        table: Map<String, Value>,
        origin: String,
        environment: Environment,
        ledger: Ledger,
    ) -> Self {
        let table = table.into_iter().collect();
        let environment = Rc::new(environment);
        Self {
            path: String::new(),
            origin,
            table,
            asked: Vec::new(),
            environment,
            ledger,
        }
    }

    /// Returns the record of problems and effective values.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns the section's own key.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns true if the key is present. Does not count as reading it.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Returns all keys of the table, in order. Does not count as reading them.
    pub fn keys(&self) -> Vec<String> {
        self.table.keys().cloned().collect()
    }

    /// Returns true if the key holds text of a file. Does not count as reading it.
    pub(crate) fn holds_text(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|value| {
            matches!(value.kind, ValueKind::String(_)) && !is_environment(&self.origin_of(value))
        })
    }

    pub(crate) fn kind(&self, key: &str) -> Option<&ValueKind> {
        self.table.get(key).map(|value| &value.kind)
    }

    /// Reads the table under `key`; an empty one if it is absent.
    pub fn section(&mut self, key: &str) -> Self {
        let (origin, table) = match self.take(key) {
            None => (self.origin.clone(), BTreeMap::new()),
            Some(value) => self.table_of(key, value).unwrap_or_default(),
        };
        self.below(key, origin, table)
    }

    /// Reads the table under `key` of something that may be switched off: `None` for the text
    /// `"off"`, an empty table if the key is absent.
    pub fn switched(&mut self, key: &str) -> Option<Self> {
        let Some(value) = self.take(key) else {
            return Some(self.below(key, self.origin.clone(), BTreeMap::new()));
        };
        let origin = self.origin_of(&value);
        match value.kind {
            ValueKind::Table(table) => Some(self.below(key, origin, table.into_iter().collect())),
            ValueKind::String(text) if text == "off" => {
                self.in_force(key, format!("{text:?}"), Some(&origin));
                None
            }
            _ => {
                let place = self.key(key);
                let remedy = format!("Write \"off\", or [{place}] and its keys below.");
                self.problem_at(&origin, key, "expected a table or \"off\"", remedy);
                None
            }
        }
    }

    /// Reads the tables under `key` by name, in the order of the names.
    pub fn sections(&mut self, key: &str) -> Vec<(String, Self)> {
        let holder = self.section(key);
        let path = holder.path.clone();
        let origin = holder.origin.clone();
        let mut sections = Vec::new();
        for (name, value) in holder.table {
            let origin = value.origin().unwrap_or(&origin).to_owned();
            let path = format!("{path}.{name}");
            match value.kind {
                ValueKind::Table(table) => {
                    let table = table.into_iter().collect();
                    let environment = Rc::clone(&self.environment);
                    let ledger = self.ledger.clone();
                    sections.push((
                        name,
                        Self {
                            path,
                            origin,
                            table,
                            asked: Vec::new(),
                            environment,
                            ledger,
                        },
                    ));
                }
                _ => self.ledger.problem(Problem {
                    origin,
                    what: "expected a table".to_owned(),
                    remedy: format!("Write [{path}] and its keys below."),
                    key: path,
                }),
            }
        }
        sections
    }

    /// Reads a value under `key` that has a short and a long form.
    pub fn entry(&mut self, key: &str) -> Option<Entry> {
        let value = self.take(key)?;
        let origin = self.origin_of(&value);
        match value.kind {
            ValueKind::String(text) => {
                self.in_force(key, format!("{text:?}"), Some(&origin));
                Some(Entry::Text(text))
            }
            ValueKind::Table(table) => {
                let below = self.below(key, origin, table.into_iter().collect());
                Some(Entry::Section(below))
            }
            _ => {
                let remedy = "Put it in quotes.";
                self.problem_at(&origin, key, "expected a string or a table", remedy);
                None
            }
        }
    }

    /// Reads a list under `key` of short and long forms. One string counts as a list of one; in the
    /// environment, commas separate entries.
    pub fn entries(&mut self, key: &str) -> Vec<Entry> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let origin = self.origin_of(&value);
        let values = match value.kind {
            ValueKind::Array(values) => values,
            ValueKind::String(text) if is_environment(&origin) => split_list(&text)
                .map(|item| Value::new(Some(&origin), item))
                .collect(),
            _ => vec![value],
        };
        let mut entries = Vec::new();
        for (index, value) in values.into_iter().enumerate() {
            let place = format!("{key}[{index}]");
            let origin = self.origin_of(&value);
            match value.kind {
                ValueKind::String(text) => {
                    self.in_force(&place, format!("{text:?}"), Some(&origin));
                    entries.push(Entry::Text(text));
                }
                ValueKind::Table(table) => {
                    let below = self.below(&place, origin, table.into_iter().collect());
                    entries.push(Entry::Section(below));
                }
                _ => self.problem_at(
                    &origin,
                    &place,
                    "expected a string or a table",
                    "Put it in quotes.",
                ),
            }
        }
        entries
    }

    /// Records a problem with `key`, which may be empty for the section itself, or a path below it
    /// (`secret.literal`, `api[0]`).
    pub fn problem(&self, key: &str, what: impl Into<String>, remedy: impl Into<String>) {
        let found = find(&self.table, key);
        let origin = found.map_or_else(|| self.origin.clone(), |value| self.origin_of(value));
        self.problem_at(&origin, key, what, remedy);
    }

    /// Records a problem with the list under `key`, at the line of `item`.
    pub fn item_problem(
        &self,
        key: &str,
        item: &str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let items = match self.table.get(key).map(|value| &value.kind) {
            Some(ValueKind::Array(items)) => items.as_slice(),
            _ => &[],
        };
        let is_meant =
            |value: &&Value| matches!(&value.kind, ValueKind::String(text) if text == item);
        match items.iter().find(is_meant) {
            Some(value) => self.problem_at(&self.origin_of(value), key, what, remedy),
            None => self.problem(key, what, remedy),
        }
    }

    /// Origin of a problem with several keys: a variable, if one of them comes from the
    /// environment.
    pub(crate) fn latest_origin(&self) -> String {
        let mut origins = self.table.values().map(|value| self.origin_of(value));
        origins
            .find(|origin| is_environment(origin))
            .unwrap_or_else(|| self.origin.clone())
    }

    /// Records a default, as TOML, as the effective value.
    pub fn note_default(&self, key: &str, value: impl Into<String>) {
        self.in_force(key, value.into(), None);
    }

    pub(crate) fn problem_at(
        &self,
        origin: &str,
        key: &str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.ledger.problem(Problem {
            origin: origin.to_owned(),
            key: self.key(key),
            what: what.into(),
            remedy: remedy.into(),
        });
    }

    /// Records the effective value of `key`; `origin` is `None` for a default.
    pub(crate) fn in_force(&self, key: &str, value: String, origin: Option<&str>) {
        let origin = origin.unwrap_or("default").to_owned();
        self.ledger.setting(Setting {
            key: self.key(key),
            value,
            origin,
        });
    }

    /// Records every unknown key as a problem. To be called once all known keys were read.
    pub fn finish(self) {
        for (key, value) in &self.table {
            if self.asked.contains(key) {
                continue;
            }
            let remedy = match resembling(key, self.asked.iter().map(String::as_str)) {
                Some(nearest) => format!("Did you mean `{nearest}`?"),
                None => format!("Remove it. Known keys: {}.", self.known()),
            };
            self.problem_at(&self.origin_of(value), key, "is not a known key", remedy);
        }
    }

    pub(crate) fn take(&mut self, key: &str) -> Option<Value> {
        self.asked.push(key.to_owned());
        self.table.get(key).cloned()
    }

    pub(crate) fn origin_of(&self, value: &Value) -> String {
        value
            .origin()
            .map_or_else(|| self.origin.clone(), str::to_owned)
    }

    fn table_of(&self, key: &str, value: Value) -> Option<(String, BTreeMap<String, Value>)> {
        let origin = self.origin_of(&value);
        match value.kind {
            ValueKind::Table(table) => Some((origin, table.into_iter().collect())),
            _ => {
                let place = self.key(key);
                self.problem_at(
                    &origin,
                    key,
                    "expected a table",
                    format!("Write [{place}]."),
                );
                None
            }
        }
    }

    pub(crate) fn below(&self, key: &str, origin: String, table: BTreeMap<String, Value>) -> Self {
        Self {
            path: self.key(key),
            origin,
            table,
            asked: Vec::new(),
            environment: Rc::clone(&self.environment),
            ledger: self.ledger.clone(),
        }
    }

    fn key(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", key) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    fn known(&self) -> String {
        let mut known: Vec<_> = self.asked.iter().map(String::as_str).collect();
        known.sort_unstable();
        known.dedup();
        known.join(", ")
    }
}

/// Finds the value at a path such as `match.prefix` or `api[1].tls`. A key may hold dots itself.
fn find<'a>(table: &'a BTreeMap<String, Value>, path: &str) -> Option<&'a Value> {
    find_by(&|key| table.get(key), path)
}

fn find_by<'a>(get: &dyn Fn(&str) -> Option<&'a Value>, path: &str) -> Option<&'a Value> {
    let keys = path.match_indices('.').map(|(at, _)| path.split_at(at));
    let below = keys.filter_map(|(key, below)| {
        let ValueKind::Table(table) = &item_of(get, key)?.kind else {
            return None;
        };
        find_by(&|key| table.get(key), below.trim_start_matches('.'))
    });
    item_of(get, path).or_else(|| { below }.next())
}

/// Finds the value of a key, which may name an item of a list (`api[1]`).
fn item_of<'a>(get: &dyn Fn(&str) -> Option<&'a Value>, key: &str) -> Option<&'a Value> {
    let Some((list, index)) = key.strip_suffix(']').and_then(|key| key.split_once('[')) else {
        return get(key);
    };
    let value = get(list)?;
    match &value.kind {
        ValueKind::Array(items) => items.get(index.parse::<usize>().ok()?),
        _ => Some(value),
    }
}

/// Finds the known word that a misspelt one resembles most.
pub fn resembling<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |candidate: &&str| strsim::jaro_winkler(word, candidate);
    known
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .filter(|best| likeness(best) > 0.75)
}

pub(crate) fn split_list(text: &str) -> impl Iterator<Item = String> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
}
