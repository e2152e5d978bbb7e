//! Differences between two configurations, by the keys that an operator wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use introspectd_settings::{Digest, Setting};

/// Values in force, to be compared with those of another configuration.
#[derive(Debug, Default)]
pub struct InForce {
    settings: BTreeMap<String, Value>,
    secrets: BTreeMap<String, Digest>,
}

#[derive(Debug, PartialEq, Eq)]
struct Value {
    text: String,
    is_default: bool,
}

/// Keys whose values differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    keys: BTreeMap<String, Kind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Both configurations have the key.
    Changed,
    /// One of them has it.
    CameOrWent,
}

/// Tables whose sections are named by the operator: a section is two words of a key.
const NAMED: [&str; 4] = ["callers", "events", "policies", "providers"];

/// Beginnings of keys whose values are made once, at the start.
const AT_START: [&str; 7] = [
    "listen.",
    "limits.",
    "cache.max_bytes",
    "cache.shared.url",
    "bindings.",
    "audit.to",
    "trace.",
];

/// Paths of a TLS listener, which may change while it listens.
const TLS_PATHS: [&str; 3] = [".tls.certificate", ".tls.key", ".tls.client_ca"];

impl InForce {
    /// Takes the values of a configuration, and digests of its secrets.
    pub fn new(settings: Vec<Setting>, secrets: BTreeMap<String, Digest>) -> Self {
        let value = |setting: Setting| {
            let is_default = setting.origin == "default";
            let text = setting.value;
            (setting.key, Value { text, is_default })
        };
        Self {
            settings: settings.into_iter().map(value).collect(),
            secrets,
        }
    }

    /// Compares with the values of the next configuration.
    ///
    /// A default that follows from another value, or from the machine, is no change of its own.
    pub fn changes(&self, next: &Self) -> Changes {
        let mut keys = BTreeMap::new();
        let settings = self.settings.keys().chain(next.settings.keys());
        for key in settings.collect::<BTreeSet<_>>() {
            let kind = match (self.settings.get(key), next.settings.get(key)) {
                (Some(old), Some(new)) => {
                    let is_same = old.text == new.text || old.is_default && new.is_default;
                    (!is_same).then_some(Kind::Changed)
                }
                (Some(only), None) | (None, Some(only)) => {
                    (!only.is_default).then_some(Kind::CameOrWent)
                }
                (None, None) => None,
            };
            keys.extend(kind.map(|kind| (key.clone(), kind)));
        }
        let secrets = self.secrets.keys().chain(next.secrets.keys());
        for key in secrets.collect::<BTreeSet<_>>() {
            if self.secrets.get(key) != next.secrets.get(key) {
                keys.insert(key.clone(), Kind::Changed);
            }
        }
        Changes { keys }
    }
}

impl Changes {
    /// Returns true if no value differs.
    pub fn are_none(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns true if a key of this section differs, or the section came or went.
    pub fn are_in(&self, section: &str) -> bool {
        let is_in = |key: &String| {
            let rest = key.strip_prefix(section);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.keys.keys().any(is_in)
    }

    /// Returns the keys that take a restart.
    pub fn needing_restart(&self) -> Vec<&str> {
        let needs = |(key, kind): &(&String, &Kind)| {
            let is_at_start = AT_START.iter().any(|start| key.starts_with(start));
            let is_tls_path = key.starts_with("listen.")
                && **kind == Kind::Changed
                && TLS_PATHS.iter().any(|path| key.ends_with(path));
            is_at_start && !is_tls_path
        };
        let needing = self.keys.iter().filter(needs);
        needing.map(|(key, _)| key.as_str()).collect()
    }

    fn sections(&self) -> BTreeSet<String> {
        self.keys.keys().map(|key| section_of(key)).collect()
    }
}

/// Lists the sections, as in `cache, callers.edge`.
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, section) in self.sections().iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{section}")?;
        }
        Ok(())
    }
}

