use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The introspectd binary.
    pub binary: PathBuf,
    /// Seed of all decisions.
    pub seed: u64,
    /// Longest time of the run.
    pub time: Duration,
    /// Requests after which it ends earlier.
    pub requests: Option<u64>,
    /// Requests a second.
    pub rate: u32,
    /// Delay of an answer beyond the provider's timeout that the machine is forgiven.
    pub slack: Duration,
    /// Set if others take the processors for seconds, so that a 504 needs no fault. For tests that
    /// run beside others.
    pub is_shared: bool,
    /// Acts that are left out: `reload`, `restart`, `clock`, `disk`, `crowd`.
    pub without: BTreeSet<String>,
    /// Lets providers forget revocations that the oracle believes in, to see it find wrong actives.
    pub sabotaged: bool,
    /// Prints progress to standard error.
    pub progress: bool,
}

impl Options {
    /// A run of this binary with the defaults of the command.
    pub fn new(binary: PathBuf, seed: u64) -> Self {
        Self {
            binary,
            seed,
            time: Duration::from_secs(60),
            requests: None,
            rate: 4000,
            slack: Duration::from_secs(2),
            is_shared: false,
            without: BTreeSet::from(["reload".to_owned()]),
            sabotaged: false,
            progress: false,
        }
    }
}
