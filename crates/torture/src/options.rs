use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use crate::world::Deployment;

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
    /// Set if others use the processors as well: a 504 or a late answer is then the machine's fault
    /// where threads verifiably waited that long for a processor. For tests that run beside others.
    pub is_shared: bool,
    /// Acts that are left out: `reload`, `restart`, `clock`, `disk`, `crowd`.
    pub without: BTreeSet<String>,
    /// Three replicas over one Redis, in place of one process. They are not reloaded; their clocks,
    /// disks and files are left alone.
    pub fleet: Option<Deployment>,
    /// Runs introspectd by another configuration than the oracle believes in, and conceals from it
    /// what providers do: to see that it finds each kind of lie.
    /// In a fleet, one replica trusts facts for an hour though it hears nothing.
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
            without: BTreeSet::new(),
            fleet: None,
            sabotaged: false,
            progress: false,
        }
    }
}
