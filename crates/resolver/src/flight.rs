use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{BoxFuture, Either, FutureExt, Shared};
use introspectd_core::ask::Context;
use introspectd_core::{Aside, Failure, Outage};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::fact::{Fact, Keep};
use crate::key::Key;
use crate::stamp::Stamp;

/// Outcome of a flight. A waiter compares it with the purges when it takes it, which may be long
/// after the flight has landed.
pub(crate) type Outcome<K> = Result<(Fact<K>, Origin), Failure>;

/// Origin of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) stamp: Stamp,
    /// Moment of its request, by [`Clock::elapsed`](introspectd_core::Clock::elapsed).
    pub(crate) asked_at: Duration,
    /// True if another replica asked for it.
    pub(crate) is_shared: bool,
}

/// Upstream request in flight, shared by all waiters.
///
/// It runs in a task of its own: a waiter that goes away, the first one included, takes nothing
/// from the others, and the fact still reaches the cache.
pub(crate) type Flight<K> = Shared<BoxFuture<'static, Outcome<K>>>;

/// Context of a request, made only after a miss. A flight is part of that of its leader.
pub(crate) type Asking<'a> = &'a (dyn Fn() -> Context + Sync);

/// Requests in flight, at most one for each key.
pub(crate) struct Flights<K> {
    in_flight: Arc<Mutex<InFlight<K>>>,
    /// Runtime on which flights with a large answer end.
    aside: Option<Handle>,
}

type InFlight<K> = HashMap<Key, Flight<K>>;

/// Role of a request that missed the cache.
pub(crate) enum Role<'a, K> {
    /// The same request is in flight.
    Waiter(Flight<K>),
    /// No other request can start it while the leader exists.
    Leader(Leader<'a, K>),
}

/// Exclusive right to start the request for a key.
pub(crate) struct Leader<'a, K> {
    flights: &'a Flights<K>,
    key: Key,
    in_flight: MutexGuard<'a, InFlight<K>>,
}

impl<K> Clone for Flights<K> {
    fn clone(&self) -> Self {
        Self {
            in_flight: Arc::clone(&self.in_flight),
            aside: self.aside.clone(),
        }
    }
}

impl<K> Flights<K> {
    pub(crate) fn new(aside: Option<Handle>) -> Self {
        Self {
            in_flight: Arc::default(),
            aside,
        }
    }

    /// Creates an empty map whose flights end where those of this one do.
    pub(crate) fn alike(&self) -> Self {
        Self::new(self.aside.clone())
    }

    pub(crate) fn join_or_lead(&self, key: Key) -> Role<'_, K> {
        let in_flight = self.lock();
        match in_flight.get(&key) {
            Some(flight) => Role::Waiter(flight.clone()),
            None => Role::Leader(Leader {
                flights: self,
                key,
                in_flight,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, InFlight<K>> {
        self.in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Keep> Leader<'_, K> {
    /// Starts the request, and hands its fact to `keep`. The flight leaves the map before its
    /// outcome is published, however it ends: a request after that starts another.
    pub(crate) fn start(
        mut self,
        request: impl Future<Output = Outcome<K>> + Send + 'static,
        keep: impl FnOnce(&Fact<K>, Origin) + Send + 'static,
    ) -> Flight<K> {
        let (publish, outcome) = oneshot::channel();
        let flight = outcome
            .map(|outcome| outcome.unwrap_or_else(abandoned))
            .boxed()
            .shared();
        self.in_flight.insert(self.key, flight.clone());
        let landing = Landing {
            flights: self.flights.clone(),
            key: self.key,
        };
        let aside = self.flights.aside.clone();
        // Before the task is spawned: a runtime that shuts down drops it on the spot, and the
        // landing takes the same lock.
        drop(self);
        let answered = match aside {
            Some(runtime) => Either::Left(movable(request, runtime)),
            None => Either::Right(request),
        };
        drop(tokio::spawn(async move {
            let outcome = {
                let _landing = landing;
                let outcome = answered.await;
                if let Ok((fact, origin)) = &outcome {
                    keep(fact, *origin);
                }
                outcome
            };
            // Every waiter may have left.
            drop(publish.send(outcome));
        }));
        flight
    }
}

/// Runs a request here, and from when it wants to go aside on that runtime. Its thread may starve,
/// so what takes locks that others need stays here.
fn movable<K: Keep>(
    request: impl Future<Output = Outcome<K>> + Send + 'static,
    runtime: Handle,
) -> impl Future<Output = Outcome<K>> + Send {
    let aside = Aside::default();
    let mut request = Box::pin(aside.clone().scope(request));
    async move {
        let here = poll_fn(|cx| match request.as_mut().poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending if aside.is_wanted() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        match here.await {
            Some(outcome) => outcome,
            None => runtime.spawn(request).await.unwrap_or_else(abandoned),
        }
    }
}

/// Outcome of a request whose task ended without one.
fn abandoned<K, E>(_: E) -> Outcome<K> {
    Err(Failure::outage(Outage::Abandoned))
}

/// Removal of a flight from the map, when dropped.
struct Landing<K> {
    flights: Flights<K>,
    key: Key,
}

impl<K> Drop for Landing<K> {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}
