use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, FutureExt, Shared};
use introspectd_core::{Failure, Outage};
use tokio::sync::oneshot;

use crate::fact::Fact;
use crate::key::Key;

pub(crate) type Outcome = Result<Arc<Fact>, Failure>;

/// A question under way, to be awaited by any number of requests.
///
/// It runs in a task of its own: a request that goes away, the first one included, takes nothing from
/// the others, and the fact still reaches the cache.
pub(crate) type Flight = Shared<BoxFuture<'static, Outcome>>;

/// The questions under way, one at most for each key.
#[derive(Clone, Default)]
pub(crate) struct Flights(Arc<Mutex<HashMap<Key, Flight>>>);

/// What a request finds when it comes to ask.
pub(crate) enum Boarding<'a> {
    /// The same question is under way.
    Under(Flight),
    /// It is not, and nobody else can start it while this turn is held.
    Turn(Turn<'a>),
}

/// The right to start the question of one key.
pub(crate) struct Turn<'a> {
    flights: &'a Flights,
    key: Key,
    held: MutexGuard<'a, HashMap<Key, Flight>>,
}

impl Flights {
    pub(crate) fn board(&self, key: Key) -> Boarding<'_> {
        let held = self.lock();
        match held.get(&key) {
            Some(flight) => Boarding::Under(flight.clone()),
            None => Boarding::Turn(Turn { flights: self, key, held }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// Starts the question. When it ends, however it ends, its place is free again before anyone hears
    /// of it: whoever asks after that asks anew.
    pub(crate) fn start(mut self, question: impl Future<Output = Outcome> + Send + 'static) -> Flight {
        let (tell, told) = oneshot::channel();
        let flight =
            told.map(|told| told.unwrap_or(Err(Failure::outage(Outage::Abandoned)))).boxed().shared();
        self.held.insert(self.key, flight.clone());
        let landing = Landing { flights: self.flights.clone(), key: self.key };
        // Before the task is spawned: a runtime that shuts down drops it on the spot, and to land takes
        // the same lock.
        drop(self);
        tokio::spawn(async move {
            let outcome = {
                let _landing = landing;
                question.await
            };
            // Nobody may be waiting any more.
            drop(tell.send(outcome));
        });
        flight
    }
}

struct Landing {
    flights: Flights,
    key: Key,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}
