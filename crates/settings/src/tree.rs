use std::collections::HashMap;
use std::path::Path;

use config::{Config, File, FileFormat, Map, ValueKind};
use introspectd_files::{MAX_FILE, START};

use crate::{Ledger, Problem, Problems, Section, overlay};

/// Environment of the process, or of a test.
pub type Environment = HashMap<String, String>;

/// Layers `environment` (`INTROSPECTD__CACHE__TTL=30s`) over the TOML file.
///
/// # Errors
/// One problem if the file cannot be read or is not TOML.
pub fn load(file: &Path, environment: &Environment) -> Result<Section, Problems> {
    load_named(file, environment, &[])
}

/// Loads like [`load`] a file whose tables `named` hold sections that its author names, such as
/// `callers`. Variables cannot add any there.
///
/// # Errors
/// Those of [`load`].
pub fn load_named(file: &Path, environment: &Environment, named: &[&str]) -> Result<Section, Problems> {
    read_tree(read(file), file.display().to_string(), environment, named)
}

/// Reads like [`load_named`] a text that is not in a file. `origin` replaces the file's name.
///
/// # Errors
/// One problem if the text is not TOML.
pub fn parse_named(
    text: &str,
    origin: &str,
    environment: &Environment,
    named: &[&str],
) -> Result<Section, Problems> {
    read_tree(Ok(text.to_owned()), origin.to_owned(), environment, named)
}

fn read_tree(
    text: Result<String, String>,
    origin: String,
    environment: &Environment,
    named: &[&str],
) -> Result<Section, Problems> {
    let tree = text.and_then(|text| {
        Config::builder()
            .add_source(Origin { inner: File::from_str(&text, FileFormat::Toml), name: origin.clone() })
            .build()
            .map_err(|error| without_excerpt(&error.to_string()))
    });
    match tree {
        Ok(tree) => {
            let ledger = Ledger::default();
            let mut table = match tree.cache.kind {
                ValueKind::Table(table) => table,
                _ => Map::new(),
            };
            overlay::apply(&mut table, environment, named, &ledger);
            Ok(Section::root(table, origin, environment.clone(), ledger))
        }
        Err(what) => Err(Problems(vec![Problem {
            origin,
            key: String::new(),
            what,
            remedy: "Name a readable TOML file with --config; config/default.toml shows every key."
                .to_owned(),
        }])),
    }
}

/// Drops the excerpt of the invalid line, which may contain a secret.
fn without_excerpt(error: &str) -> String {
    let is_excerpt =
        |line: &str| line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|');
    let kept: Vec<_> = error.lines().filter(|line| !is_excerpt(line)).collect();
    kept.join(": ")
}

fn read(file: &Path) -> Result<String, String> {
    let read = introspectd_files::read_text(file, MAX_FILE, START);
    read.map_err(|error| format!("cannot be read: {error}"))
}

/// Source that labels its values with the name of the file.
#[derive(Debug, Clone)]
struct Origin {
    inner: File<config::FileSourceString, FileFormat>,
    name: String,
}

impl config::Source for Origin {
    fn clone_into_box(&self) -> Box<dyn config::Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<config::Map<String, config::Value>, config::ConfigError> {
        let table = self.inner.collect()?;
        Ok(table.into_iter().map(|(key, value)| (key, named(value, &self.name))).collect())
    }
}

fn named(value: config::Value, origin: &String) -> config::Value {
    let kind = match value.kind {
        config::ValueKind::Table(table) => config::ValueKind::Table(
            table.into_iter().map(|(key, value)| (key, named(value, origin))).collect(),
        ),
        config::ValueKind::Array(items) => {
            config::ValueKind::Array(items.into_iter().map(|item| named(item, origin)).collect())
        }
        scalar => scalar,
    };
    config::Value::new(Some(origin), kind)
}
