//! Providers that have lists.

use std::collections::{BTreeSet, VecDeque};
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use introspectd_core::{
    Batch, Failure, Health, Introspection, Listing, Lists, ManualClock, Order, Position, Provider,
    ProviderName, State, Token, TokenValue,
};
use introspectd_resolver::{Page, Positions, ProviderEntry, Resolver, Unmatched, Wanted};

use crate::harness::{TIMEOUT, UNCACHED, at, good, name, within};

/// A provider with this list, of which it gives so many places at once. What stands in a place may
/// be hidden by a filter, as it seems to the others: then a batch has fewer records, or none, and
/// goes on all the same.
#[derive(Debug)]
pub(crate) struct Lister {
    pub(crate) places: Vec<Option<Token>>,
    at_once: usize,
    lists: bool,
    /// Handle in each position.
    handle: String,
    /// Failures of the next answers, in order.
    failures: Mutex<VecDeque<Option<Failure>>>,
    /// Time of each answer, by the runtime's clock.
    takes: Duration,
    asked: Mutex<Vec<(Listing, Option<Position>)>>,
}

impl Lister {
    pub(crate) fn new(places: Vec<Option<Token>>, at_once: usize) -> Self {
        let (failures, asked) = (Mutex::default(), Mutex::default());
        Self {
            places,
            at_once,
            lists: true,
            handle: "x".to_owned(),
            failures,
            takes: Duration::ZERO,
            asked,
        }
    }

    /// Creates a provider without a list.
    pub(crate) fn unable() -> Self {
        Self {
            lists: false,
            ..Self::new(vec![], 1)
        }
    }

    pub(crate) fn with_handles(self, handle: String) -> Self {
        Self { handle, ..self }
    }

    pub(crate) fn that_takes(self, seconds: u64) -> Self {
        Self {
            takes: Duration::from_secs(seconds),
            ..self
        }
    }

    /// Creates records of these names and times, in seconds after the start.
    pub(crate) fn of(records: &[(&str, i64)], at_once: usize) -> Self {
        Self::new(
            records
                .iter()
                .map(|(id, created)| Some(record(id, *created)))
                .collect(),
            at_once,
        )
    }

    pub(crate) fn that_fails(self, failures: impl IntoIterator<Item = Option<Failure>>) -> Self {
        self.failures.lock().unwrap().extend(failures);
        self
    }

    pub(crate) fn asked(&self) -> Vec<(Listing, Option<Position>)> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Provider for Lister {
    fn health(&self) -> Health {
        Health::Good
    }

    async fn introspect(&self, _: &TokenValue) -> Result<Introspection, Failure> {
        panic!("nobody asks about a token");
    }

    fn lists(&self) -> Option<&dyn Lists> {
        self.lists.then_some(self)
    }
}

#[async_trait]
impl Lists for Lister {
    async fn list(&self, listing: &Listing, from: Option<&Position>) -> Result<Batch, Failure> {
        self.asked
            .lock()
            .unwrap()
            .push((listing.clone(), from.cloned()));
        if !self.takes.is_zero() {
            let _ = tokio::time::timeout(self.takes, pending::<()>()).await;
        }
        if let Some(Some(failure)) = self.failures.lock().unwrap().pop_front() {
            return Err(failure);
        }
        let begin = from.map_or(0, |position| match position {
            Position::After { millis, .. } => usize::try_from(*millis).unwrap(),
            Position::Page { .. } => panic!("it was not given by this provider"),
        });
        let after = |places| position(places, &self.handle);
        let places = self
            .places
            .iter()
            .enumerate()
            .skip(begin)
            .take(self.at_once);
        let records = places
            .filter_map(|(place, it)| Some((it.clone()?, after(place + 1))))
            .collect();
        let end = begin + self.at_once;
        Ok(Batch {
            records,
            next: (end < self.places.len()).then(|| after(end)),
        })
    }
}

pub(crate) fn after(places: usize) -> Position {
    position(places, "x")
}

fn position(places: usize, handle: &str) -> Position {
    Position::After {
        millis: i64::try_from(places).unwrap(),
        handle: handle.to_owned(),
    }
}

pub(crate) fn record(id: &str, created: i64) -> Token {
    Token {
        jti: Some(id.to_owned()),
        iat: Some(at(created)),
        ..good()
    }
}

/// Providers, and who has asked them for lists.
pub(crate) struct ListBench {
    pub(crate) resolver: Resolver<Token>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) listers: Vec<Arc<Lister>>,
    pub(crate) listing: Listing,
    pub(crate) state: Option<State>,
}

