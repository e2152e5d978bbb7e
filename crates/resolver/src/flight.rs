use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, FutureExt, Shared};
use introspectd_core::{Failure, Outage};
use tokio::sync::oneshot;

use crate::fact::{Fact, Keep};
use crate::key::Key;

pub(crate) type Outcome<K> = Result<Fact<K>, Failure>;

/// A question under way, to be awaited by any number of requests. `None` where it was purged meanwhile: what it found
/// may be older than what the caller of the purge was promised, and it is to be asked again.
///
/// It runs in a task of its own: a request that goes away, the first one included, takes nothing from
/// the others, and the fact still reaches the cache.
pub(crate) type Flight<K> = Shared<BoxFuture<'static, Option<Outcome<K>>>>;

/// The questions under way, one at most for each key.
pub(crate) struct Flights<K>(Arc<Mutex<Under<K>>>);

type Under<K> = HashMap<Key, (Flight<K>, Arc<Purges<K>>)>;

/// Which facts a purge means.
pub(crate) type Meant<K> = Arc<dyn Fn(&Fact<K>) -> bool + Send + Sync>;

/// The purges that came while a question was under way. Held while its fact is put into the cache, so that a purge
/// finds it there or keeps it out, and nothing between.
struct Purges<K>(Mutex<Vec<Meant<K>>>);

/// What a request finds when it comes to ask.
pub(crate) enum Boarding<'a, K> {
    /// The same question is under way.
    Under(Flight<K>),
    /// It is not, and nobody else can start it while this turn is held.
    Turn(Turn<'a, K>),
}

/// The right to start the question of one key.
pub(crate) struct Turn<'a, K> {
    flights: &'a Flights<K>,
    key: Key,
    held: MutexGuard<'a, Under<K>>,
}

impl<K> Flights<K> {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    pub(crate) fn board(&self, key: Key) -> Boarding<'_, K> {
        let held = self.lock();
        match held.get(&key) {
            Some((flight, _)) => Boarding::Under(flight.clone()),
            None => Boarding::Turn(Turn { flights: self, key, held }),
        }
    }

    /// Has the questions under way for these keys judged by a purge when they are answered: a fact that it means
    /// reaches neither the cache nor those who wait for it.
    pub(crate) fn purge(&self, is_asked: impl Fn(&Key) -> bool, meant: &Meant<K>) {
        let under = self.lock();
        for (_, (_, purges)) in under.iter().filter(|(key, _)| is_asked(key)) {
            purges.lock().push(Arc::clone(meant));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Under<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K> Purges<K> {
    fn lock(&self) -> MutexGuard<'_, Vec<Meant<K>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Keep> Turn<'_, K> {
    /// Starts the question. A fact is handed to `keep`, unless it was purged meanwhile. When it ends, however it
    /// ends, its place is free again before anyone hears of it: whoever asks after that asks anew.
    pub(crate) fn start(
        mut self,
        question: impl Future<Output = Outcome<K>> + Send + 'static,
        keep: impl FnOnce(&Fact<K>) + Send + 'static,
    ) -> Flight<K> {
        let (tell, told) = oneshot::channel();
        let abandoned = || Some(Err(Failure::outage(Outage::Abandoned)));
        let flight = told.map(move |told| told.unwrap_or_else(|_| abandoned())).boxed().shared();
        let purges = Arc::new(Purges(Mutex::default()));
        self.held.insert(self.key, (flight.clone(), Arc::clone(&purges)));
        let landing = Landing { flights: Flights(Arc::clone(&self.flights.0)), key: self.key, purges };
        // Before the task is spawned: a runtime that shuts down drops it on the spot, and to land takes
        // the same lock.
        drop(self);
        tokio::spawn(async move {
            let outcome = {
                let landing = landing;
                landing.with(question.await, keep)
            };
            // Nobody may be waiting any more.
            drop(tell.send(outcome));
        });
        flight
    }
}

struct Landing<K> {
    flights: Flights<K>,
    key: Key,
    purges: Arc<Purges<K>>,
}

impl<K> Landing<K> {
    fn with(&self, outcome: Outcome<K>, keep: impl FnOnce(&Fact<K>)) -> Option<Outcome<K>> {
        let Ok(fact) = &outcome else { return Some(outcome) };
        let purges = self.purges.lock();
        if purges.iter().any(|meant| meant(fact)) {
            return None;
        }
        keep(fact);
        Some(outcome)
    }
}

impl<K> Drop for Landing<K> {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}
