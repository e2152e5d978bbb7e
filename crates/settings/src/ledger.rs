use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// One thing that is wrong in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, or the environment variable.
    pub origin: String,
    /// The key with its tables, as `cache.ttl`; empty where the whole file is meant.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
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

/// Everything that is wrong in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        writeln!(f, "the configuration has {count} problem{}:", if count == 1 { "" } else { "s" })?;
        for problem in &self.0 {
            writeln!(f, "  {problem}")?;
        }
        Ok(())
    }
}

/// One value in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The key with its tables.
    pub key: String,
    /// The value as TOML, masked where it is a secret.
    pub value: String,
    /// The file, the environment variable, or `default`.
    pub origin: String,
}

/// What reading a configuration brought to light. Shared by all its sections.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Rc<RefCell<Notes>>);

#[derive(Debug, Default)]
struct Notes {
    problems: Vec<Problem>,
    settings: Vec<Setting>,
}

impl Ledger {
    /// Notes a problem.
    pub fn problem(&self, problem: Problem) {
        let mut notes = self.0.borrow_mut();
        if !notes.problems.contains(&problem) {
            notes.problems.push(problem);
        }
    }

    /// Notes a value in force, once, however often it is asked for.
    pub fn setting(&self, setting: Setting) {
        let mut notes = self.0.borrow_mut();
        if !notes.settings.contains(&setting) {
            notes.settings.push(setting);
        }
    }

    /// How many problems there are so far.
    pub fn problem_count(&self) -> usize {
        self.0.borrow().problems.len()
    }

    /// The values in force.
    ///
    /// # Errors
    /// All problems, if there is one.
    pub fn close(self) -> Result<Vec<Setting>, Problems> {
        let notes = self.0.take();
        if notes.problems.is_empty() { Ok(notes.settings) } else { Err(Problems(notes.problems)) }
    }
}
