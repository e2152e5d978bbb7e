use std::sync::Arc;

use introspectd_core::{ProviderName, TokenValue};

use crate::router::{Routed, Router, Rule, Unmatched};
use crate::slot::{ProviderEntry, ProviderSlot};

/// Providers and the routes to them: all that changes with their configuration, as one value.
///
/// A table never changes. A changed configuration is a new table with a higher revision, in which
/// an unchanged provider keeps its slot.
#[derive(Debug)]
pub(crate) struct Table {
    slots: Vec<Arc<ProviderSlot>>,
    router: Router,
    revision: u64,
}

impl Table {
    /// Creates a table of these providers, in an order that breaks ties.
    pub(crate) fn new(slots: Vec<Arc<ProviderSlot>>, unmatched: &Unmatched, revision: u64) -> Self {
        let unmatched = match unmatched {
            Unmatched::Reject => Routed::Nowhere,
            Unmatched::AskAll => Routed::Several((0..slots.len()).collect()),
            Unmatched::Provider(name) => match slots.iter().position(|slot| slot.name() == name) {
                Some(place) => Routed::One(place),
                None => Routed::Nowhere,
            },
        };
        let router = Router::new(
            slots.iter().map(|slot| slot.entry.matching.as_ref()),
            unmatched,
        );
        Self {
            slots,
            router,
            revision,
        }
    }

    pub(crate) fn with_revision(self, revision: u64) -> Self {
        Self { revision, ..self }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn slots(&self) -> &[Arc<ProviderSlot>] {
        &self.slots
    }

    #[inline]
    pub(crate) fn slot(&self, place: usize) -> Option<&Arc<ProviderSlot>> {
        self.slots.get(place)
    }

    pub(crate) fn entry(&self, place: usize) -> Option<&ProviderEntry> {
        self.slot(place).map(|slot| &slot.entry)
    }

    pub(crate) fn named(&self, name: &str) -> Option<(usize, &Arc<ProviderSlot>)> {
        self.slots
            .iter()
            .enumerate()
            .find(|(_, slot)| slot.name().as_str() == name)
    }

    /// Routes a token, and returns the rule that decided. `only` narrows the route. A provider
    /// without a rule of its own is reached by its name alone.
    #[inline]
    pub(crate) fn route(
        &self,
        token: &TokenValue,
        only: Option<&ProviderName>,
    ) -> (Rule<'_>, Routed) {
        let (rule, routed) = self.router.route_by(token.expose());
        let Some(only) = only else {
            return (rule, routed);
        };
        let routed = match self.named(only.as_str()) {
            Some((place, slot)) if slot.entry.matching.is_none() || routed.contains(place) => {
                Routed::One(place)
            }
            Some(_) | None => Routed::Nowhere,
        };
        (Rule::Named, routed)
    }
}
