//! A store, and the replicas that share it.

use std::sync::Arc;
use std::time::Duration;

use introspectd_core::Clock;
use introspectd_fleet::{Fleet, FleetSecret, FleetSettings, Link, MemoryStore, RuntimeClock};
use tokio::runtime::Handle;

pub(crate) const TRUST: Duration = Duration::from_secs(2);

pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) clock: Arc<dyn Clock>,
}

impl World {
    /// World past the trust of the start.
    pub(crate) fn new() -> Self {
        Self::at(Duration::from_secs(1000))
    }

    pub(crate) fn at(time: Duration) -> Self {
        Self::by(Arc::new(RuntimeClock::after(time)))
    }

    pub(crate) fn by(clock: Arc<dyn Clock>) -> Self {
        Self {
            store: MemoryStore::new(Arc::clone(&clock)),
            clock,
        }
    }

    /// Replica with a secret, the one before it, and its link to the store.
    pub(crate) fn fleet(&self, secret: u8, previous: Option<u8>) -> (Arc<Fleet>, Link) {
        let link = self.store.link();
        let bytes = |byte| FleetSecret::new(&[byte; 32]).unwrap();
        let settings = FleetSettings {
            prefix: "p".to_owned(),
            share: 0.2,
            trust: TRUST,
            keep: Duration::from_secs(120),
        };
        let fleet = Fleet::new(
            Arc::new(link.clone()),
            &bytes(secret),
            previous.map(bytes).as_ref(),
            settings,
            Arc::clone(&self.clock),
            Handle::current(),
        );
        (Arc::new(fleet.unwrap()), link)
    }
}
