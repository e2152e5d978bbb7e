//! Bound on fetches of keys, whatever tokens come.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::oracle::finding::{Finding, Rule};

/// Count of those that fetch keys.
pub(crate) struct Fetching {
    replicas: u64,
    /// Providers that began without keys, one after another or beside each other.
    beginnings: AtomicU64,
}

/// Shortest time between two fetches by one provider: half of the least `jwks_max_age` of a run,
/// which is less than the time until an unknown key may have them fetched again.
const EACH: Duration = Duration::from_secs(6);

impl Fetching {
    /// One provider in each of so many replicas.
    pub(crate) fn new(replicas: usize) -> Self {
        let replicas = u64::try_from(replicas).unwrap_or(u64::MAX);
        Self {
            replicas,
            beginnings: AtomicU64::new(replicas),
        }
    }

    /// A provider began without keys in place of another.
    pub(crate) fn began_anew(&self) {
        self.beginnings.fetch_add(1, Relaxed);
    }

    /// Judges a number of fetches until this moment.
    pub(crate) fn judge(&self, fetches: u64, until: Duration) -> Result<(), Finding> {
        let repeated = self.replicas * (until.as_secs() / EACH.as_secs());
        let most = self.beginnings.load(Relaxed) + repeated;
        if fetches <= most {
            return Ok(());
        }
        let story = format!("{fetches} times, where {most} are allowed");
        Err(Finding::new(Rule::Fetches, story))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_fetched_at_a_start_and_then_each_few_seconds() {
        let fetching = Fetching::new(1);
        let is_allowed = |fetches, seconds| {
            let until = Duration::from_secs(seconds);
            fetching.judge(fetches, until).is_ok()
        };
        assert!(is_allowed(1, 1));
        assert!(!is_allowed(2, 5));
        assert!(is_allowed(2, 6));
        fetching.began_anew();
        assert!(is_allowed(2, 5));
        assert!(!is_allowed(3, 5));
    }
}
