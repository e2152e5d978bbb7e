//! Acts of late, for whoever reads a finding.

use std::sync::Mutex;
use std::time::Duration;

use crate::oracle::{keep_latest, locked};

/// Latest acts on the process and on what it needs, each with its moment.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Vec<(Duration, String)>>);

/// Time before a finding that its story tells of.
const TOLD: Duration = Duration::from_secs(15);

impl Journal {
    pub(crate) fn note(&self, at: Duration, act: impl Into<String>) {
        let mut acts = locked(&self.0);
        acts.push((at, act.into()));
        keep_latest(&mut acts);
    }

    /// Returns what was done before this moment, and when.
    pub(crate) fn until(&self, at: Duration) -> String {
        let acts = locked(&self.0);
        let told = acts
            .iter()
            .filter(|(moment, _)| *moment <= at && *moment + TOLD >= at)
            .map(|(moment, act)| format!("{:.3} s {act}", moment.as_secs_f64()));
        told.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latest_acts_before_a_moment_are_told() {
        let at = Duration::from_secs;
        let journal = Journal::default();
        journal.note(at(1), "long ago");
        journal.note(at(20), "killed");
        journal.note(at(30), "later");
        assert_eq!(journal.until(at(25)), "20.000 s killed");
    }
}