fn section_of(key: &str) -> String {
    let mut words = key.splitn(3, '.');
    match (words.next().unwrap_or_default(), words.next()) {
        (table, Some(name)) if NAMED.contains(&table) => format!("{table}.{name}"),
        (table, _) => table.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use introspectd_settings::Environment;
    use std::path::Path;

    const BASE: &str = r#"
[listen]
api = [{ address = "127.0.0.1:0", mode = "660" }]
[callers.edge]
secret = { literal = "one" }
permissions = ["introspect"]
[providers.bank]
kind = "tibco-asg"
base_url = "http://127.0.0.1:1"
credentials = { type = "basic", username = "u", password = { literal = "p" } }
"#;

    fn in_force(toml: &str) -> InForce {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("introspectd.toml");
        std::fs::write(&file, toml.replace(", mode = \"660\"", "")).unwrap();
        in_force_of(&file)
    }

    fn in_force_of(file: &Path) -> InForce {
        let (_, loaded) = Config::load_watched(file, &Environment::new());
        let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
        InForce::new(loaded.settings, loaded.secrets)
    }

    fn changes(from: &str, to: &str) -> Changes {
        in_force(from).changes(&in_force(to))
    }

    fn replaced(from: &str, to: &str) -> Changes {
        assert!(BASE.contains(from), "{from}");
        changes(BASE, &BASE.replace(from, to))
    }

    #[test]
    fn same_values_in_other_places_are_no_change() {
        assert!(changes(BASE, BASE).are_none());
        let moved = format!("# a line\n{BASE}");
        assert!(changes(BASE, &moved).are_none());
        let explicit = format!("{BASE}[limits]\nrequests = 8192\n[cache]\nttl = \"60s\"\n");
        assert!(
            changes(BASE, &explicit).are_none(),
            "the default, written out"
        );
        assert!(changes(&explicit, BASE).are_none());
    }

    #[test]
    fn value_of_a_secret_counts_and_is_not_shown() {
        let changes = replaced("\"one\"", "\"two\"");
        assert!(changes.are_in("callers.edge") && !changes.are_in("providers.bank"));
        assert_eq!(changes.to_string(), "callers.edge");
        let changes = replaced("literal = \"p\"", "literal = \"q\"");
        assert!(changes.are_in("providers.bank"));
        assert!(!format!("{changes:?}").contains("\"q\""));
    }

    #[test]
    fn section_that_came_or_went_differs() {
        let without = BASE.split("[providers").next().unwrap();
        for changes in [changes(BASE, without), changes(without, BASE)] {
            assert!(changes.are_in("providers.bank"));
            assert!(!changes.are_in("providers.ban") && !changes.are_in("callers.edge"));
            assert_eq!(changes.needing_restart(), Vec::<&str>::new());
        }
    }

    #[test]
    fn what_is_made_at_the_start_needs_a_restart() {
        for (toml, keys) in [
            ("[limits]\nrequests = 5\n", vec!["limits.requests"]),
            (
                "[cache]\nmax_bytes = \"1MiB\"\nttl = \"1s\"\n",
                vec!["cache.max_bytes"],
            ),
            (
                "[audit]\nto = \"stdout\"\non_failure = \"exit\"\n",
                vec!["audit.to"],
            ),
            ("[trace]\nsample = 0.5\n", vec!["trace.sample"]),
            (
                "[bindings]\npath = \"/tmp/introspectd-changes.redb\"\n",
                vec!["bindings.path"],
            ),
        ] {
            let changes = changes(BASE, &format!("{BASE}{toml}"));
            assert_eq!(changes.needing_restart(), keys);
        }
        let listen = replaced(
            "127.0.0.1:0\", mode = \"660\"",
            "127.0.0.1:0\", caller = \"edge\"",
        );
        assert_eq!(listen.needing_restart(), ["listen.api[0].caller"]);
        let all_else = "[log]\nlevel = \"debug\"\nformat = \"text\"\n\
                        [shutdown]\ndrain = \"1s\"\n[reload]\n\
                        watch = \"5s\"\n\
                        [cache]\nttl = \"1s\"\n[routing]\nunmatched = \"ask-all\"\n\
                        [audit]\nkey = { literal = \"k\" }\n";
        let changes = changes(BASE, &format!("{BASE}{all_else}"));
        assert_eq!(changes.needing_restart(), Vec::<&str>::new());
        assert_eq!(
            changes.to_string(),
            "audit, cache, log, reload, routing, shutdown"
        );
    }

    #[test]
    fn tls_paths_may_change_and_may_not_come_or_go() {
        let values = |pairs: &[(&str, &str)]| {
            let setting = |(key, value): &(&str, &str)| Setting {
                key: (*key).to_owned(),
                value: (*value).to_owned(),
                origin: "x.toml:1".to_owned(),
            };
            InForce::new(pairs.iter().map(setting).collect(), BTreeMap::new())
        };
        let plain = values(&[]);
        let tls = values(&[
            ("listen.api[0].tls.certificate", "a"),
            ("listen.api[0].tls.key", "b"),
        ]);
        let moved = values(&[
            ("listen.api[0].tls.certificate", "c"),
            ("listen.api[0].tls.key", "d"),
        ]);
        assert_eq!(tls.changes(&moved).needing_restart(), Vec::<&str>::new());
        assert_eq!(plain.changes(&tls).needing_restart().len(), 2);
        let certified = values(&[
            ("listen.api[0].tls.certificate", "a"),
            ("listen.api[0].tls.key", "b"),
            ("listen.api[0].tls.client_ca", "c"),
        ]);
        let expected = ["listen.api[0].tls.client_ca"];
        assert_eq!(tls.changes(&certified).needing_restart(), expected);
    }
}
