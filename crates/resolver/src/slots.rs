use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use introspectd_core::Clock;
use introspectd_fleet::Digests;

use crate::limits::CacheTimes;
use crate::purge_log::ProviderPurges;
use crate::slot::{ProviderEntry, ProviderSlot};

/// All slots that exist: those of the table in force, and those of earlier ones that a request or a
/// flight still holds. A purge reaches each of them.
///
/// A slot's number is in the stamps of its facts. It is free again once the slot is gone and a pass
/// over the cache has removed what facts it left.
pub(crate) struct Slots {
    slots: Mutex<BTreeMap<u16, Weak<ProviderSlot>>>,
    /// Digests of all slots' keys.
    digests: Digests,
}

/// Numbers at the beginning of a pass over the cache.
pub(crate) struct Census {
    /// Purges of each slot that exists.
    pub(crate) purges: BTreeMap<u16, Arc<ProviderPurges>>,
    /// Numbers of slots that are gone, whose facts nobody can find any more.
    gone: Vec<u16>,
}

impl Slots {
    pub(crate) fn new(digests: Digests) -> Self {
        Self {
            slots: Mutex::default(),
            digests,
        }
    }

    pub(crate) fn digests(&self) -> &Digests {
        &self.digests
    }

    /// Adds a slot with keys and a number of its own.
    ///
    /// # Errors
    /// Fails if the system provides no random bytes, or all 65,536 numbers are taken.
    pub(crate) fn add(
        &self,
        entry: ProviderEntry,
        clock: Arc<dyn Clock>,
        times: CacheTimes,
    ) -> io::Result<Arc<ProviderSlot>> {
        let mut slots = self.lock();
        let number = (0..=u16::MAX)
            .find(|number| !slots.contains_key(number))
            .ok_or_else(|| io::Error::other("too many providers"))?;
        let purges = Arc::new(ProviderPurges::new(number));
        let slot = Arc::new(ProviderSlot::new(
            entry,
            purges,
            clock,
            times,
            self.digests.clone(),
        )?);
        slots.insert(number, Arc::downgrade(&slot));
        Ok(slot)
    }

    /// Returns all slots that exist, in the order of their numbers.
    pub(crate) fn all(&self) -> Vec<Arc<ProviderSlot>> {
        self.lock().values().filter_map(Weak::upgrade).collect()
    }

    pub(crate) fn census(&self) -> Census {
        let slots = self.lock();
        let purges = slots
            .iter()
            .filter_map(|(number, slot)| Some((*number, Arc::clone(&slot.upgrade()?.purges))));
        let purges: BTreeMap<_, _> = purges.collect();
        let gone = slots.keys().filter(|number| !purges.contains_key(number));
        Census {
            gone: gone.copied().collect(),
            purges,
        }
    }

    /// Frees the numbers of slots that were gone before a pass that has ended.
    pub(crate) fn free(&self, passed: &Census) {
        let mut slots = self.lock();
        for number in &passed.gone {
            slots.remove(number);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u16, Weak<ProviderSlot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Census {
    /// Returns true if the slot of this number was gone.
    pub(crate) fn is_gone(&self, number: u16) -> bool {
        self.gone.binary_search(&number).is_ok()
    }
}
