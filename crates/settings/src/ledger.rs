use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

/// Problem in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// File or environment variable.
    pub origin: String,
    /// Key with its tables, such as `cache.ttl`; empty for the file as a whole.
    pub key: String,
    /// Description of the problem.
    pub what: String,
    /// Remedy, one imperative sentence.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}\n    {}", self.what, self.remedy)
    }
}

/// All problems in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        writeln!(
            f,
            "the configuration has {count} problem{}:",
            if count == 1 { "" } else { "s" }
        )?;
        for problem in &self.0 {
            writeln!(f, "  {problem}")?;
        }
        Ok(())
    }
}

/// Effective value of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Key with its tables, such as `cache.ttl`.
    pub key: String,
    /// Value as TOML, masked if it is a secret.
    pub value: String,
    /// File, environment variable, or `default`.
    pub origin: String,
}

/// Problems and effective values found so far, shared by all sections.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Rc<RefCell<Notes>>);

#[derive(Debug, Default)]
struct Notes {
    problems: Vec<Problem>,
    settings: Vec<Setting>,
    secrets: BTreeMap<String, Digest>,
    files: BTreeSet<PathBuf>,
}

/// SHA-256 of a secret, by which two configurations are compared. It does not print.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    pub(crate) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(***)")
    }
}

impl Ledger {
    /// Records a problem, once.
    pub fn problem(&self, problem: Problem) {
        let mut notes = self.0.borrow_mut();
        if !notes.problems.contains(&problem) {
            notes.problems.push(problem);
        }
    }

    /// Records an effective value, once, however often it is read.
    pub fn setting(&self, setting: Setting) {
        let mut notes = self.0.borrow_mut();
        if !notes.settings.contains(&setting) {
            notes.settings.push(setting);
        }
    }

    /// Records the value of a secret, by its key.
    pub(crate) fn secret(&self, key: &str, secret: &str) {
        let mut notes = self.0.borrow_mut();
        notes.secrets.insert(key.to_owned(), Digest::of(secret));
    }

    /// Returns the digests of all secrets, by key.
    pub fn secrets(&self) -> BTreeMap<String, Digest> {
        self.0.borrow().secrets.clone()
    }

    /// Records a file that the configuration names, readable or not.
    pub fn file(&self, path: &Path) {
        self.0.borrow_mut().files.insert(path.to_owned());
    }

    /// Returns all files that were recorded.
    pub fn files(&self) -> BTreeSet<PathBuf> {
        self.0.borrow().files.clone()
    }

    /// Number of problems so far.
    pub fn problem_count(&self) -> usize {
        self.0.borrow().problems.len()
    }

    /// Returns the effective values. Files and secrets stay recorded.
    ///
    /// # Errors
    /// All problems, if there are any.
    pub fn close(self) -> Result<Vec<Setting>, Problems> {
        let mut notes = self.0.borrow_mut();
        if notes.problems.is_empty() {
            Ok(std::mem::take(&mut notes.settings))
        } else {
            Err(Problems(std::mem::take(&mut notes.problems)))
        }
    }
}