impl ListBench {
    /// Creates a resolver of these providers, called `a`, `b` and so on.
    pub(crate) fn new(listers: Vec<Lister>) -> Self {
        let listers: Vec<_> = listers.into_iter().map(Arc::new).collect();
        let entries = listers
            .iter()
            .zip('a'..)
            .map(|(lister, called)| entry(called, lister))
            .collect();
        Self::with_entries(entries, listers)
    }

    pub(crate) fn with_entries(entries: Vec<ProviderEntry>, listers: Vec<Arc<Lister>>) -> Self {
        let clock = Arc::new(ManualClock::at(at(0)));
        let resolver = Resolver::new(
            entries,
            &Unmatched::Reject,
            UNCACHED,
            Arc::clone(&clock) as _,
        )
        .unwrap();
        Self {
            resolver,
            clock,
            listers,
            listing: Listing::default(),
            state: None,
        }
    }

    pub(crate) fn descending(mut self) -> Self {
        self.listing.order = Order::Descending;
        self
    }

    pub(crate) fn beginning(&self) -> Positions {
        self.resolver
            .providers()
            .map(|status| (status.name.clone(), None))
            .collect()
    }

    pub(crate) async fn page(&self, size: usize, from: &Positions) -> Page<'_> {
        let wanted = Wanted {
            listing: &self.listing,
            state: self.state,
            size,
        };
        within(self.resolver.list(&wanted, from)).await
    }

    /// All pages, which are so many at most, to where nothing is left, whatever fails on the way.
    pub(crate) async fn pages(
        &self,
        sizes: impl Iterator<Item = usize>,
        most: usize,
    ) -> Vec<Page<'_>> {
        let next_or_retry = |page: &Page<'_>| {
            Some(page.next.clone())
                .filter(|next| !next.is_empty())
                .or_else(|| Some(page.retry.clone()).filter(|retry| !retry.is_empty()))
        };
        self.followed(sizes, most, next_or_retry).await
    }

    /// The pages that follow each other by `follow`.
    pub(crate) async fn followed(
        &self,
        mut sizes: impl Iterator<Item = usize>,
        most: usize,
        follow: impl Fn(&Page<'_>) -> Option<Positions>,
    ) -> Vec<Page<'_>> {
        let mut pages = vec![self.page(sizes.next().unwrap(), &self.beginning()).await];
        while let Some(next) = pages.last().and_then(&follow) {
            assert!(pages.len() < most, "the list does not end");
            pages.push(self.page(sizes.next().unwrap(), &next).await);
        }
        pages
    }
}

pub(crate) fn entry(called: char, lister: &Arc<Lister>) -> ProviderEntry {
    ProviderEntry {
        name: name(&called.to_string()),
        kind: "fake",
        provider: Arc::clone(lister) as _,
        matching: None,
        issuer: None,
        clock_skew: Duration::ZERO,
        timeout: TIMEOUT,
        times: None,
        revision: [0; 16],
    }
}

/// The ids of the records on a page.
pub(crate) fn ids(page: &Page<'_>) -> Vec<String> {
    page.records
        .iter()
        .map(|listed| listed.token.jti.clone().unwrap())
        .collect()
}

pub(crate) fn names<'a>(
    providers: impl IntoIterator<Item = &'a ProviderName>,
) -> BTreeSet<&'a str> {
    providers.into_iter().map(ProviderName::as_str).collect()
}
