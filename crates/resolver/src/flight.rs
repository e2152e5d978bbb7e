use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, FutureExt, Shared};
use introspectd_core::{Failure, Outage};
use tokio::sync::oneshot;

use crate::fact::{Fact, Keep};
use crate::key::Key;
use crate::stamp::Stamp;

/// What a flight brings. A waiter compares the stamp with the purges when it takes the outcome, which may be long after
/// the flight has landed.
pub(crate) type Outcome<K> = Result<(Fact<K>, Stamp), Failure>;

/// A question under way, to be awaited by any number of requests.
///
/// It runs in a task of its own: a request that goes away, the first one included, takes nothing from
/// the others, and the fact still reaches the cache.
pub(crate) type Flight<K> = Shared<BoxFuture<'static, Outcome<K>>>;

/// The questions under way, one at most for each key.
pub(crate) struct Flights<K>(Arc<Mutex<Under<K>>>);

type Under<K> = HashMap<Key, Flight<K>>;

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
            Some(flight) => Boarding::Under(flight.clone()),
            None => Boarding::Turn(Turn { flights: self, key, held }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Under<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Keep> Turn<'_, K> {
    /// Starts the question. A fact is handed to `keep`. When it ends, however it ends, its place is free again before
    /// anyone hears of it: whoever asks after that asks anew.
    pub(crate) fn start(
        mut self,
        question: impl Future<Output = Outcome<K>> + Send + 'static,
        keep: impl FnOnce(&Fact<K>, Stamp) + Send + 'static,
    ) -> Flight<K> {
        let (tell, told) = oneshot::channel();
        let abandoned = || Err(Failure::outage(Outage::Abandoned));
        let flight = told.map(move |told| told.unwrap_or_else(|_| abandoned())).boxed().shared();
        self.held.insert(self.key, flight.clone());
        let landing = Landing { flights: Flights(Arc::clone(&self.flights.0)), key: self.key };
        // Before the task is spawned: a runtime that shuts down drops it on the spot, and to land takes
        // the same lock.
        drop(self);
        tokio::spawn(async move {
            let outcome = {
                let _landing = landing;
                let outcome = question.await;
                if let Ok((fact, stamp)) = &outcome {
                    keep(fact, *stamp);
                }
                outcome
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
}

impl<K> Drop for Landing<K> {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}
