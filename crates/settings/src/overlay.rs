//! Environment variables that override values of the file.

use config::{Map, Value, ValueKind};

use crate::environment::{is_environment, origin_of};
use crate::{Environment, Ledger, Problem};

const PREFIX: &str = "INTROSPECTD__";

/// Applies variables such as `INTROSPECTD__CACHE__TTL`, ignoring case. Tables in `named` hold
/// sections whose names the file chooses: a variable cannot add one, since a misspelt name would
/// silently become another caller or provider.
pub(crate) fn apply(
    tree: &mut Map<String, Value>,
    environment: &Environment,
    named: &[&str],
    ledger: &Ledger,
) {
    let prefix_of = |variable: &str| variable.get(..PREFIX.len()).map(str::to_ascii_uppercase);
    let is_ours =
        |(variable, _): &(&String, &String)| prefix_of(variable).as_deref() == Some(PREFIX);
    let mut variables: Vec<_> = environment.iter().filter(is_ours).collect();
    // Sorted, so that the same problems are found each time.
    variables.sort();
    for (variable, value) in variables {
        let names: Vec<_> = variable
            .get(PREFIX.len()..)
            .unwrap_or_default()
            .split("__")
            .collect();
        let variable = Variable {
            name: variable,
            value,
        };
        if let Err(problem) = variable.set(tree, &names, &mut Vec::new(), named) {
            ledger.problem(problem);
        }
    }
}

struct Variable<'a> {
    name: &'a str,
    value: &'a str,
}

impl Variable<'_> {
    /// Sets the value at `names` below `table`, which is at `path`.
    fn set(
        &self,
        table: &mut Map<String, Value>,
        names: &[&str],
        path: &mut Vec<String>,
        named: &[&str],
    ) -> Result<(), Problem> {
        let Some((name, below)) = names.split_first() else {
            return Ok(());
        };
        let is_section = matches!(path.as_slice(), [holder] if named.contains(&holder.as_str()));
        let key = self.key(table, name, path, is_section)?;
        path.push(key.clone());
        if below.is_empty() {
            let value = Value::new(Some(&origin_of(self.name)), self.value);
            let replaced = table.insert(key, value);
            let before = replaced
                .as_ref()
                .and_then(Value::origin)
                .filter(|origin| is_environment(origin));
            return before.map_or(Ok(()), |before| Err(self.set_twice(path, before)));
        }
        let child = table
            .entry(key)
            .or_insert_with(|| Value::new(None, ValueKind::Table(Map::new())));
        if !matches!(child.kind, ValueKind::Table(_)) {
            // The reader of the key refuses the table, and names this variable.
            *child = Value::new(Some(&origin_of(self.name)), ValueKind::Table(Map::new()));
        }
        match &mut child.kind {
            ValueKind::Table(table) => self.set(table, below, path, named),
            _ => Ok(()),
        }
    }

    /// Finds the key of the table that the variable names.
    fn key(
        &self,
        table: &Map<String, Value>,
        name: &str,
        path: &[String],
        is_section: bool,
    ) -> Result<String, Problem> {
        let mut known: Vec<_> = table.keys().collect();
        known.sort();
        let mut meant = known.iter().filter(|key| key.eq_ignore_ascii_case(name));
        match (meant.next(), meant.next()) {
            (Some(key), None) => Ok((*key).clone()),
            (Some(one), Some(other)) => Err(self.problem(
                path,
                name,
                format!("`{one}` and `{other}` differ only in case, so the variable is ambiguous"),
                "Rename one of them, or set the value in the file.".to_owned(),
            )),
            (None, _) if is_section => {
                let known: Vec<_> = known.iter().map(|key| format!("`{key}`")).collect();
                let known = if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                };
                let remedy = format!(
                    "Add the section to the file, or correct the variable's name. In the file: \
                        {known}."
                );
                Err(self.problem(
                    path,
                    name,
                    "is not a section of the file, and a variable cannot add one".to_owned(),
                    remedy,
                ))
            }
            (None, _) => Ok(name.to_ascii_lowercase()),
        }
    }

    fn set_twice(&self, path: &[String], before: &str) -> Problem {
        let what = format!("is also set by {before}");
        let remedy = "Unset one of the two variables.".to_owned();
        match path.split_last() {
            Some((key, path)) => self.problem(path, key, what, remedy),
            None => self.problem(&[], "", what, remedy),
        }
    }

    fn problem(&self, path: &[String], name: &str, what: String, remedy: String) -> Problem {
        let key = path
            .iter()
            .map(String::as_str)
            .chain([name])
            .collect::<Vec<_>>()
            .join(".");
        Problem {
            origin: origin_of(self.name),
            key: key.to_ascii_lowercase(),
            what,
            remedy,
        }
    }
}
