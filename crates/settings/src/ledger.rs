use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

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

    /// Number of problems so far.
    pub fn problem_count(&self) -> usize {
        self.0.borrow().problems.len()
    }

    /// Returns the effective values.
    ///
    /// # Errors
    /// All problems, if there are any.
    pub fn close(self) -> Result<Vec<Setting>, Problems> {
        let notes = self.0.take();
        if notes.problems.is_empty() {
            Ok(notes.settings)
        } else {
            Err(Problems(notes.problems))
        }
    }
}
